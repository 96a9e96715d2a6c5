/** What a call asks for of the quotas, and whether there is room for it. */
import type { Call } from '../gateway/describe.ts';
import type { Units } from '../gateway/units.ts';
import type { CohortPolicy } from '../policy/policy.ts';
import { Refusal } from '../refusal.ts';
import type { Grounds } from './decide.ts';
import type { Elsewhere } from './elsewhere.ts';
import { overridden } from './limits.ts';
import { type Charge, entries, utcDay } from './quotas.ts';
import type { Bearer } from './scope.ts';
import type { StandingRow } from './statements.ts';

/** What the call asks for; a remix is as long as the video that it is made from. */
export function chargeOf(call: Call, { tester, cohort }: Bearer, { objects, now }: Grounds): Charge {
  const { units, likeSource, named } = call;
  const length = likeSource && units.videoSeconds !== undefined ? objects.longest(named) : null;
  const all = length === null ? units : { ...units, videoSeconds: length };
  return { tester, cohort, day: utcDay(now()), units: all };
}

/** The first quota that has no room for it; of what is counted elsewhere, what was said there. */
export function overQuota(
  { units, tester, cohort }: Charge,
  granted: CohortPolicy,
  standing: StandingRow,
  { ledger, now }: Grounds,
  { shared }: Elsewhere,
): Refusal | null {
  const own = ledger.refusal(`tester:${tester}`, units, overridden(granted.quotas, standing.quotas), now());
  if (own) return own;
  if (shared === undefined) return ledger.refusal(`cohort:${cohort}`, units, granted.sharedQuotas, now());
  const asked = sharedBy(units, granted);
  if (entries(asked).length === 0) return null;
  if (shared && entries(asked).every(([unit, amount]) => shared.units[unit] === amount))
    return shared.refusal;
  return new Refusal('authority_unreachable', 'what the cohort shares was not asked');
}

/** Of the units those that the cohort has a quota of. */
export function sharedBy(units: Units, { sharedQuotas }: CohortPolicy): Units {
  return Object.fromEntries(entries(units).filter(([unit]) => sharedQuotas[unit]));
}
