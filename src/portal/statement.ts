/** The contribution statement: what a tester gave, counted from the log and the tables, signed with the gate's own key. */

import { and, count, eq, gte, lt } from 'drizzle-orm';
import { CompactSign } from 'jose';
import { iso } from '../iso.ts';
import { feedback, findings, releases } from '../store/schema.ts';
import { OWN_ALGORITHM } from '../token/key-file.ts';
import { callsByDay, DAY_MS } from './days.ts';
import type { Portal, Visitor } from './portal.ts';

/** Of its own, so that no reader of access tokens can take it for one (RFC 8725 section 3.11). */
export const STATEMENT_TYPE = 'portcullis-contribution+jws';

export interface Statement {
  readonly iss: string;
  readonly sub: string;
  /** Unix seconds. */
  readonly iat: number;
  /** The days that it counts, UTC; `to` itself is in it. */
  readonly from: string;
  readonly to: string;
  readonly calls: { readonly allowed: number; readonly complete: number; readonly refused: number };
  readonly video: { readonly clips: number; readonly hours: number };
  /** Releases of the tester's that are approved now, by when they were asked for. */
  readonly released: number;
  readonly feedback: number;
  readonly findings: { readonly filed: number; readonly byStatus: Readonly<Record<string, number>> };
}

export interface Days {
  /** `YYYY-MM-DD`. */
  readonly from: string;
  readonly to: string;
}

const DAY = /^\d{4}-\d\d-\d\d$/;

/** Null: no such days. Without a beginning: since the tester joined; without an end: today. */
export function daysOf(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  joinedMs: number,
  nowMs: number,
): Days | null {
  const days = { from: from || iso(joinedMs).slice(0, 10), to: to || iso(nowMs).slice(0, 10) };
  const isDay = (text: string) => DAY.test(text) && !Number.isNaN(Date.parse(text));
  return isDay(days.from) && isDay(days.to) && days.from <= days.to ? days : null;
}

export async function readStatement(portal: Portal, visitor: Visitor, days: Days): Promise<Statement> {
  const { tester } = visitor;
  const [since, until] = [Date.parse(days.from), Date.parse(days.to) + DAY_MS];
  const calls = async (decision: 'allowed' | 'refused', outcome?: string) => {
    const filters = { decision, ...(outcome === undefined ? {} : { outcome }) };
    const byDay = await callsByDay(portal, visitor, filters, { since, until });
    return [...byDay.values()].reduce((sum, n) => sum + n, 0);
  };
  return {
    ...{ iss: portal.keys.issuer, sub: tester, iat: Math.floor(portal.now() / 1000), ...days },
    calls: {
      allowed: await calls('allowed'),
      complete: await calls('allowed', 'complete'),
      refused: await calls('refused'),
    },
    video: videoIn(portal, tester, since, until),
    released: releasedIn(portal, tester, since, until),
    feedback: feedbackIn(portal, tester, since, until),
    findings: findingsIn(portal, tester, since, until),
  };
}

/** A JWS (RFC 7515) over the statement; whoever has `/.well-known/jwks.json` can check it. */
export function signStatement({ keys }: Portal, statement: Statement): Promise<string> {
  const { kid, signer } = keys.signing();
  return new CompactSign(new TextEncoder().encode(JSON.stringify(statement)))
    .setProtectedHeader({ alg: OWN_ALGORITHM, kid, typ: STATEMENT_TYPE })
    .sign(signer);
}

/** Seconds as the jobs ended: a job that failed made none. What another tester made and was handed over does not count. */
function videoIn({ reader }: Portal, tester: string, since: number, until: number): Statement['video'] {
  const row = reader.$client
    .prepare<[string, number, number], { clips: number; seconds: number | null }>(
      `select count(*) as clips, sum(seconds) as seconds from (
         select coalesce(json_extract(coalesce(r.job_used, r.used), '$.videoSeconds'), o.seconds, 0) as seconds
         from objects o left join requests r on r.id = o.request
         where o.tester = ? and o.kind = 'videos' and o.request is not null and o.at >= ? and o.at < ?
           and o.pending is null and (r.tester is null or r.tester = o.tester)
       ) where seconds > 0`,
    )
    .get(tester, since, until);
  return { clips: row?.clips ?? 0, hours: Math.round(((row?.seconds ?? 0) / 3600) * 1e4) / 1e4 };
}

function releasedIn({ reader }: Portal, tester: string, since: number, until: number): number {
  const own = and(eq(releases.tester, tester), gte(releases.at, since), lt(releases.at, until));
  const approved = and(own, eq(releases.state, 'approved'));
  return reader.select({ n: count() }).from(releases).where(approved).get()?.n ?? 0;
}

function feedbackIn({ reader }: Portal, tester: string, since: number, until: number): number {
  const own = and(eq(feedback.tester, tester), gte(feedback.at, since), lt(feedback.at, until));
  return reader.select({ n: count() }).from(feedback).where(own).get()?.n ?? 0;
}

function findingsIn({ reader }: Portal, tester: string, since: number, until: number): Statement['findings'] {
  const own = and(eq(findings.tester, tester), gte(findings.at, since), lt(findings.at, until));
  const rows = reader
    .select({ status: findings.status, n: count() })
    .from(findings)
    .where(own)
    .groupBy(findings.status)
    .all();
  const byStatus = Object.fromEntries(rows.map(({ status, n }) => [status, n]));
  return { filed: rows.reduce((sum, { n }) => sum + n, 0), byStatus };
}
