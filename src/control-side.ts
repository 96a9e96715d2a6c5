/** The port that the control side is given: the warden's acts, the store, and the issuing of tokens. */
import { eq } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { Warden } from './admission/warden.ts';
import type { Actor, Control, IssuedToken } from './control.ts';
import type { Clock } from './deps.ts';
import { insertAct } from './log/acts.ts';
import type { Db } from './store/db.node.ts';
import { testers, tokens } from './store/schema.ts';
import type { Writer } from './store/writer.ts';
import { LifetimeTooLong, TesterUnknown } from './token/faults.ts';
import { signToken } from './token/issue.ts';
import { OWN_AUDIENCE } from './token/issuers.ts';
import type { SigningKeys } from './token/keys.ts';

export interface ControlParts {
  readonly warden: Warden;
  readonly writer: Writer;
  readonly db: Db;
  readonly reader: Db;
  readonly now: Clock;
  readonly issuer: string;
  readonly keys: SigningKeys;
  readonly lifetimeDays: number;
  readonly maxLifetimeDays: number;
  readonly cohortsWithRules: readonly string[] | 'all';
}

const DAY_MS = 86_400_000;

export function createControl(parts: ControlParts): Control {
  const { warden, writer, db, reader, now, cohortsWithRules } = parts;
  return {
    now,
    reader,
    writer: db,
    cohortsWithRules,
    write: (job) => writer.write(job),
    stop: (order, actor) => warden.stop(order, actor),
    release: (scope, reason, actor) => warden.release(scope, reason, actor),
    issueToken: (tester, days, actor) => issueToken(parts, tester, days ?? parts.lifetimeDays, actor),
    live: () => warden.live(),
  };
}

async function issueToken(
  parts: ControlParts,
  tester: string,
  days: number,
  actor: Actor,
): Promise<IssuedToken> {
  const { db, writer, now, issuer, keys, maxLifetimeDays } = parts;
  if (days > maxLifetimeDays) throw new LifetimeTooLong(maxLifetimeDays);
  const issuedAt = now();
  const expiresAt = Math.floor((issuedAt + days * DAY_MS) / 1000) * 1000;
  const jti = uuidv7();
  const token = await signToken({ issuer, audience: OWN_AUDIENCE, tester, jti, issuedAt, expiresAt }, keys);
  await writer.write(() => {
    if (!db.select({ id: testers.id }).from(testers).where(eq(testers.id, tester)).get())
      throw new TesterUnknown(tester);
    db.insert(tokens).values({ jti, tester, issuedAt, expiresAt }).run();
    insertAct(db, actor, { at: issuedAt, act: 'token.issue', subject: `${tester} ${jti}` });
  });
  return { token, jti, tester, expiresAt: new Date(expiresAt).toISOString() };
}
