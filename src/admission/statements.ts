/** The prepared statements of the way of a call; building one anew costs more than running it. */
import { and, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Db } from '../store/db.node.ts';
import { limits, requests, switches, testers, tokens } from '../store/schema.ts';
import type { CounterStore } from './limits.ts';

const p = sql.placeholder;

export function prepareStatements(db: Db) {
  return {
    /** The switches that touch one bearer, revocations included. */
    engaged: db
      .select({
        id: switches.id,
        scope: switches.scope,
        effect: switches.effect,
        reason: switches.reason,
        engagedAt: switches.engagedAt,
      })
      .from(switches)
      .where(
        and(
          isNull(switches.releasedAt),
          inArray(switches.scope, [p('global'), p('cohort'), p('tester'), p('token'), p('model')]),
        ),
      )
      .prepare(),
    allEngaged: db.select().from(switches).where(isNull(switches.releasedAt)).prepare(),
    /** Where a tester stands, and when this token was issued to this tester, if we issued it. */
    standing: db
      .select({ cohort: testers.cohort, limits: testers.limits, issuedAt: tokens.issuedAt })
      .from(testers)
      .leftJoin(tokens, and(eq(tokens.tester, testers.id), eq(tokens.jti, p('jti'))))
      .where(eq(testers.id, p('tester')))
      .prepare(),
    record: db.insert(requests).values(row(requests)).prepare(),
    settle: db
      .update(requests)
      .set({
        outcome: sql`${p('outcome')}`,
        rule: sql`coalesce(${p('rule')}, rule)`,
        detail: sql`${p('detail')}`,
        status: sql`${p('status')}`,
        upstreamStatus: sql`${p('upstreamStatus')}`,
        upstreamRequestId: sql`${p('upstreamRequestId')}`,
        firstByteMs: sql`${p('firstByteMs')}`,
        durationMs: sql`${p('durationMs')}`,
        bytesOut: sql`${p('bytesOut')}`,
      })
      .where(eq(requests.id, p('id')))
      .prepare(),
    repeat: db
      .update(requests)
      .set({ repeats: sql`repeats + 1` })
      .where(eq(requests.id, p('id')))
      .prepare(),
    loseOpen: db
      .update(requests)
      .set({ outcome: 'lost' })
      .where(isNull(requests.outcome))
      .prepare(),
  };
}

export type Statements = ReturnType<typeof prepareStatements>;

/** One placeholder for each column that admission fills. */
function row(_table: typeof requests) {
  return {
    id: p('id'),
    at: p('at'),
    tester: p('tester'),
    cohort: p('cohort'),
    token: p('token'),
    clientId: p('clientId'),
    clientRequestId: p('clientRequestId'),
    method: p('method'),
    path: p('path'),
    operation: p('operation'),
    model: p('model'),
    seconds: p('seconds'),
    size: p('size'),
    n: p('n'),
    address: p('address'),
    agent: p('agent'),
    decision: p('decision'),
    rule: p('rule'),
    outcome: p('outcome'),
    detail: p('detail'),
    status: p('status'),
    bytesIn: p('bytesIn'),
    durationMs: p('durationMs'),
  };
}

/** rate-limiter-flexible's counters in the `limits` table. */
export function counterStore(db: Db): CounterStore {
  const live = sql`(expire is null or expire > ${p('now')})`;
  const add = db
    .insert(limits)
    .values({ key: p('key'), points: p('points'), expire: p('expire') })
    .onConflictDoUpdate({
      target: limits.key,
      set: {
        points: sql`case when ${live} then points + excluded.points else excluded.points end`,
        expire: sql`case when ${live} then expire else excluded.expire end`,
      },
    })
    .returning({ points: limits.points, expire: limits.expire })
    .prepare();
  const replace = db
    .insert(limits)
    .values({ key: p('key'), points: p('points'), expire: p('expire') })
    .onConflictDoUpdate({ target: limits.key, set: { points: sql`excluded.points`, expire: sql`excluded.expire` } })
    .returning({ points: limits.points, expire: limits.expire })
    .prepare();
  const get = db
    .select({ points: limits.points, expire: limits.expire })
    .from(limits)
    .where(and(eq(limits.key, p('key')), live))
    .prepare();
  const remove = db.delete(limits).where(eq(limits.key, p('key'))).prepare();
  return {
    add: (key, points, expire, now, force) => (force ? replace : add).get({ key, points, expire, now }),
    get: (key, now) => get.get({ key, now }) ?? null,
    remove: (key) => remove.run({ key }).changes > 0,
  };
}
