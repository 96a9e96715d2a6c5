/** The decision on one call, inside the transaction that records it: what it reads is still true when it commits. */

import type { Clock } from '../deps.ts';
import type { Call } from '../gateway/describe.ts';
import { isReserved } from '../gateway/drill.ts';
import { type OutputMode, outletOf } from '../outputs/holding.ts';
import type { Links } from '../outputs/links.ts';
import { unmarkable } from '../outputs/marks.ts';
import type { Holding, TermsGate } from '../outputs/standing.ts';
import type { Asked, Person } from '../policy/environment.ts';
import { judge } from '../policy/judge.ts';
import type { CohortPolicy } from '../policy/policy.ts';
import { Refusal } from '../refusal.ts';
import type { Batch } from '../store/writer.ts';
import type { Ask, Withheld } from './admission.ts';
import { askedOf } from './asked.ts';
import { chargeOf, overQuota } from './charging.ts';
import type { Elsewhere } from './elsewhere.ts';
import { limitHeaders } from './limit-headers.ts';
import { type Limits, overridden, type RequestLimits, type WindowState } from './limits.ts';
import { isModerated, moderationRefusal } from './moderated.ts';
import type { Objects } from './objects.ts';
import type { Peers } from './peers.ts';
import type { Grant, Permits } from './permits.ts';
import { grantOf, type InForce, type Policies } from './policies.ts';
import type { Ledger } from './quotas.ts';
import { isAboutOperation, refusalBy } from './ruling.ts';
import { type Bearer, covers } from './scope.ts';
import type { StandingRow, Statements } from './statements.ts';
import { bites, revocationBy, type Switch } from './switches.ts';

/** What is decided before anything is used up. */
export interface Considered {
  readonly refusal: Refusal | null;
  readonly bearer: Bearer;
  readonly issuedAt: number;
  /** What the policy grants the tester's cohort; null where it was not asked. */
  readonly granted: CohortPolicy | null;
  /** The version of the policy that judged it; null: none did. */
  readonly policy: number | null;
  readonly asked: Asked | null;
  /** Rules in shadow that would have refused it. */
  readonly shadow: readonly string[];
}

export interface Decision extends Considered, Grant {
  /** What allowed it, for the log. */
  readonly rule: string;
}

export interface Grounds {
  readonly statements: Statements;
  readonly limits: RequestLimits;
  readonly policies: Policies;
  readonly permits: Permits;
  readonly objects: Objects;
  readonly ledger: Ledger;
  readonly terms: TermsGate;
  readonly holding: Holding;
  readonly links: Links;
  readonly peers: Peers;
  readonly now: Clock;
  /** By so much an outside issuer's clock may be ahead. */
  readonly skewMs: number;
  /** Stops that the store did not take; they hold in memory. */
  readonly memoryStops: ReadonlySet<Switch>;
}

/** The last use of a token is written so often at most: a page more in each transaction would cost every call. */
const USE_MS = 60_000;

/** The order: switches, tester and token, terms, policy, objects, holding, limits, quotas. The first refusal decides, and uses up nothing. */
export async function decide(
  ask: Ask,
  batch: Batch,
  grounds: Grounds,
  elsewhere: Elsewhere = {},
): Promise<Decision> {
  const { who, call } = ask;
  const { standing, ...considered } = consider(ask, grounds, elsewhere);
  const refused = (refusal: Refusal, headers: readonly string[] = []): Decision => ({
    ...considered,
    ...{ refusal, rule: refusal.public.rule ?? '', headers, charge: null },
    ...{ withholds: 'output_held' as const, marks: false, stands: null, holder: who.tester },
  });
  const { bearer, granted } = considered;
  if (considered.refusal) return refused(considered.refusal);
  if (!standing || !granted) return refused(new Refusal('gateway_fault', 'neither refused nor granted'));
  const limits = overridden(granted.limits, standing.limits);
  const busy = tooManyAtOnce(bearer.tester, limits, batch, grounds);
  if (busy) return refused(busy);
  const said = ask.moderation ?? null;
  const flagged = isModerated(granted, call.operation) ? moderationRefusal(granted, said) : null;
  // A call that its limits hold up was not asked about; it is told why.
  if (flagged && !(said === null && grounds.limits.isUsedUp(bearer.tester, limits))) return refused(flagged);
  const charge = chargeOf(call, bearer, grounds);
  const exhausted = overQuota(charge, granted, standing, grounds, elsewhere);
  if (exhausted) return refused(exhausted);
  const taken = await grounds.limits.take(bearer.tester, limits);
  const headers = limitHeaders(taken.windows);
  if (!taken.ok) return refused(overLimit(taken.window, headers), headers);
  if (flagged) return refused(flagged);
  const taking = (batch.taken.get(bearer.tester) ?? 0) + 1;
  batch.taken.set(bearer.tester, taking);
  grounds.peers.hold(bearer.tester, grounds.permits.held(bearer.tester) + taking);
  grounds.ledger.setAside(charge);
  const at = ask.arrival.at;
  if (who.own && at - (standing.last_used_at ?? 0) > USE_MS)
    grounds.statements.touch.run({ jti: who.jti, at });
  const stands = reviewed(granted.outputs, call, grounds);
  const withholds = withheldFrom(granted, call);
  const marks = granted.watermark && outletOf(call.operation) === 'object';
  return { ...considered, rule: 'allow', headers, charge, withholds, marks, stands, holder: bearer.tester };
}

/** Reads, and changes nothing. */
export function consider(
  ask: Ask,
  grounds: Grounds,
  { foreign }: Elsewhere = {},
): Considered & { readonly standing: StandingRow | undefined } {
  const { who, call } = ask;
  const { tester, jti } = who;
  const standing = grounds.statements.standing.get({ tester, jti });
  const source =
    call.clip !== null && call.named.length > 0 ? grounds.objects.source(call.named, tester) : null;
  const cohort = standing?.cohort ?? '';
  const bearer = { tester, cohort, jti, model: call.model ?? source?.model ?? null };
  const issuedAt = who.own ? (standing?.issued_at ?? 0) : who.issuedAt * 1000 - grounds.skewMs;
  const none = { granted: null, policy: null, asked: null, shadow: [] };
  const refused = (refusal: Refusal) => ({ refusal, bearer, issuedAt, standing, ...none });

  const quiet = standing?.engaged === 0 && grounds.memoryStops.size === 0;
  const stopped = quiet ? undefined : engagedSwitch(bearer, issuedAt, call, grounds);
  if (stopped) return refused(revocationBy(stopped).refusal);
  // What an outside issuer calls by the name of the drill's tester is none of ours.
  if (!standing || (isReserved(tester) && !who.own))
    return refused(new Refusal('tester_unknown', 'no such tester'));
  if (who.own && standing.issued_at === null)
    return refused(new Refusal('token_invalid', 'no token of this id was issued to this tester'));
  if (!who.keyStands()) return refused(new Refusal('token_invalid', 'its key was withdrawn'));

  const inForce = grounds.policies.named(standing.policy);
  if (!inForce) return refused(new Refusal('policy_unavailable', standing.policy ?? 'there is none'));
  const policy = inForce.version;
  const granted = grantOf(inForce, cohort);
  if (!granted) return { ...refused(new Refusal('cohort_unknown', cohort)), policy };
  const unaccepted = termsRefusal(bearer, inForce, grounds);
  if (unaccepted) return { ...refused(unaccepted), policy };
  const at = ask.arrival.at;
  const asked = askedOf(call, {
    asker: personOf(bearer, standing.created_at, grounds),
    ...{ source, address: ask.arrival.address, at: grounds.now() },
    usage: () => grounds.ledger.usedBy(tester, at),
  });
  const verdict = judge(granted, asked);
  const stranger = grounds.objects.refusal(call, tester, foreign);
  // Who is refused anyway is told why, and nobody was asked whose the ids are.
  const unasked = stranger?.code === 'authority_unreachable' ? stranger : null;
  // What a rule says of somebody else's clip would tell of it.
  const forbidden = stranger && !unasked && !isAboutOperation(verdict) ? stranger : refusalBy(verdict);
  const held = reviewed(granted.outputs, call, grounds)?.() ?? null;
  const bare = granted.watermark ? unmarkable(call.operation, call.output) : null;
  const refusal = forbidden ?? held ?? bare ?? unasked;
  return { refusal, bearer, issuedAt, standing, granted, policy, asked, shadow: verdict.shadow };
}

/** The drill's tester has accepted nothing. */
function termsRefusal(
  { tester, cohort }: Bearer,
  { policy }: InForce,
  { terms, now }: Grounds,
): Refusal | null {
  return policy.terms > 0 && !isReserved(cohort) ? terms.refusal(tester, policy.terms, now()) : null;
}

/** Asks whether outputs of this call are held; null where its cohort has them without review. */
function reviewed(mode: OutputMode, call: Call, { holding }: Grounds): (() => Refusal | null) | null {
  if (mode !== 'reviewed-before-download') return null;
  return () => holding.refusal(mode, call.operation, call.output);
}

/** What an answer that tells of jobs must not hold. */
function withheldFrom({ outputs, watermark }: CohortPolicy, { operation }: Call): Withheld | null {
  if (outletOf(operation) !== 'none') return null;
  if (outputs === 'reviewed-before-download') return 'output_held';
  return watermark ? 'output_unmarked' : null;
}

/** The terms are looked up only where an expression asks for them. */
export function personOf(
  { tester, cohort }: Bearer,
  joined: number,
  { terms }: Pick<Grounds, 'terms'>,
): Person {
  return {
    ...{ id: tester, cohort, joined },
    get terms() {
      return terms.accepted(tester);
    },
  };
}

/** True when the limits let no call of the tester through now: nobody else is to be asked about it then. */
export function isHeldUp(
  { bearer, granted, standing }: ReturnType<typeof consider>,
  grounds: Grounds,
): boolean {
  if (!granted || !standing) return true;
  const { tester } = bearer;
  const limits = overridden(granted.limits, standing.limits);
  return (
    tooManyAtOnce(tester, limits, { taken: new Map() }, grounds) !== null ||
    grounds.limits.isUsedUp(tester, limits)
  );
}

/** Read from the table on every call: the row is the truth, whoever wrote it. */
export function engagedSwitch(
  bearer: Bearer,
  issuedAt: number,
  { named }: Pick<Call, 'named'>,
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

function tooManyAtOnce(
  tester: string,
  limits: Limits,
  batch: Batch,
  { permits, peers }: Grounds,
): Refusal | null {
  const { concurrent } = limits;
  if (concurrent === undefined) return null;
  const here = permits.held(tester) + (batch.taken.get(tester) ?? 0);
  if (here + peers.othersHold(tester) < concurrent) return null;
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
