/** The counts of a replay: by tester, rule and reason, both ways. */

import { iso } from '../iso.ts';
import type { FoundRow } from '../log/find.ts';
import { NotKept } from '../policy/environment.ts';

export interface Span {
  /** Unix milliseconds. */
  readonly since: number;
  readonly until: number | null;
}

type Standing = 'allowed' | 'refused';

/** A call that would be decided otherwise. */
export interface Changed {
  readonly id: string;
  readonly at: string;
  readonly tester: string;
  readonly cohort: string;
  readonly operation: string;
  readonly was: Standing;
  readonly becomes: Standing;
  /** What would refuse it, or what refused it. */
  readonly rules: readonly string[];
}

/** Refusals that are a policy's; any other one stands, whatever the policy says. */
const BY_POLICY: ReadonlySet<string> = new Set([
  ...['operation_not_allowed', 'model_not_allowed', 'not_at_this_time', 'rule_broken', 'cohort_unknown'],
  ...['seconds_over_cap', 'size_over_cap', 'moderation_flagged'],
]);

export interface Row {
  readonly id: string;
  readonly at: number;
  readonly tester: string;
  readonly cohort: string;
  readonly operation: string;
  readonly model: string | null;
  readonly seconds: number | null;
  readonly size: string | null;
  readonly n: number | null;
  readonly address: string | null;
  readonly decision: Standing;
  readonly outcome: string | null;
  readonly rule: string | null;
  readonly objects: string | null;
}

/** What becomes of a call; null: it cannot be told. */
export interface Ruling {
  readonly becomes: Standing | null;
  readonly rules: readonly string[];
  readonly shadow: readonly string[];
  readonly unknown: readonly { readonly rule: string; readonly needs: string }[];
}

interface Side {
  calls: number;
  readonly testers: Map<string, number>;
  readonly rules: Map<string, number>;
}

/** Counts by tester, rule and reason: it grows with those, and not with the log. */
export class Tally {
  readonly #span: Span;
  readonly #newlyRefused: Side = { calls: 0, testers: new Map(), rules: new Map() };
  readonly #newlyAllowed: Side = { calls: 0, testers: new Map(), rules: new Map() };
  readonly #notJudged: Side = { calls: 0, testers: new Map(), rules: new Map() };
  readonly #shadow = new Map<string, number>();
  #unchanged = 0;
  #otherwiseRefused = 0;
  calls = 0;

  constructor(span: Span) {
    this.#span = span;
  }

  add(found: FoundRow, judgeRow: (row: Row) => Ruling): Changed | null {
    const row = found as unknown as Row;
    this.calls++;
    const { tester, cohort, operation, decision, outcome } = row;
    if (tester === null || cohort === null || operation === null || !isByPolicy(row)) {
      this.#otherwiseRefused++;
      return null;
    }
    const ruling = ruled(row, judgeRow);
    for (const name of ruling.shadow) count(this.#shadow, name);
    if (ruling.becomes === null) {
      note(
        this.#notJudged,
        tester,
        ruling.unknown.map(({ rule, needs }) => `${rule}: ${needs}`),
      );
      return null;
    }
    if (ruling.becomes === decision) {
      this.#unchanged++;
      return null;
    }
    const rules = ruling.becomes === 'refused' ? ruling.rules : [row.rule ?? outcome ?? ''];
    note(ruling.becomes === 'refused' ? this.#newlyRefused : this.#newlyAllowed, tester, rules);
    const { id, at } = row;
    return { id, at: iso(at), tester, cohort, operation, was: decision, becomes: ruling.becomes, rules };
  }

  summary() {
    const { since, until } = this.#span;
    return {
      since: iso(since),
      until: until === null ? null : iso(until),
      calls: this.calls,
      unchanged: this.#unchanged,
      /** Refused by a stop, a limit, a token's fault, …: before a policy was asked, or after it. */
      otherwiseRefused: this.#otherwiseRefused,
      newlyRefused: listed(this.#newlyRefused),
      newlyAllowed: listed(this.#newlyAllowed),
      notJudged: listed(this.#notJudged),
      shadow: sorted(this.#shadow).map(([rule, calls]) => ({ rule, calls })),
    };
  }
}

function isByPolicy({ decision, outcome, rule }: Row): boolean {
  if (decision === 'allowed' || BY_POLICY.has(outcome ?? '')) return true;
  return outcome === 'parameter_unreadable' && (rule ?? '').startsWith('caps.');
}

/** What a row lacks can be needed before any rule is asked. */
function ruled(row: Row, judgeRow: (row: Row) => Ruling): Ruling {
  try {
    return judgeRow(row);
  } catch (fault) {
    if (!(fault instanceof NotKept)) throw fault;
    return { becomes: null, rules: [], shadow: [], unknown: [{ rule: 'policy', needs: fault.what }] };
  }
}

function note(side: Side, tester: string, rules: readonly string[]): void {
  side.calls++;
  count(side.testers, tester);
  for (const rule of new Set(rules)) count(side.rules, rule);
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function listed({ calls, testers: who, rules }: Side) {
  return {
    calls,
    testers: sorted(who).map(([tester, n]) => ({ tester, calls: n })),
    rules: sorted(rules).map(([rule, n]) => ({ rule, calls: n })),
  };
}

function sorted(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
}
