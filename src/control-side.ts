/** The port that the control side is given: the warden's acts, the store, the issuing of tokens, and the keys. */
import { eq } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import { policiesIn } from './admission/policies.ts';
import { roomIn } from './admission/room.ts';
import { issuedAfterRevocations } from './admission/switches.ts';
import type { Warden } from './admission/warden.ts';
import type { Outbox } from './alerts/outbox.ts';
import type { Settings } from './config.ts';
import type { Actor, Control, IssuedToken, Releasing, Totals } from './control.ts';
import { keysInForce, rotateKeys, withdrawKey } from './control-keys.ts';
import { type Can, checkPolicy, loadPolicy } from './control-policy.ts';
import type { Clock, Staged, Upstream } from './deps.ts';
import type { Drills } from './drills.ts';
import { insertAct } from './log/acts.ts';
import type { LogSide } from './log/log-side.ts';
import type { Sha256 } from './log/merkle.ts';
import { openContent } from './outputs/content.ts';
import type { Inspector } from './outputs/inspection.ts';
import type { LinkSigner } from './outputs/link-token.ts';
import type { Db } from './store/db.node.ts';
import { testers, tokens } from './store/schema.ts';
import type { Writer } from './store/writer.ts';
import { LifetimeTooLong, TesterUnknown } from './token/faults.ts';
import { signToken } from './token/issue.ts';
import { OWN_AUDIENCE } from './token/issuers.ts';
import type { KeyFile } from './token/key-file.ts';
import type { SigningKeys } from './token/keys.ts';

export interface ControlParts {
  readonly warden: Warden;
  readonly writer: Writer;
  readonly db: Db;
  readonly reader: Db;
  readonly now: Clock;
  readonly log: LogSide;
  readonly forget: (tester: string) => number;
  readonly upstream: Upstream;
  readonly links: LinkSigner;
  readonly inspector: Inspector;
  readonly releasing: Releasing;
  /** @param own those of this process */
  readonly totals: (own: Totals) => Promise<Totals>;
  readonly keys: SigningKeys;
  readonly stageKeys: (file: KeyFile) => Staged;
  readonly lifetimeDays: number;
  readonly maxLifetimeDays: number;
  readonly sha256: Sha256;
  readonly can: Can;
  readonly outsideIssuers: boolean;
  readonly outbox: Outbox;
  readonly settings: Settings;
  readonly drills: (control: Omit<Control, 'drills'>) => Drills;
}

const DAY_MS = 86_400_000;

export function createControl(parts: ControlParts): Control {
  const { warden, writer, db, reader, now } = parts;
  const policies = policiesIn(reader);
  // A token that a rotation did not see would outlive its key: what touches keys goes one after another.
  const inTurn = oneAfterAnother();
  const control: Omit<Control, 'drills'> = {
    now,
    reader,
    writer: db,
    outsideIssuers: parts.outsideIssuers,
    outbox: parts.outbox,
    settings: parts.settings,
    totals: () => parts.totals({ ...warden.counts, open: warden.live().openCalls }),
    log: parts.log,
    forget: parts.forget,
    write: (job) => writer.write(job),
    stop: (order, actor) => warden.stops.stop(order, actor),
    release: (scope, reason, actor) => warden.stops.release(scope, reason, actor),
    readmit: (id, scopes, reason, actor) => warden.stops.readmit(id, scopes, reason, actor),
    reach: (scope) => warden.stops.reach(scope),
    issueToken: (tester, days, actor, renews) =>
      inTurn(() => issueToken(parts, { tester, days: days ?? parts.lifetimeDays, renews }, actor)),
    keys: () => keysInForce(parts.keys),
    rotateKeys: (overlapMs, actor) => inTurn(() => rotateKeys(parts, overlapMs, actor)),
    withdrawKey: (kid, actor) => inTurn(() => withdrawKey(parts, kid, actor)),
    policy: policies.inForce,
    checkPolicy: (text) => checkPolicy(text, parts.can),
    loadPolicy: (order, actor) => loadPolicy(parts, order, actor),
    content: (ask, signal) => openContent(parts.upstream, ask, signal),
    recheck: () => warden.recheck(),
    links: parts.links,
    inspector: parts.inspector,
    releasing: parts.releasing,
    live: () => warden.live(),
    room: roomIn({
      db: reader,
      rules: (cohort) => policies.inForce()?.policy.cohort(cohort) ?? null,
      held: (tester) => warden.held(tester),
      now,
    }),
  };
  return { ...control, drills: parts.drills(control) };
}

interface Order {
  readonly tester: string;
  readonly days: number;
  readonly renews: string | undefined;
}

async function issueToken(
  parts: ControlParts,
  { tester, days, renews }: Order,
  actor: Actor,
): Promise<IssuedToken> {
  const { db, writer, now, keys, maxLifetimeDays } = parts;
  if (days > maxLifetimeDays) throw new LifetimeTooLong(maxLifetimeDays);
  const issuedAt = now();
  const expiresAt = Math.floor((issuedAt + days * DAY_MS) / 1000) * 1000;
  const jti = uuidv7();
  const { issuer } = keys.file();
  const grant = { issuer, audience: OWN_AUDIENCE, tester, jti, issuedAt, expiresAt };
  const token = await signToken(grant, keys.signing());
  await writer.write(() => {
    if (!db.select({ id: testers.id }).from(testers).where(eq(testers.id, tester)).get())
      throw new TesterUnknown(tester);
    db.insert(tokens)
      .values({ jti, tester, issuedAt: issuedAfterRevocations(db, issuedAt), expiresAt })
      .run();
    const act = renews === undefined ? 'token.issue' : 'token.renew';
    const subject = [tester, renews, jti].filter((one) => one !== undefined).join(' ');
    insertAct(db, actor, { at: issuedAt, act, subject });
  });
  return { token, jti, tester, expiresAt: new Date(expiresAt).toISOString() };
}

function oneAfterAnother(): <T>(job: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (job) => {
    const run = last.then(job);
    last = run.catch(() => {});
    return run;
  };
}
