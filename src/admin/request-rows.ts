/** The request log as the store holds it: filters, keyset pages, and the counts of a day. */
import { and, asc, count, desc, eq, gt, gte, isNull, lt, type SQL, sql } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { firstIdOf, LONGEST_CALL_MS } from '../log/id.ts';
import { requests } from '../store/schema.ts';
import { iso } from './answer.ts';
import { instantMs } from './instant.ts';

const COLUMNS = ['tester', 'cohort', 'token', 'operation', 'model', 'outcome', 'status', 'decision'] as const;
type Column = (typeof COLUMNS)[number];

export type RequestQuery = { readonly [K in Column]?: (typeof requests.$inferSelect)[K] } & {
  readonly since?: string;
  readonly until?: string;
  readonly before?: string;
  readonly after?: string;
  readonly limit: number;
};

/** Ids run ahead of the clock while it is set back; ids narrow the range, `at` decides. */
const ID_SLACK_MS = 60_000;

/** Newest first; with `after`, oldest first. */
export function readRequests({ reader, now }: Control, query: RequestQuery) {
  const order = query.after === undefined ? desc(requests.id) : asc(requests.id);
  const rows = reader
    .select()
    .from(requests)
    .where(and(...equalities(query), ...span(query, now()), ...cursors(query)))
    .orderBy(order)
    .limit(query.limit);
  return rows.all().map(requestBody);
}

export function readRequest({ reader }: Control, id: string) {
  const row = reader.select().from(requests).where(eq(requests.id, id)).get();
  return row && requestBody(row);
}

/** `calls` and `refused` since that time; a row that stands for repeated refusals counts as often. */
export function countRequests({ reader, now }: Control, sinceMs: number) {
  const counts = reader
    .select({
      calls: sql<number>`coalesce(sum(${requests.repeats}), 0)`,
      refused: sql<number>`coalesce(sum(iif(${requests.decision} = 'refused', ${requests.repeats}, 0)), 0)`,
    })
    .from(requests)
    .where(and(...from(sinceMs)))
    .get();
  const recent = gte(requests.id, firstIdOf(now() - LONGEST_CALL_MS));
  const open = reader
    .select({ n: count() })
    .from(requests)
    .where(and(recent, isNull(requests.outcome)))
    .get();
  return { calls: counts?.calls ?? 0, refused: counts?.refused ?? 0, open: open?.n ?? 0 };
}

function requestBody(row: typeof requests.$inferSelect) {
  return { ...row, at: iso(row.at) };
}

/** The outcome `open` is that of a call which has not ended. */
function equalities(query: RequestQuery): SQL[] {
  return COLUMNS.filter((column) => query[column] !== undefined).map((column) =>
    column === 'outcome' && query.outcome === 'open'
      ? isNull(requests.outcome)
      : sql`${requests[column]} = ${query[column]}`,
  );
}

function span({ since, until }: RequestQuery, nowMs: number): SQL[] {
  const conditions = since === undefined ? [] : from(instantMs(since, nowMs));
  if (until === undefined) return conditions;
  const untilMs = instantMs(until, nowMs);
  return [...conditions, lt(requests.at, untilMs), lt(requests.id, firstIdOf(untilMs + ID_SLACK_MS))];
}

function from(sinceMs: number): SQL[] {
  return [gte(requests.at, sinceMs), gte(requests.id, firstIdOf(sinceMs - ID_SLACK_MS))];
}

function cursors({ before, after }: RequestQuery): SQL[] {
  const conditions = [];
  if (before !== undefined) conditions.push(lt(requests.id, before));
  if (after !== undefined) conditions.push(gt(requests.id, after));
  return conditions;
}
