/** Puts a usage policy in force: read as a whole or refused as a whole, kept as a version, written down as an act. */
import { createTwoFilesPatch } from 'diff';
import { desc, eq } from 'drizzle-orm';
import type { Actor } from './control.ts';
import type { Clock } from './deps.ts';
import { OPERATIONS } from './gateway/routes.ts';
import { insertAct } from './log/acts.ts';
import type { Sha256 } from './log/merkle.ts';
import { type Policy, PolicyError, readPolicy } from './policy/policy.ts';
import { masked } from './printable.ts';
import type { Db } from './store/db.node.ts';
import { policies } from './store/schema.ts';
import type { Writer } from './store/writer.ts';

export interface PolicyOrder {
  readonly text: string;
  /** `config`: what the configuration names, taken up when it has changed since it was last taken up. */
  readonly source: 'config' | 'api';
  readonly reason?: string | null;
}

export interface Loaded {
  readonly version: number;
  /** False: this text is in force already. */
  readonly changed: boolean;
  readonly diff: string;
}

interface Parts {
  readonly db: Db;
  readonly writer: Pick<Writer, 'write'>;
  readonly now: Clock;
  readonly sha256: Sha256;
  readonly can: Can;
}

/** What this gate is able to do for a policy. */
export interface Can {
  readonly moderate: boolean;
  readonly mark: boolean;
}

/** A difference that takes longer to find is not shown: calls wait meanwhile. */
const DIFF_MS = 200;

/** The fault, and its mend, where clips are to be marked and nothing can. */
export const NOT_MARKED =
  'it asks for watermarks, and ffmpeg and ffprobe are not installed here: install them, or leave "watermark" out';

/** @throws PolicyError */
export function checkPolicy(text: string, can: Can): Policy {
  const policy = readPolicy(text, OPERATIONS);
  const faults = [
    ...(masked(text) === text ? [] : ['it holds a credential; leave that out']),
    ...(policy.moderates && !can.moderate
      ? ['it asks for moderation, and the configuration names no service (moderation.url)']
      : []),
    ...(policy.marks && !can.mark ? [NOT_MARKED] : []),
  ];
  if (faults.length > 0) throw new PolicyError(faults.map((message) => ({ line: 1, col: 1, message })));
  return policy;
}

/** @throws PolicyError */
export async function loadPolicy(parts: Parts, order: PolicyOrder, actor: Actor): Promise<Loaded> {
  const { db, writer, now, sha256, can } = parts;
  const { text, source, reason = null } = order;
  checkPolicy(text, can);
  const hash = Buffer.from(sha256(new TextEncoder().encode(text))).toString('hex');
  return writer.write(() => {
    const before = newest(db);
    // What operators loaded since stays in force over a restart, until the file itself is changed.
    const known = source === 'config' ? newest(db, 'config') : before;
    if (before && known?.sha256 === hash) return { version: before.id, changed: false, diff: '' };
    const diff = diffOf(before, text);
    const row = { at: now(), by: actor.operator, source, sha256: hash, text, diff };
    const { id: version } = db.insert(policies).values(row).returning({ id: policies.id }).get();
    const subject = `policy:${version} sha256:${hash}`;
    insertAct(db, actor, { at: row.at, act: 'policy.load', subject, reason });
    return { version, changed: true, diff };
  });
}

function newest(db: Db, source?: 'config') {
  return db
    .select()
    .from(policies)
    .where(source && eq(policies.source, source))
    .orderBy(desc(policies.id))
    .limit(1)
    .get();
}

export function diffOf(
  before: { readonly id: number; readonly text: string } | undefined,
  text: string,
): string {
  const name = before ? `version ${before.id}` : 'nothing';
  const options = { context: 3, timeout: DIFF_MS };
  return createTwoFilesPatch(name, 'proposed', before?.text ?? '', text, '', '', options) ?? '';
}
