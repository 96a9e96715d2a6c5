/** The decision on one call, inside the transaction that records it: what it reads is still true when it commits. */

import type { Clock } from '../deps.ts';
import type { Call } from '../gateway/describe.ts';
import { isReserved } from '../gateway/drill.ts';
import type { Capture } from '../log/captures.ts';
import { type Asked, judge, type Programme } from '../policy/judge.ts';
import { Refusal } from '../refusal.ts';
import type { Batch } from '../store/writer.ts';
import type { Ask } from './admission.ts';
import type { Cluster } from './cluster.ts';
import { limitHeaders } from './limit-headers.ts';
import { type Limits, overridden, type RequestLimits, type WindowState } from './limits.ts';
import type { Objects } from './objects.ts';
import type { Permits } from './permits.ts';
import { type Charge, type Ledger, type Quotas, utcDay } from './quotas.ts';
import { type Bearer, covers } from './scope.ts';
import type { Statements } from './statements.ts';
import { bites, revocationBy, type Switch } from './switches.ts';

/** What the configuration grants a cohort; null where it says nothing, and so nothing is granted. */
export type Rules = (cohort: string) => {
  readonly programme: Programme;
  readonly limits: Limits;
  readonly capture?: Capture;
  /** Of each tester. */
  readonly quotas: Quotas;
  /** Of the cohort together. */
  readonly sharedQuotas: Quotas;
} | null;

export interface Decision {
  readonly refusal: Refusal | null;
  readonly bearer: Bearer;
  readonly issuedAt: number;
  /** What allowed it, for the log. */
  readonly rule: string;
  readonly headers: readonly string[];
  /** What it set aside; null when it is refused. */
  readonly charge: Charge | null;
}

export interface Grounds {
  readonly statements: Statements;
  readonly limits: RequestLimits;
  readonly rules: Rules;
  readonly permits: Permits;
  readonly objects: Objects;
  readonly ledger: Ledger;
  readonly cluster: Cluster;
  readonly now: Clock;
  /** By so much an outside issuer's clock may be ahead. */
  readonly skewMs: number;
  /** Stops that the store did not take; they hold in memory. */
  readonly memoryStops: ReadonlySet<Switch>;
}

/** The last use of a token is written so often at most: a page more in each transaction would cost every call. */
const USE_MS = 60_000;

/** The order: switches, tester and token, policy, objects, limits, quotas. The first refusal decides, and uses up nothing. */
export async function decide(ask: Ask, batch: Batch, grounds: Grounds): Promise<Decision> {
  const { who, call } = ask;
  const standing = grounds.statements.standing.get({
    tester: who.tester,
    jti: who.jti,
  });
  const bearer = { tester: who.tester, cohort: standing?.cohort ?? '', jti: who.jti, model: call.model };
  const issuedAt = who.own ? (standing?.issued_at ?? 0) : who.issuedAt * 1000 - grounds.skewMs;
  const refused = (refusal: Refusal, headers: readonly string[] = []): Decision => ({
    refusal,
    bearer,
    issuedAt,
    rule: refusal.public.rule ?? '',
    headers,
    charge: null,
  });

  const quiet = standing?.engaged === 0 && grounds.memoryStops.size === 0;
  const stopped = quiet ? undefined : engagedSwitch(bearer, issuedAt, call, grounds);
  if (stopped) return refused(revocationBy(stopped).refusal);
  // What an outside issuer calls by the name of the drill's tester is none of ours.
  if (!standing || (isReserved(who.tester) && !who.own))
    return refused(new Refusal('tester_unknown', 'no such tester'));
  if (who.own && standing.issued_at === null)
    return refused(new Refusal('token_invalid', 'no token of this id was issued to this tester'));
  if (!who.keyStands()) return refused(new Refusal('token_invalid', 'its key was withdrawn'));

  const granted = grounds.rules(standing.cohort);
  if (!granted) return refused(new Refusal('cohort_unknown', standing.cohort));
  const forbidden = ruling(granted, call);
  if (forbidden) return refused(forbidden);

  const stranger = grounds.objects.refusal(call, bearer.tester);
  if (stranger) return refused(stranger);

  const limits = overridden(granted.limits, standing.limits);
  const busy = tooManyAtOnce(bearer.tester, limits, batch, grounds);
  if (busy) return refused(busy);
  const charge = chargeOf(call, bearer, grounds);
  const exhausted =
    grounds.ledger.refusal(
      `tester:${bearer.tester}`,
      charge.units,
      overridden(granted.quotas, standing.quotas),
      grounds.now(),
    ) ?? grounds.ledger.refusal(`cohort:${bearer.cohort}`, charge.units, granted.sharedQuotas, grounds.now());
  if (exhausted) return refused(exhausted);
  const taken = await grounds.limits.take(bearer.tester, limits);
  const headers = limitHeaders(taken.windows);
  if (!taken.ok) return refused(overLimit(taken.window, headers), headers);
  const taking = (batch.taken.get(bearer.tester) ?? 0) + 1;
  batch.taken.set(bearer.tester, taking);
  grounds.cluster.hold(bearer.tester, grounds.permits.held(bearer.tester) + taking);
  grounds.ledger.setAside(charge);
  const at = ask.arrival.at;
  if (who.own && at - (standing.last_used_at ?? 0) > USE_MS)
    grounds.statements.touch.run({ jti: who.jti, at });
  return { refusal: null, bearer, issuedAt, rule: 'allow', headers, charge };
}

/** The refusal of what a cohort's rules do not allow. */
export function ruling(granted: ReturnType<Rules>, asked: Asked): Refusal | null {
  if (!granted) return new Refusal('cohort_unknown');
  const verdict = judge(granted.programme, asked);
  if (verdict.allow) return null;
  const { code, message, param, by } = verdict;
  return new Refusal(code, message, { message, param, rule: by });
}

/** Read from the table on every call: the row is the truth, whoever wrote it. */
function engagedSwitch(
  bearer: Bearer,
  issuedAt: number,
  { named }: Call,
  { memoryStops, statements }: Grounds,
): Switch | undefined {
  for (const one of memoryStops) if (covers(one.scope, bearer) && bites(one, issuedAt)) return one;
  const [cohort, tester] = [`cohort:${bearer.cohort}`, `tester:${bearer.tester}`];
  const scopes = { global: 'global', cohort, tester };
  const token = `token:${bearer.jti}`;
  const rows = statements.engaged.all({ ...scopes, token, model: `model:${bearer.model ?? ''}` });
  for (const { id } of named) rows.push(...statements.freezing.all({ object: id, cohort, tester }));
  return rows.find((row) => bites(row, issuedAt));
}

/** What the call asks for; a remix is as long as the video that it is made from. */
function chargeOf(call: Call, { tester, cohort }: Bearer, { objects, now }: Grounds): Charge {
  const { units, likeSource, named } = call;
  const length = likeSource && units.videoSeconds !== undefined ? objects.longest(named) : null;
  const all = length === null ? units : { ...units, videoSeconds: length };
  return { tester, cohort, day: utcDay(now()), units: all };
}

function tooManyAtOnce(
  tester: string,
  limits: Limits,
  batch: Batch,
  { permits, cluster }: Grounds,
): Refusal | null {
  const { concurrent } = limits;
  if (concurrent === undefined) return null;
  const here = permits.held(tester) + (batch.taken.get(tester) ?? 0);
  if (here + cluster.othersHold(tester) < concurrent) return null;
  return new Refusal('concurrency_limited', `${concurrent} at once`, {
    message: `At most ${concurrent} at once.`,
    rule: 'limit:concurrent',
    retryAfterSeconds: 1,
  });
}

function overLimit(window: WindowState, headers: readonly string[]): Refusal {
  return new Refusal('rate_limited', `${window.quota} per ${window.name}`, {
    message: `At most ${window.quota} calls per ${window.name}.`,
    rule: `limit:${window.name}`,
    retryAfterSeconds: Math.max(1, Math.ceil(window.resetMs / 1000)),
    headers,
  });
}
