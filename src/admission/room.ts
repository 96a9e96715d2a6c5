/** How much room testers and cohorts have left: from the rows that admission reads, and by its own reckoning. */
import type { Clock } from '../deps.ts';
import type { Unit } from '../gateway/routes.ts';
import type { CohortPolicy } from '../policy/policy.ts';
import type { Db } from '../store/db.node.ts';
import { countersIn } from './counters.ts';
import { type Limits, overridden, windowsIn } from './limits.ts';
import { nextDayMs, type Quotas, quotaRule, usedIn } from './quotas.ts';

export interface Bound {
  /** As a refusal names it, in the log too: `limit:minute`, `quota:tester.tokens.day`. */
  readonly rule: string;
  /** Whose it is: `tester:ID` or `cohort:NAME`. */
  readonly subject: string;
  readonly unit: Unit | 'requests';
  readonly span: 'second' | 'minute' | 'day' | 'total' | 'at-once';
  readonly limit: number;
  /** What is set aside for calls and jobs that have not ended counts as used. */
  readonly used: number;
  readonly left: number;
  /** Unix milliseconds; null: nothing runs that would end by itself. */
  readonly resetsAt: number | null;
  /** The cohort's rules, or the tester's own override of them. */
  readonly from: 'rules' | 'override';
}

/** A tester's row: overrides as JSON. */
export interface Bounded {
  readonly id: string;
  readonly cohort: string;
  readonly limits: string | null;
  readonly quotas: string | null;
}

export interface Room {
  /** The tester's own; none where the cohort has no rules, and so no leave. */
  ofTester(tester: Bounded): Bound[];
  /** What the cohort's testers share. */
  ofCohort(name: string): Bound[];
}

export interface RoomOptions {
  readonly db: Db;
  /** Null where nothing is said of the cohort. */
  readonly rules: (cohort: string) => Pick<CohortPolicy, 'limits' | 'quotas' | 'sharedQuotas'> | null;
  /** Calls in flight of a tester, in every process. */
  readonly held: (tester: string) => number;
  readonly now: Clock;
}

export function roomIn({ db, rules, held, now }: RoomOptions): Room {
  const counters = countersIn(db);
  const used = usedIn(db);

  const limited = ({ id, cohort, limits: overrides }: Bounded): Bound[] => {
    const limits = overridden<Limits>(rules(cohort)?.limits ?? {}, overrides);
    const own = overridden<Limits>({}, overrides);
    const from = (key: keyof Limits) => (own[key] === undefined ? 'rules' : 'override');
    const base = { subject: `tester:${id}`, unit: 'requests' } as const;
    const windows = windowsIn(counters(id), limits, now()).map(({ name, key, ...window }) =>
      bound({ ...base, rule: `limit:${name}`, span: name, ...window, from: from(key) }),
    );
    const { concurrent: limit } = limits;
    if (limit === undefined) return windows;
    const atOnce = { rule: 'limit:concurrent', span: 'at-once', limit, used: held(id) } as const;
    return [...windows, bound({ ...base, ...atOnce, resetsAt: null, from: from('concurrent') })];
  };

  const metered = (subject: string, quotas: Quotas, own: Quotas): Bound[] =>
    (Object.keys(quotas) as Unit[]).flatMap((unit) => {
      const taken = used(subject, unit, now());
      const from = own[unit] === undefined ? 'rules' : 'override';
      return SPANS.flatMap((span) => {
        const limit = quotas[unit]?.[span];
        if (limit === undefined) return [];
        const resetsAt = span === 'day' ? nextDayMs(now()) : null;
        const rule = quotaRule(subject, unit, span);
        return [bound({ rule, subject, unit, span, limit, used: taken[span], resetsAt, from })];
      });
    });

  return {
    ofTester(tester) {
      const granted = rules(tester.cohort);
      if (!granted) return [];
      const quotas = overridden(granted.quotas, tester.quotas);
      const own = overridden<Quotas>({}, tester.quotas);
      return [...limited(tester), ...metered(`tester:${tester.id}`, quotas, own)];
    },
    ofCohort: (name) => metered(`cohort:${name}`, rules(name)?.sharedQuotas ?? {}, {}),
  };
}

const SPANS = ['day', 'total'] as const;

function bound(one: Omit<Bound, 'left'>): Bound {
  return { ...one, left: Math.max(0, one.limit - one.used) };
}
