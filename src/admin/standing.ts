/** Who may call now, who may not, and why: read from the same rows that admission reads. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { DRILL } from '../gateway/drill.ts';
import type { AdminEnv } from './access.ts';
import { answers, iso, nameFaults, SECURED, Time } from './answer.ts';
import { NOT_ENDED } from './ended-tokens.ts';

const count = z.number().int();

const Why = z.object({
  because: z.enum(['switch', 'no-token', 'no-rules']),
  switch: count.nullable(),
  scope: z.string().nullable(),
  reason: z.string().nullable(),
});

const Standing = z
  .object({
    now: Time,
    may: count,
    mayNot: count,
    testers: z.array(
      z.object({
        tester: z.string(),
        cohort: z.string(),
        may: z.boolean(),
        why: z.array(Why).openapi({ description: 'All that stands in the way; empty: nothing' }),
        readmittedThrough: z
          .array(count)
          .openapi({ description: 'Engaged stops that let this tester through' }),
      }),
    ),
    next: z.string().nullable().openapi({ description: 'For "after", to read on; null: this was all' }),
  })
  .openapi('Standing');

const Query = z.strictObject({
  cohort: z.string().optional(),
  may: z.enum(['true', 'false']).optional(),
  after: z.string().optional().openapi({ description: 'Id of the last tester of the page before' }),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});

const standing = createRoute({
  method: 'get',
  path: '/admin/standing',
  tags: ['testers'],
  security: SECURED,
  request: { query: Query },
  responses: answers(Standing, 'Who may call now, who may not, and why'),
});

export function standingRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(standing, (c) =>
    c.json(readStanding(control, c.req.valid('query')), 200),
  );
}

interface Row {
  readonly tester: string;
  readonly cohort: string;
  readonly stopped: 0 | 1;
  readonly tokens: 0 | 1;
  readonly rules: 0 | 1;
}

interface Touching {
  readonly id: number;
  readonly scope: string;
  readonly reason: string | null;
  readonly readmits: 0 | 1;
}

const MINE = `s.released_at is null and s.effect = 'stop'
  and s.scope in ('global', 'cohort:' || t.cohort, 'tester:' || t.id)`;
const LET_THROUGH = `exists (select 1 from readmissions r
  where r.switch = s.id and r.scope in ('cohort:' || t.cohort, 'tester:' || t.id))`;
const TOKEN = `exists (select 1 from tokens where tester = t.id and expires_at > @now and ${NOT_ENDED})`;

/** Of all testers of the cohort; what is counted and listed is one reading. */
const ALL = `select t.id as tester, t.cohort as cohort,
    exists (select 1 from switches s where ${MINE} and not ${LET_THROUGH}) as stopped,
    (@outside or ${TOKEN}) as tokens,
    (@all or t.cohort in (select value from json_each(@ruled))) as rules
  from testers t where t.id <> '${DRILL}' and (@cohort is null or t.cohort = @cohort)`;
const MAY = 'not stopped and tokens and rules';

function readStanding(control: Control, { cohort, may, after, limit }: z.output<typeof Query>) {
  const { reader, now, cohortsWithRules, outsideIssuers } = control;
  const db = reader.$client;
  const values = {
    now: now(),
    cohort: cohort ?? null,
    outside: outsideIssuers ? 1 : 0,
    all: cohortsWithRules === 'all' ? 1 : 0,
    ruled: JSON.stringify(cohortsWithRules === 'all' ? [] : cohortsWithRules),
  };
  const counts = db
    .prepare<[typeof values], { may: number | null; n: number }>(
      `select sum(${MAY}) as may, count(*) as n from (${ALL})`,
    )
    .get(values) ?? { may: 0, n: 0 };
  const wanted = { true: MAY, false: `not (${MAY})` };
  const rows = db
    .prepare<[object], Row>(
      `select * from (${ALL}) where tester > @after and ${may ? wanted[may] : '1'} order by tester limit @most`,
    )
    .all({ ...values, after: after ?? '', most: limit + 1 });
  const page = rows.slice(0, limit);
  const touching = db.prepare<[string], Touching>(
    `select s.id, s.scope, s.reason, ${LET_THROUGH} as readmits from switches s, testers t
     where t.id = ? and ${MINE} order by s.id`,
  );
  return {
    now: iso(values.now),
    may: counts.may ?? 0,
    mayNot: counts.n - (counts.may ?? 0),
    testers: page.map((row) => standingOf(row, touching.all(row.tester))),
    next: rows.length > limit ? (page.at(-1)?.tester ?? null) : null,
  };
}

function standingOf({ tester, cohort, tokens, rules }: Row, touching: readonly Touching[]) {
  const why = touching
    .filter(({ readmits }) => !readmits)
    .map(({ id, scope, reason }) => ({ because: 'switch' as const, switch: id, scope, reason }));
  const none = { switch: null, scope: null, reason: null };
  const all = [
    ...why,
    ...(tokens ? [] : [{ because: 'no-token' as const, ...none }]),
    ...(rules ? [] : [{ because: 'no-rules' as const, ...none }]),
  ];
  const through = touching.filter(({ readmits }) => readmits).map(({ id }) => id);
  return { tester, cohort, may: all.length === 0, why: all, readmittedThrough: through };
}
