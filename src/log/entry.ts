/**
 * What a leaf of the log's tree says: JSON text, made from the row again by whoever verifies. Members stand in a fixed
 * order and null ones are left out, so that a later version can add some without changing what older rows say.
 */
import type { acts, readmissions, requests, switches } from '../store/schema.ts';

type Row<Table extends { $inferSelect: unknown }> = Table['$inferSelect'];

/** Kinds whose rows have a number for their key. */
export const isNumbered = (kind: Kind): boolean =>
  kind === 'act' || kind === 'switch' || kind === 'released' || kind === 'readmitted';

/** In the order of their codes, which stand in the database: add at the end only. */
export const KINDS = [
  'request',
  'settled',
  'units',
  'repeated',
  'act',
  'switch',
  'released',
  'captured',
  'readmitted',
] as const;
export type Kind = (typeof KINDS)[number];

export type RequestRow = Row<typeof requests>;
export type Settled = Pick<
  RequestRow,
  | 'id'
  | 'rule'
  | 'outcome'
  | 'detail'
  | 'status'
  | 'upstreamStatus'
  | 'upstreamRequestId'
  | 'firstByteMs'
  | 'durationMs'
  | 'bytesIn'
  | 'bytesOut'
  | 'used'
  | 'outputHash'
  | 'objects'
>;
export type Admitted = Omit<
  RequestRow,
  | keyof Pick<
      Settled,
      'upstreamStatus' | 'upstreamRequestId' | 'firstByteMs' | 'bytesOut' | 'used' | 'outputHash'
    >
  | 'jobUsed'
  | 'leaf'
  | 'settledLeaf'
  | 'repeats'
>;

/** The row as it was written. What settling writes over is in it only where nothing is settled: in a refusal. */
export function requestEntry(row: Admitted): string {
  const { id, at, tester, cohort, token, clientId, clientRequestId, method, path } = row;
  const { operation, model, seconds, size, n, node, reserved, address, agent, decision, policy, shadow } =
    row;
  const seen = { address, agent, decision, policy, shadow };
  const asked = { operation, model, seconds, size, n, node, reserved, ...seen };
  const asWritten = { id, at, tester, cohort, token, clientId, clientRequestId, method, path, ...asked };
  if (decision === 'allowed') return text('request', asWritten);
  const { rule, outcome, detail, status, durationMs, bytesIn, objects, brokenRules } = row;
  const ended = { rule, outcome, detail, status, durationMs, bytesIn, objects, brokenRules };
  return text('request', { ...asWritten, ...ended });
}

export function settledEntry(row: Settled): string {
  const { id, rule, outcome, detail, status, upstreamStatus, upstreamRequestId } = row;
  const { firstByteMs, durationMs, bytesIn, bytesOut, used, outputHash, objects } = row;
  const told = { id, rule, outcome, detail, status, upstreamStatus, upstreamRequestId };
  return text('settled', { ...told, firstByteMs, durationMs, bytesIn, bytesOut, used, outputHash, objects });
}

/** The job that the call began has ended. */
export function unitsEntry(id: string, used: string | null): string {
  return text('units', { id, used });
}

/** A refused call that was counted with an earlier one: the row's count is one more than there are of these. */
export function repeatedEntry(id: string): string {
  return text('repeated', { id });
}

export function actEntry(row: Omit<Row<typeof acts>, 'leaf'>): string {
  const { id, at, operator, act, subject, reason, address } = row;
  return text('act', { id, at, operator, act, subject, reason, address });
}

export function switchEntry(row: Row<typeof switches>): string {
  const { id, scope, effect, reason, engagedAt, engagedBy, note, until, cancels } = row;
  return text('switch', { id, scope, effect, reason, engagedAt, engagedBy, note, until, cancels });
}

export function releasedEntry({ id, releasedAt, releasedBy, releaseReason }: Row<typeof switches>): string {
  return text('released', { id, releasedAt, releasedBy, releaseReason });
}

export function readmittedEntry(row: Omit<Row<typeof readmissions>, 'leaf'>): string {
  const { id, switch: through, scope, reason, at, by } = row;
  return text('readmitted', { id, switch: through, scope, reason, at, by });
}

/** @param commitment hex, over a salt and the text; see log/captures.ts */
export function capturedEntry(request: string, part: string, commitment: string): string {
  return text('captured', { request, part, commitment });
}

function text(kind: Kind, members: Readonly<Record<string, string | number | null | undefined>>): string {
  const said: Record<string, string | number> = { kind };
  for (const name in members) {
    const value = members[name];
    if (value === null || value === undefined) continue;
    // SQLite keeps UTF-8, and so no lone surrogates: what is hashed must be what comes back.
    said[name] = typeof value === 'string' ? value.toWellFormed() : value;
  }
  return JSON.stringify(said);
}
