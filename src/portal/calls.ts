/** A tester's own calls: what the tester sent and was told, and nothing that is the operators'. */
import { and, eq, inArray } from 'drizzle-orm';
import { iso } from '../iso.ts';
import type { Broken } from '../policy/judge.ts';
import { REFUSALS, Refusal } from '../refusal.ts';
import { objects, switches } from '../store/schema.ts';
import { isVisit } from './days.ts';
import type { Portal, Visitor } from './portal.ts';

export interface Call {
  /** The X-Request-Id of its answer. */
  readonly id: string;
  readonly at: string;
  readonly method: string;
  readonly path: string;
  readonly operation: string | null;
  readonly model: string | null;
  readonly decision: 'allowed' | 'refused';
  /** Null while it is open; complete, cut, client-gone, upstream-error, lost, or the refusal's code. */
  readonly outcome: string | null;
  readonly status: number | null;
  readonly seconds: number | null;
  readonly used: Readonly<Record<string, number>> | null;
}

export interface CallDetail extends Call {
  /** The public text of how it ended, with the operators' public reason where there is one. */
  readonly text: string | null;
  /** The rules that it broke, as the tester was told then. */
  readonly rules: readonly Broken[];
  readonly size: string | null;
  readonly n: number | null;
  readonly durationMs: number | null;
  readonly firstByteMs: number | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly outputHash: string | null;
  /** Those that are the tester's own. */
  readonly objects: readonly string[];
}

interface Row {
  readonly id: string;
  readonly at: number;
  readonly tester: string;
  readonly method: string;
  readonly path: string;
  readonly operation: string | null;
  readonly model: string | null;
  readonly decision: 'allowed' | 'refused';
  readonly outcome: string | null;
  readonly status: number | null;
  readonly seconds: number | null;
  readonly used: string | null;
  readonly rule: string | null;
  readonly brokenRules: string | null;
  readonly size: string | null;
  readonly n: number | null;
  readonly durationMs: number | null;
  readonly firstByteMs: number | null;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly outputHash: string | null;
  readonly objects: string | null;
}

const BRIEF = `id, at, method, path, operation, model, decision, outcome, status, seconds, coalesce(job_used, used) as used`;
const FULL = `${BRIEF}, tester, rule, broken_rules as brokenRules, size, n, duration_ms as durationMs, first_byte_ms as firstByteMs,
  bytes_in as bytesIn, bytes_out as bytesOut, output_hash as outputHash, objects`;

/** How a call that was let through can end. */
const ENDS: Readonly<Record<string, string>> = {
  complete: 'The answer arrived whole.',
  cut: 'A stop ended the answer.',
  'client-gone': 'Your client left before the answer had ended.',
  'upstream-error': 'The model API broke off its answer.',
  lost: 'The gateway went down while the call was open.',
};

export interface CallsPage {
  readonly calls: readonly Call[];
  /** For `before`, to read on; null: this was all. */
  readonly next: string | null;
}

/** Newest first; a page that held visits is shorter. */
export function readCalls(
  { find }: Portal,
  { tester }: Visitor,
  asked: { readonly outcome?: string | undefined; readonly before?: string | undefined },
  limit: number,
): CallsPage {
  const { outcome, before } = asked;
  const filters = outcome === undefined ? { tester } : { tester, outcome };
  const question = { filters, since: null, until: null, ...(before === undefined ? {} : { before }) };
  const rows = find.page(question, limit + 1, BRIEF) as unknown as Row[];
  const page = rows.slice(0, limit);
  const calls = page.filter(({ operation }) => !isVisit(operation)).map(callOf);
  return { calls, next: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
}

/** How calls can have ended: those that were let through, and those that were refused. */
export const OUTCOMES: readonly string[] = [
  ...Object.keys(ENDS),
  ...Object.entries(REFUSALS)
    .filter(([, { status }]) => [403, 404, 429, 502, 504].includes(status))
    .map(([code]) => code),
];

/** @throws Refusal as if it did not exist, for another tester's too */
export function readCall(portal: Portal, visitor: Visitor, id: string): CallDetail {
  const row = ownRow(portal, visitor, id);
  const { size, n, durationMs, firstByteMs, bytesIn, bytesOut, outputHash } = row;
  const facts = { size, n, durationMs, firstByteMs, bytesIn, bytesOut, outputHash };
  const rules = row.brokenRules === null ? [] : (JSON.parse(row.brokenRules) as Broken[]);
  const told = { text: textOf(portal, row), rules };
  return { ...callOf(row), ...told, ...facts, objects: ownOf(portal, visitor, row) };
}

/** @throws Refusal unless the call is the visitor's own */
export function ownRow({ reader }: Portal, { tester }: Visitor, id: string): Row {
  const row = reader.$client.prepare<[string], Row>(`select ${FULL} from requests where id = ?`).get(id);
  if (!row || row.tester !== tester) throw new Refusal('object_unknown', 'no call of this tester');
  return row;
}

function callOf({
  at,
  used,
  id,
  method,
  path,
  operation,
  model,
  decision,
  outcome,
  status,
  seconds,
}: Row): Call {
  const told = { id, at: iso(at), method, path, operation, model, decision, outcome, status, seconds };
  return { ...told, used: used === null ? null : (JSON.parse(used) as Record<string, number>) };
}

function textOf(portal: Portal, { outcome, rule }: Row): string | null {
  if (outcome === null) return null;
  const text = Object.hasOwn(REFUSALS, outcome)
    ? REFUSALS[outcome as keyof typeof REFUSALS].text
    : (ENDS[outcome] ?? null);
  const reason = reasonOf(portal, rule);
  return reason === null ? text : `${text ?? ''} ${reason}`.trim();
}

/** What operators said to testers with the switch that decided. */
function reasonOf({ reader }: Portal, rule: string | null): string | null {
  const id = /^switch:(\d{1,15})$/.exec(rule ?? '')?.[1];
  if (id === undefined) return null;
  return (
    reader
      .select()
      .from(switches)
      .where(eq(switches.id, Number(id)))
      .get()?.reason ?? null
  );
}

/** A refused call can name what is another tester's. */
function ownOf({ reader }: Portal, { tester }: Visitor, { objects: named }: Row): string[] {
  const ids = named === null ? [] : (JSON.parse(named) as string[]);
  if (ids.length === 0) return [];
  const own = reader.select({ id: objects.id }).from(objects);
  return own
    .where(and(inArray(objects.id, ids), eq(objects.tester, tester)))
    .all()
    .map(({ id }) => id);
}
