/** Cutting what switches hold: one switch as it is ordered, or all that are engaged, however many those are. */
import type { Db } from '../store/db.node.ts';
import { type Cut, type CutBySwitch, cut, NOTHING_CUT, sum } from './cut.ts';
import type { LivePermit, Permits } from './permits.ts';
import { covers } from './scope.ts';
import { bites, isReadmitted, revocationBy, type Switch } from './switches.ts';

const TESTER = 'tester:';

export class Cutter {
  readonly #permits: Permits;
  readonly #madeUnder;

  constructor({ $client: client }: Db, permits: Permits) {
    this.#permits = permits;
    this.#madeUnder = client.prepare<[string, string], { scope: string }>(
      `select 'model:' || model as scope from objects where id = ? and model is not null
       union all select 'token:' || token from objects where id = ? and token is not null`,
    );
  }

  cut(one: Switch): Cut {
    const { scope } = one;
    // Of thousands who are suspended at once, few are calling.
    if (scope.startsWith(TESTER) && !this.#permits.concerns(scope.slice(TESTER.length))) return NOTHING_CUT;
    let all = NOTHING_CUT;
    for (const permit of this.#permits) {
      if (permit.revoked || !bites(one, permit.issuedAt) || isReadmitted(one, permit.bearer)) continue;
      const hits = covers(scope, permit.bearer) || (one.cancels && this.#frozen(permit).includes(scope));
      if (hits) all = sum(all, cut(permit, revocationBy(one)));
    }
    return all;
  }

  /**
   * Each permit is held against the switches that name it, and no others. What each cut, where it did.
   * @param engaged in the order in which they count: of several the first one cuts
   */
  cutAll(engaged: readonly (Switch & { readonly id: number })[]): CutBySwitch {
    const byScope = Map.groupBy(engaged, ({ scope }) => scope);
    const place = new Map(engaged.map((one, at) => [one, at]));
    const anyCancels = engaged.some(({ cancels }) => cancels);
    const cuts = new Map<number, Cut>();
    for (const permit of this.#permits) {
      if (permit.revoked) continue;
      const named = scopesOf(permit).flatMap((scope) => byScope.get(scope) ?? []);
      const frozen = anyCancels ? this.#frozen(permit).flatMap((scope) => byScope.get(scope) ?? []) : [];
      const first = [...named, ...frozen.filter(({ cancels }) => cancels)]
        .filter((one) => bites(one, permit.issuedAt) && !isReadmitted(one, permit.bearer))
        .sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0))[0];
      if (first) cuts.set(first.id, sum(cuts.get(first.id) ?? NOTHING_CUT, cut(permit, revocationBy(first))));
    }
    return cuts;
  }

  /** The scopes under which the objects of a call were made. */
  #frozen({ written }: LivePermit): string[] {
    return written.objects.flatMap((id) => this.#madeUnder.all(id, id).map(({ scope }) => scope));
  }
}

function scopesOf({ bearer: { cohort, tester, jti, model } }: LivePermit): string[] {
  return ['global', `cohort:${cohort}`, `tester:${tester}`, `token:${jti}`, `model:${model}`];
}
