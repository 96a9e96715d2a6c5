/** Testers a page at a time, searched, with what an operator wants to see of each at a glance. */
import { and, asc, eq, gt, ne } from 'drizzle-orm';
import { utcDay } from '../admission/quotas.ts';
import type { Control } from '../control.ts';
import { DRILL } from '../gateway/drill.ts';
import { isoOrNull } from '../iso.ts';
import { testers } from '../store/schema.ts';
import { VALID, validBy } from './ended-tokens.ts';
import { contains, pageOf } from './page.ts';
import { mayCall } from './standing-rows.ts';
import { testerBody } from './tester-rows.ts';
import type { Listing } from './testers.ts';

const DAY_MS = 86_400_000;

export async function readTesters(control: Control, { q, cohort, review, after = '', limit }: Listing) {
  const conditions = [
    ne(testers.id, DRILL),
    gt(testers.id, after),
    cohort === undefined ? undefined : eq(testers.cohort, cohort),
    review && eq(testers.review, review),
    q === undefined ? undefined : contains([testers.id, testers.name, testers.email, testers.cohort], q),
  ];
  const query = control.reader
    .select()
    .from(testers)
    .where(and(...conditions));
  const rows = query
    .orderBy(asc(testers.id))
    .limit(limit + 1)
    .all();
  const { page, next } = pageOf(rows, limit, ({ id }) => id);
  const ids = page.map(({ id }) => id);
  const [may, tokens] = [mayCall(control, ids), tokensOf(control)];
  const calls = await control.log.callsOf(ids, utcDay(control.now()) * DAY_MS);
  const listed = page.map((row) => ({
    ...testerBody(row),
    ...tokens(row.id),
    callsToday: calls.get(row.id) ?? 0,
    mayCall: may.has(row.id),
  }));
  return { testers: listed, next };
}

function tokensOf(control: Control) {
  const values = validBy(control);
  const read = control.reader.$client.prepare<[object], { valid: number; used: number | null }>(
    `select count(*) filter (where ${VALID}) as valid, max(last_used_at) as used from tokens where tester = @tester`,
  );
  return (tester: string) => {
    const row = read.get({ ...values, tester });
    return { validTokens: row?.valid ?? 0, lastUsedAt: isoOrNull(row?.used ?? null) };
  };
}
