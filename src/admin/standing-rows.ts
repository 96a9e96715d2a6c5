/** Who may call now, and what stands in the way: read from the same rows that admission reads. */
import type { Control } from '../control.ts';
import { DRILL } from '../gateway/drill.ts';
import { iso } from '../iso.ts';
import { VALID, validBy } from './ended-tokens.ts';
import { pageOf } from './page.ts';

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
const TOKEN = `exists (select 1 from tokens where tester = t.id and ${VALID})`;

/** Of all testers of the cohort; what is counted and listed is one reading. */
const ALL = `select t.id as tester, t.cohort as cohort,
    exists (select 1 from switches s where ${MINE} and not ${LET_THROUGH}) as stopped,
    (@outside or ${TOKEN}) as tokens,
    (@all or t.cohort in (select value from json_each(@ruled))) as rules
  from testers t where t.id <> '${DRILL}' and (@cohort is null or t.cohort = @cohort)`;
const MAY = 'not stopped and tokens and rules';

export interface Asked {
  readonly cohort?: string | undefined;
  readonly may?: 'true' | 'false' | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

export function readStanding(control: Control, { cohort, may, after, limit }: Asked) {
  const db = control.reader.$client;
  const values = valuesOf(control, cohort);
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
  const { page, next } = pageOf(rows, limit, ({ tester }) => tester);
  const touching = db.prepare<[string], Touching>(
    `select s.id, s.scope, s.reason, ${LET_THROUGH} as readmits from switches s, testers t
     where t.id = ? and ${MINE} order by s.id`,
  );
  return {
    now: iso(values.now),
    may: counts.may ?? 0,
    mayNot: counts.n - (counts.may ?? 0),
    testers: page.map((row) => standingOf(row, touching.all(row.tester))),
    next,
  };
}

/** Which of these testers may call now. */
export function mayCall(control: Control, ids: readonly string[]): Set<string> {
  const rows = control.reader.$client
    .prepare<[object], Row>(
      `select * from (${ALL}) where tester in (select value from json_each(@ids)) and ${MAY}`,
    )
    .all({ ...valuesOf(control, undefined), ids: JSON.stringify(ids) });
  return new Set(rows.map(({ tester }) => tester));
}

function valuesOf(control: Control, cohort: string | undefined) {
  const { outsideIssuers } = control;
  const ruled = control.policy()?.policy.cohorts ?? [];
  return {
    ...validBy(control),
    cohort: cohort ?? null,
    outside: outsideIssuers ? 1 : 0,
    all: ruled.includes('*') ? 1 : 0,
    ruled: JSON.stringify(ruled),
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
