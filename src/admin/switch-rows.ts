/** What the store says of switches: which there are, whom one would stop. */
import { and, asc, count, desc, eq, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import type { Scope } from '../admission/scope.ts';
import { instantOf } from '../admission/switches.ts';
import type { Control, Stopped } from '../control.ts';
import { DRILL } from '../gateway/drill.ts';
import { iso, isoOrNull } from '../iso.ts';
import { cancellations, cohorts, readmissions, switches, testers } from '../store/schema.ts';
import { VALID, validBy } from './ended-tokens.ts';
import { pageOf } from './page.ts';
import { cohortUnknown, Problem, testerUnknown } from './problem.ts';

interface Asked {
  readonly engaged?: 'true' | 'false' | undefined;
  readonly scope?: string | undefined;
  readonly after?: number | undefined;
  readonly limit: number;
}

/** The newest first. */
export function readSwitches(control: Control, { engaged, scope, after, limit }: Asked) {
  const state = { true: isNull(switches.releasedAt), false: isNotNull(switches.releasedAt) };
  const conditions = [
    engaged && state[engaged],
    scope === undefined ? undefined : eq(switches.scope, scope),
    after === undefined ? undefined : lt(switches.id, after),
  ];
  const query = control.reader
    .select()
    .from(switches)
    .where(and(...conditions));
  const rows = query
    .orderBy(desc(switches.id))
    .limit(limit + 1)
    .all();
  const { page, next } = pageOf(rows, limit, ({ id }) => id);
  return { switches: page.map(switchBody), next };
}

export function readSwitch({ reader }: Control, id: number) {
  const row = reader.select().from(switches).where(eq(switches.id, id)).get();
  if (!row) throw new Problem('switch_unknown', `There is no switch ${id}.`);
  const readmitted = reader
    .select()
    .from(readmissions)
    .where(eq(readmissions.switch, id))
    .orderBy(asc(readmissions.id))
    .all()
    .map(({ scope, at, by, reason }) => ({ scope, at: engagedIso(at), by, reason }));
  return { ...switchBody(row), readmitted, jobs: readJobs(reader, id) };
}

function readJobs(reader: Control['reader'], id: number) {
  const ofSwitch = eq(cancellations.switch, id);
  const states = reader
    .select({ state: cancellations.state, n: count() })
    .from(cancellations)
    .where(ofSwitch)
    .groupBy(cancellations.state)
    .all();
  const counted = (wanted: string) => states.find(({ state }) => state === wanted)?.n ?? 0;
  const failed = reader
    .select({ object: cancellations.object, upstreamStatus: cancellations.status })
    .from(cancellations)
    .where(sql`${ofSwitch} and ${cancellations.state} = 'failed'`)
    .limit(100)
    .all();
  return { waiting: counted('waiting'), cancelled: counted('cancelled'), failed };
}

export function switchBody({ leaf, releasedLeaf, cancels, until, ...row }: typeof switches.$inferSelect) {
  return {
    ...row,
    until: isoOrNull(until),
    cancelsUpstream: cancels === 1,
    engagedAt: engagedIso(row.engagedAt),
    releasedAt: row.releasedAt === null ? null : engagedIso(row.releasedAt),
  };
}

/** Rows are written by hand, too; one that says no time counts as engaged since ever. */
export function engagedIso(engagedAt: unknown): string {
  const unixMs = instantOf(engagedAt);
  return iso(Number.isFinite(unixMs) ? unixMs : 0);
}

export function stoppedBody(stopped: Stopped) {
  return {
    ...stopped,
    until: isoOrNull(stopped.until),
    requestedAt: iso(stopped.requestedAt),
    committedAt: iso(stopped.committedAt),
    nodes: stopped.nodes.map((node) => ({
      ...node,
      confirmedAt: isoOrNull(node.confirmedAt),
      lapsedAt: isoOrNull(node.lapsedAt),
    })),
  };
}

/** A stop of nobody must not look like success. When the store cannot tell, the stop goes ahead. */
export function checkExists({ reader }: Control, scope: Scope): void {
  const id = scope.slice(scope.indexOf(':') + 1);
  try {
    if (scope.startsWith('cohort:') && !reader.select().from(cohorts).where(eq(cohorts.name, id)).get())
      throw cohortUnknown(id);
    if (scope.startsWith('tester:') && !reader.select().from(testers).where(eq(testers.id, id)).get())
      throw testerUnknown(id);
  } catch (fault) {
    if (fault instanceof Problem) throw fault;
  }
}

const MOST_NAMED = 100;

/** Whom a stop of this scope would hit; of a model: everybody. */
export function readReach(control: Control, scope: Scope) {
  const [, kind = 'global', name = ''] = /^(\w+):(.*)$/s.exec(scope) ?? [];
  const db = control.reader.$client;
  const ids = `select t.id from testers t where ${IN_SCOPE[kind] ?? '0'}`;
  const values = { name, ...validBy(control) };
  const one = (text: string) => db.prepare<[typeof values], { n: number }>(text).get(values)?.n ?? 0;
  const { node, calls, streams } = control.reach(scope);
  return {
    scope,
    testers: one(`select count(*) as n from (${ids})`),
    tokens: one(
      `select count(*) as n from tokens where tester in (${ids})
       and ${kind === 'token' ? 'jti = @name' : '1'} and ${VALID}`,
    ),
    calls,
    streams,
    jobs: one(
      `select count(*) as n from objects where pending is not null and kind = 'videos' and deleted_at is null
       and ${kind === 'model' || kind === 'token' ? `${kind} = @name` : `tester in (${ids})`}`,
    ),
    some: db
      .prepare<[typeof values], { id: string }>(`${ids} order by t.id limit ${MOST_NAMED}`)
      .all(values)
      .map(({ id }) => id),
    node,
  };
}

const IN_SCOPE: Readonly<Record<string, string>> = {
  global: `t.id <> '${DRILL}'`,
  model: `t.id <> '${DRILL}'`,
  cohort: 't.cohort = @name',
  tester: 't.id = @name',
  token: 't.id = (select tester from tokens where jti = @name)',
};
