/** Calls that are open, in testers' objects as far as they have told, and here. */
import type { Scope } from '../admission/scope.ts';
import type { Db } from '../store/db.node.ts';

const COLUMNS: ReadonlySet<string> = new Set(['cohort', 'tester', 'token', 'model']);

export function openCallsIn({ $client: db }: Db) {
  const counted = (where: string, ...values: string[]): number =>
    db
      .prepare<string[], { n: number }>(
        `select count(*) as n from requests where outcome is null and ${where}`,
      )
      .get(...values)?.n ?? 0;
  return {
    count: () => counted('1'),
    /** Those that a stop of this scope would end. */
    in(scope: Scope): number {
      const colon = scope.indexOf(':');
      const kind = scope.slice(0, colon);
      return COLUMNS.has(kind) ? counted(`${kind} = ?`, scope.slice(colon + 1)) : counted('1');
    },
  };
}
