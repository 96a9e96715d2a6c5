/** The first thing an operator looks at: open or stopped, since when, by whom, why; and today's counts. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, asc, count, desc, eq, isNull, ne, type SQL, sql } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { DRILL } from '../gateway/drill.ts';
import { iso, isoOrNull } from '../iso.ts';
import { cohorts, requests, switches, testers } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { Armed, armedBody } from './drills.ts';
import { countRequests } from './request-rows.ts';
import { engagedIso } from './switch-rows.ts';

const total = z.number().int();

const Engaged = z
  .object({
    id: total,
    scope: z.string(),
    since: Time,
    by: z.string(),
    reason: z.string().nullable(),
  })
  .openapi('Engaged');

const Status = z
  .object({
    open: z.boolean().openapi({ description: 'False: everything is stopped, or the log takes no writes' }),
    switches: z.array(Engaged).openapi({ description: 'Engaged stops, the global one first' }),
    revocations: total.openapi({ description: 'Revocations so far, of any scope' }),
    live: z.object({ node: z.string(), startedAt: Time, openCalls: total, logWritable: z.boolean() }),
    armed: Armed,
    today: z
      .object({ since: Time, calls: total, refused: total, open: total })
      .openapi({ description: 'Since midnight UTC; `open` is every call that has not ended' }),
    log: z
      .object({
        entries: total,
        signed: total.openapi({ description: 'Entries that the last checkpoint signs' }),
        signedAt: Time.nullable(),
        oldest: Time.nullable().openapi({ description: 'Of the oldest row that is still kept' }),
      })
      .openapi({ description: 'The tamper-evident log' }),
    testers: total,
    cohorts: total,
    version: z.string(),
    now: Time,
  })
  .openapi('Status');

const status = createRoute({
  method: 'get',
  path: '/admin/status',
  tags: ['status'],
  security: SECURED,
  responses: answers(Status, 'The state of the programme'),
});

export function statusRoutes(control: Control, version: string) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(status, async (c) => {
    return c.json(await readStatus(control, version), 200);
  });
}

async function readStatus(control: Control, version: string) {
  const nowMs = control.now();
  const midnightMs = nowMs - (nowMs % 86_400_000);
  const live = control.live();
  const engaged = readEngaged(control);
  return {
    open: live.logWritable && !engaged.some(({ scope }) => scope === 'global'),
    switches: engaged,
    revocations: countRows(control, switches, eq(switches.effect, 'revoke')),
    live: { ...live, startedAt: iso(live.startedAt) },
    armed: armedBody(control.drills.armed()),
    today: { since: iso(midnightMs), ...(await countRequests(control, midnightMs)) },
    log: readLog(control),
    testers: countRows(control, testers, ne(testers.id, DRILL)),
    cohorts: countRows(control, cohorts, ne(cohorts.name, DRILL)),
    version,
    now: iso(nowMs),
  };
}

function readLog({ log, reader }: Control) {
  const last = log.checkpoint();
  const [oldest] = reader.select({ at: requests.at }).from(requests).orderBy(asc(requests.id)).limit(1).all();
  return {
    entries: log.size,
    signed: last?.size ?? 0,
    signedAt: isoOrNull(last?.at ?? null),
    oldest: isoOrNull(oldest?.at ?? null),
  };
}

/** Engaged stops, the global one first. */
export function readEngaged({ reader }: Control) {
  const rows = reader
    .select()
    .from(switches)
    .where(and(isNull(switches.releasedAt), eq(switches.effect, 'stop')))
    .orderBy(desc(sql`${switches.scope} = 'global'`), desc(switches.id));
  return rows.all().map(({ id, scope, reason, engagedAt, engagedBy }) => {
    return { id, scope, since: engagedIso(engagedAt), by: engagedBy, reason };
  });
}

function countRows(
  { reader }: Control,
  table: typeof switches | typeof testers | typeof cohorts,
  where?: SQL,
): number {
  return reader.select({ n: count() }).from(table).where(where).get()?.n ?? 0;
}
