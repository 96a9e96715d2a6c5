/** The prepared statements of the way of a call: Drizzle writes their SQL from the schema, once; they run on the bare connection. */
import { and, desc, eq, gte, inArray, isNull, notExists, or, sql } from 'drizzle-orm';
import { bare } from '../store/bare.ts';
import type { Db } from '../store/db.node.ts';
import { blocks, objects, readmissions, requests, switches, testers, tokens } from '../store/schema.ts';

const p = sql.placeholder;

/** One placeholder for each column that admission fills. */
const ROW = {
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
  node: p('node'),
  reserved: p('reserved'),
  address: p('address'),
  agent: p('agent'),
  decision: p('decision'),
  rule: p('rule'),
  policy: p('policy'),
  shadow: p('shadow'),
  brokenRules: p('brokenRules'),
  outcome: p('outcome'),
  detail: p('detail'),
  status: p('status'),
  bytesIn: p('bytesIn'),
  objects: p('objects'),
  leaf: p('leaf'),
  durationMs: p('durationMs'),
};

interface EngagedRow {
  readonly id: number;
  readonly scope: string;
  readonly effect: 'stop' | 'revoke';
  readonly reason: string | null;
  readonly engagedAt: number;
}

export interface StandingRow {
  readonly cohort: string;
  readonly limits: string | null;
  readonly quotas: string | null;
  readonly issued_at: number | null;
  readonly last_used_at: number | null;
  readonly created_at: number;
  /** Names the newest version of the policy; null: there is none. */
  readonly policy: string | null;
  /** 1 when any switch is engaged, whoever it concerns. */
  readonly engaged: number;
}

/** Under SQL's names: `bare` maps nothing. */
const ENGAGED = {
  id: switches.id,
  scope: switches.scope,
  effect: switches.effect,
  reason: switches.reason,
  engagedAt: sql`engaged_at as "engagedAt"`,
};

/** Whoever was let back in through a stop is not stopped by it; revocations let nobody through. */
function readmitted(db: Db) {
  return db
    .select({ one: sql`1` })
    .from(readmissions)
    .where(
      and(
        eq(readmissions.switch, switches.id),
        eq(switches.effect, 'stop'),
        inArray(readmissions.scope, [p('cohort'), p('tester')]),
      ),
    );
}

/** The switches that touch one bearer, revocations included. */
export function prepareEngaged(db: Db) {
  return bare<EngagedRow>(
    db,
    db
      .select(ENGAGED)
      .from(switches)
      .where(
        and(
          isNull(switches.releasedAt),
          inArray(switches.scope, [p('global'), p('cohort'), p('tester'), p('token'), p('model')]),
          notExists(readmitted(db)),
        ),
      ),
  );
}

export function prepareStatements(db: Db) {
  return {
    engaged: prepareEngaged(db),
    /** The stops that freeze what was made under them, where it is this object. */
    freezing: bare<EngagedRow>(
      db,
      db
        .select(ENGAGED)
        .from(switches)
        .innerJoin(objects, eq(objects.id, p('object')))
        .where(
          and(
            isNull(switches.releasedAt),
            eq(switches.cancels, 1),
            or(
              eq(switches.scope, sql`'model:' || ${objects.model}`),
              eq(switches.scope, sql`'token:' || ${objects.token}`),
            ),
            notExists(readmitted(db)),
          ),
        ),
    ),
    allEngaged: db.$client.prepare<[], EngagedRow & { readonly cancels: number | null }>(
      `select id, scope, effect, reason, engaged_at as engagedAt, cancels from switches
       where released_at is null order by id`,
    ),
    readmitted: db.$client.prepare<[], { switch: number; scope: string }>(
      `select r.switch, r.scope from readmissions r join switches s on s.id = r.switch and s.released_at is null`,
    ),
    /** Where a tester stands, and when this token was issued to this tester, if we issued it. */
    standing: bare<StandingRow>(
      db,
      db
        .select({
          cohort: testers.cohort,
          limits: testers.limits,
          quotas: testers.quotas,
          // A subquery: SQLite takes eight times as long for the same as a left join.
          issuedAt: sql`(select issued_at from tokens where jti = ${p('jti')} and tester = testers.id) as issued_at`,
          lastUsedAt: sql`(select last_used_at from tokens where jti = ${p('jti')}) as last_used_at`,
          createdAt: testers.createdAt,
          // The hash too: a version that was not committed may have had the same number.
          policy: sql`(select id || ' ' || sha256 from policies order by id desc limit 1) as policy`,
          // Mostly nothing at all is engaged, and that is quickly said.
          engaged: sql<number>`exists (select 1 from switches where released_at is null) as engaged`,
        })
        .from(testers)
        .where(eq(testers.id, p('tester'))),
    ),
    touch: bare(
      db,
      db
        .update(tokens)
        .set({ lastUsedAt: sql`${p('at')}` })
        .where(eq(tokens.jti, p('jti'))),
    ),
    record: bare(db, db.insert(requests).values(ROW)),
    settle: bare(
      db,
      db
        .update(requests)
        .set({
          outcome: sql`${p('outcome')}`,
          rule: sql`${p('rule')}`,
          detail: sql`${p('detail')}`,
          status: sql`${p('status')}`,
          upstreamStatus: sql`${p('upstreamStatus')}`,
          upstreamRequestId: sql`${p('upstreamRequestId')}`,
          firstByteMs: sql`${p('firstByteMs')}`,
          durationMs: sql`${p('durationMs')}`,
          bytesIn: sql`${p('bytesIn')}`,
          bytesOut: sql`${p('bytesOut')}`,
          used: sql`${p('used')}`,
          outputHash: sql`${p('outputHash')}`,
          objects: sql`${p('objects')}`,
          settledLeaf: sql`${p('settledLeaf')}`,
        })
        // Once: what was settled as lost stays so.
        .where(and(eq(requests.id, p('id')), isNull(requests.outcome))),
    ),
    /** A job has ended: what the call that made it used. */
    settleUnits: bare(
      db,
      db
        .update(requests)
        .set({ jobUsed: sql`${p('used')}` })
        .where(eq(requests.id, p('id'))),
    ),
    repeat: bare(
      db,
      db
        .update(requests)
        .set({ repeats: sql`repeats + 1` })
        .where(eq(requests.id, p('id'))),
    ),
    /** The block of the log's index that a late row falls into is no block any more. */
    reopen: bare(
      db,
      db
        .delete(blocks)
        .where(
          eq(
            blocks.n,
            sql`(select n from blocks where first_id < ${p('id')} order by first_id desc limit 1)`,
          ),
        ),
    ),
    newest: db.select({ id: requests.id }).from(requests).orderBy(desc(requests.id)).limit(1).prepare(),
    /** By the primary key, so that a long log is not read from its beginning. */
    openOfTheGone: db
      .select()
      .from(requests)
      .where(
        and(
          gte(requests.id, p('from')),
          isNull(requests.outcome),
          sql`(node is null or node not in (select id from nodes))`,
        ),
      )
      .prepare(),
    lose: bare(
      db,
      db
        .update(requests)
        .set({ outcome: 'lost', settledLeaf: sql`${p('settledLeaf')}` })
        .where(eq(requests.id, p('id'))),
    ),
  };
}

export type Statements = ReturnType<typeof prepareStatements>;
