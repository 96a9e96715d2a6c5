/** The request log as the admin API shows it: pages, one row, the counts of a day. */
import { eq, getTableColumns } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import { FACET_NAMES, type FacetName } from '../log/facets.ts';
import type { Filters, FoundRow, Question } from '../log/find.ts';
import { LONGEST_CALL_MS } from '../log/id.ts';
import type { Broken } from '../policy/judge.ts';
import { requests } from '../store/schema.ts';
import { instantMs } from './instant.ts';

export type RequestFilters = { readonly [K in FacetName]?: string | number } & {
  readonly since?: string;
  readonly until?: string;
};

export type RequestQuery = RequestFilters & {
  readonly before?: string;
  readonly after?: string;
  readonly limit: number;
};

type Row = typeof requests.$inferSelect;

/** All columns under the names that they have in the code. */
export const ROW_COLUMNS = Object.entries(getTableColumns(requests))
  .map(([name, column]) => `${column.name} as "${name}"`)
  .join(', ');

export function questionOf(query: RequestFilters, nowMs: number): Question {
  const filters: Filters = Object.fromEntries(
    FACET_NAMES.filter((name) => query[name] !== undefined).map((name) => [name, query[name]]),
  );
  const ms = (text: string | undefined) => (text === undefined ? null : instantMs(text, nowMs));
  return { filters, since: ms(query.since), until: ms(query.until) };
}

/** Newest first; with `after`, oldest first. */
export function readRequests({ log, now }: Control, query: RequestQuery) {
  const { before, after, limit } = query;
  const asked = { ...questionOf(query, now()), before, after };
  return log.find.page(asked, limit, ROW_COLUMNS).map(requestBody);
}

export function readRequest({ reader }: Control, id: string) {
  const row = reader.select().from(requests).where(eq(requests.id, id)).get();
  return row && requestBody(row);
}

/** `calls` and `refused` since that time; a row that stands for repeated refusals counts as often. */
export async function countRequests({ log, now }: Control, sinceMs: number) {
  const today = { since: sinceMs, until: null };
  const total = async (filters: Filters) => sumOf(await log.find.counts({ ...today, filters }, DAY_MS));
  const [calls, refused] = [await total({}), await total({ decision: 'refused' })];
  // They are in no block of the index: only the newest rows are looked through.
  const longest = { since: now() - LONGEST_CALL_MS, until: null, filters: { outcome: 'open' } };
  const open = sumOf(await log.find.counts(longest, DAY_MS));
  return { calls, refused, open };
}

const DAY_MS = 86_400_000;

function sumOf(counts: readonly { readonly calls: number }[]): number {
  return counts.reduce((sum, { calls }) => sum + calls, 0);
}

export function requestBody(found: Row | FoundRow) {
  const { jobUsed, ...row } = found as Row;
  const used = jobUsed ?? row.used;
  return {
    ...row,
    at: iso(row.at),
    objects: list(row.objects),
    shadow: list(row.shadow),
    brokenRules: rules(row.brokenRules),
    reserved: units(row.reserved),
    used: units(used),
  };
}

function list(text: string | null): string[] {
  return text === null ? [] : (JSON.parse(text) as string[]);
}

function rules(text: string | null): Broken[] {
  return text === null ? [] : (JSON.parse(text) as Broken[]);
}

function units(text: string | null): Record<string, number> | null {
  return text === null ? null : (JSON.parse(text) as Record<string, number>);
}
