/** Testers in the store: reading them, and changing them together with the act that tells of it. */
import { and, asc, count, desc, eq, inArray, isNull, or, sql } from 'drizzle-orm';
import type { Limits } from '../admission/limits.ts';
import { type Quotas, utcDay } from '../admission/quotas.ts';
import type { Actor, Control } from '../control.ts';
import { isReserved } from '../gateway/drill.ts';
import { iso } from '../iso.ts';
import { cohorts, requests, switches, testers, tokens, usage } from '../store/schema.ts';
import { recordAct } from './acts.ts';
import { cohortUnknown, Problem, testerUnknown } from './problem.ts';
import { switchBody } from './switch-rows.ts';
import type { NewTester, TesterChanges } from './testers.ts';

type Row = typeof testers.$inferSelect;

export function testerBody(row: Row) {
  const limits: Limits | null = row.limits === null ? null : JSON.parse(row.limits);
  const quotas: Quotas | null = row.quotas === null ? null : JSON.parse(row.quotas);
  return { ...row, limits, quotas, createdAt: iso(row.createdAt) };
}

export function readTester(control: Control, id: string) {
  const { reader } = control;
  const row = reader.select().from(testers).where(eq(testers.id, id)).get();
  if (!row) throw testerUnknown(id);
  const issued = reader.select({ n: count() }).from(tokens).where(eq(tokens.tester, id)).get();
  const last = reader
    .select({ at: requests.at })
    .from(requests)
    .where(eq(requests.tester, id))
    .orderBy(desc(requests.id))
    .limit(1)
    .get();
  return {
    ...testerBody(row),
    tokens: issued?.n ?? 0,
    lastCallAt: last ? iso(last.at) : null,
    usage: readUsageOf(control, id),
    switches: readSwitchesOf(control, row),
  };
}

function readUsageOf({ reader, now }: Control, tester: string) {
  const rows = reader
    .select()
    .from(usage)
    .where(eq(usage.subject, `tester:${tester}`))
    .orderBy(asc(usage.unit));
  const today = utcDay(now());
  return rows.all().map(({ unit, day, dayUsed, totalUsed }) => ({
    unit,
    today: day === today ? dayUsed : 0,
    total: totalUsed,
  }));
}

/** Engaged switches of everything, of the cohort, of the tester, and of the tester's own tokens. */
function readSwitchesOf({ reader }: Control, { id, cohort }: Row) {
  const tokenScopes = reader
    .select({ scope: sql<string>`'token:' || ${tokens.jti}` })
    .from(tokens)
    .where(eq(tokens.tester, id));
  const touching = or(
    inArray(switches.scope, ['global', `cohort:${cohort}`, `tester:${id}`]),
    inArray(switches.scope, tokenScopes),
  );
  const rows = reader
    .select()
    .from(switches)
    .where(and(isNull(switches.releasedAt), touching))
    .orderBy(desc(switches.id));
  return rows.all().map(switchBody);
}

export async function createTester(control: Control, tester: NewTester, actor: Actor) {
  const made = await control.write(() => {
    if (isReserved(tester.id)) return reserved(tester.id);
    if (!cohortExists(control, tester.cohort)) return cohortUnknown(tester.cohort);
    const limits = textOf(tester.limits);
    const quotas = textOf(tester.quotas);
    const row = control.writer
      .insert(testers)
      .values({ ...tester, limits, quotas, createdAt: control.now() })
      .onConflictDoNothing()
      .returning()
      .get();
    if (!row) return new Problem('tester_exists', `The tester "${tester.id}" exists already.`);
    recordAct(control, actor, 'tester.create', `tester:${tester.id}`);
    return row;
  });
  if (made instanceof Problem) throw made;
  return testerBody(made);
}

export async function updateTester(
  control: Control,
  id: string,
  { limits, quotas, reason, ...changes }: TesterChanges,
  actor: Actor,
) {
  const set: Partial<Row> = { ...changes };
  if (limits !== undefined) set.limits = textOf(limits);
  if (quotas !== undefined) set.quotas = textOf(quotas);
  const changed = await control.write(() => {
    if (changes.cohort !== undefined && !cohortExists(control, changes.cohort))
      return cohortUnknown(changes.cohort);
    const row = control.writer.update(testers).set(set).where(eq(testers.id, id)).returning().get();
    if (!row) return testerUnknown(id);
    recordAct(control, actor, 'tester.update', `tester:${id}`, toldOf(set, reason));
    return row;
  });
  if (changed instanceof Problem) throw changed;
  return testerBody(changed);
}

/** @returns how many texts were destroyed */
export async function forgetTester(control: Control, id: string, actor: Actor): Promise<number> {
  const texts = await control.write(() => {
    if (!control.writer.select().from(testers).where(eq(testers.id, id)).get()) return testerUnknown(id);
    const forgotten = control.forget(id);
    recordAct(control, actor, 'tester.forget', `tester:${id}`, `${forgotten} texts`);
    return forgotten;
  });
  if (texts instanceof Problem) throw texts;
  // What was deleted still stands in the write-ahead log until that is written over.
  control.writer.$client.pragma('wal_checkpoint(truncate)');
  return texts;
}

/** Names and addresses stay out of the log; what somebody is let have stands in it. */
function toldOf(set: Partial<Row>, reason: string | undefined): string {
  const parts = Object.entries(set).map(([name, value]) =>
    name === 'limits' || name === 'quotas' ? `${name} ${value ?? 'of the cohort'}` : name,
  );
  return `set ${parts.join(', ')}${reason ? `: ${reason}` : ''}`;
}

function textOf(overrides: object | null | undefined): string | null {
  return overrides ? JSON.stringify(overrides) : null;
}

function reserved(name: string): Problem {
  return new Problem('request_invalid', `id: "${name}" is the gate's own; use another one.`);
}

function cohortExists({ writer }: Control, name: string): boolean {
  if (isReserved(name)) return false;
  return writer.select().from(cohorts).where(eq(cohorts.name, name)).get() !== undefined;
}
