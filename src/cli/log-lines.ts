/** Prints the request log, and follows it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { InferRequestType, InferResponseType } from 'hono/client';
import type { AdminClient } from '../admin/client.ts';
import { connect, done } from './connection.ts';
import { Refused } from './exit.ts';
import { digits, out, outJson, paint, plain } from './print.ts';

type Logged = InferResponseType<AdminClient['requests']['$get']>['requests'][number];
type Query = InferRequestType<AdminClient['requests']['$get']>['query'];
type Filters = Omit<Query, 'limit' | 'before' | 'after'>;

const PAGE = 1000;
const POLL_MS = 500;
/** A call is committed some time after its id was made, while its body arrives: so much is looked at again. */
const LOOK_BACK = '60s';
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

export async function printLog(
  { limit, ...filters }: Filters & { limit: number },
  { follow, json }: { follow: boolean; json: boolean },
): Promise<void> {
  const client = connect(process.env);
  const print = json ? outJson : (one: Logged) => out(logLine(one));
  // Read first: what ends between the two readings is then printed by one of them.
  const recent = follow ? await readRecent(client, filters) : [];
  const newest = await readNewest(client, filters, limit);
  for (const one of newest) print(one);
  if (follow) await followLog(client, filters, [...recent, ...newest], print);
}

/** Oldest first, as a log is read. */
async function readNewest(client: AdminClient, filters: Filters, limit: number): Promise<Logged[]> {
  const rows: Logged[] = [];
  let before: string | undefined;
  while (rows.length < limit) {
    const page = String(Math.min(PAGE, limit - rows.length));
    const { requests, next } = await done(
      client.requests.$get({ query: { ...filters, limit: page, before } }),
    );
    rows.push(...requests);
    if (next === null) break;
    before = next;
  }
  return rows.reverse();
}

/** Until interrupted: each call once, when it has ended; one shown open before is shown again. */
async function followLog(
  client: AdminClient,
  filters: Filters,
  known: readonly Logged[],
  print: (one: Logged) => void,
): Promise<never> {
  let printed = idsOf(known.filter(hasEnded));
  let open = idsOf(known.filter((one) => !hasEnded(one))).difference(printed);
  for (;;) {
    await sleep(POLL_MS);
    const recent = await readRecent(client, filters);
    const ids = new Set(recent.map(({ id }) => id));
    const older = await readEach(
      client,
      [...open].filter((id) => !ids.has(id)),
    );
    const rows = [...older, ...recent];
    for (const one of rows) if (hasEnded(one) && !printed.has(one.id)) print(one);
    printed = idsOf(rows.filter(hasEnded));
    open = idsOf(rows.filter((one) => !hasEnded(one)));
  }
}

async function readRecent(
  client: AdminClient,
  { since: _, until: __, ...filters }: Filters,
): Promise<Logged[]> {
  const rows: Logged[] = [];
  let after: string | null = FIRST_ID;
  while (after !== null) {
    const query: Query = { ...filters, since: LOOK_BACK, after, limit: String(PAGE) };
    const { requests, next }: { requests: Logged[]; next: string | null } = await done(
      client.requests.$get({ query }),
    );
    rows.push(...requests);
    after = next;
  }
  return rows;
}

async function readEach(client: AdminClient, ids: readonly string[]): Promise<Logged[]> {
  const rows = await Promise.all(ids.map((id) => readOne(client, id)));
  return rows.filter((one) => one !== null);
}

/** Null when the log no longer holds it. */
async function readOne(client: AdminClient, id: string): Promise<Logged | null> {
  try {
    return await done(client.requests[':id'].$get({ param: { id } }));
  } catch (fault) {
    if (fault instanceof Refused) return null;
    throw fault;
  }
}

function idsOf(rows: readonly Logged[]): Set<string> {
  return new Set(rows.map(({ id }) => id));
}

function hasEnded({ outcome }: Logged): boolean {
  return outcome !== null;
}

export function logLine(one: Logged): string {
  const status = String(one.status ?? '···').padEnd(3);
  const times = one.repeats > 1 ? ` ×${digits(one.repeats)}` : '';
  return [
    `${one.at.slice(0, 10)} ${one.at.slice(11)}`,
    column(one.tester, 16),
    column(one.operation ?? `${one.method} ${one.path}`, 24),
    column(one.model, 18),
    paint(colourOf(one), status),
    column((one.outcome ?? 'open') + times, 22),
    `${one.durationMs === null ? '–' : digits(Math.round(one.durationMs))} ms`.padStart(10),
    `${digits(one.bytesOut)} B`.padStart(13),
    paint('dim', one.id),
  ].join('  ');
}

function colourOf({ status, decision }: Logged) {
  if (decision === 'refused') return 'yellow';
  return (status ?? 0) >= 400 ? 'red' : 'green';
}

/** As wide as told; what is cut off is marked. */
function column(text: string | null, width: number): string {
  const shown = plain(text);
  return (shown.length > width ? `${shown.slice(0, width - 1)}…` : shown).padEnd(width);
}
