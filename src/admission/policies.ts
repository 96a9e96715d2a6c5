/** Which usage policy is in force: the newest row, whoever wrote it; it is compiled when it is met for the first time. */
import { DRILL, DRILL_RULES } from '../gateway/drill.ts';
import { OPERATIONS } from '../gateway/routes.ts';
import { type CohortPolicy, type Policy, readPolicy } from '../policy/policy.ts';
import type { Db } from '../store/db.node.ts';

export interface InForce {
  readonly version: number;
  readonly policy: Policy;
}

export interface Policies {
  /**
   * @param newest number and hash of the newest row, as the statement that judges a call reads them
   * @returns null when there is none, or when it cannot be read: nothing is allowed then
   */
  named(newest: string | null): InForce | null;
  /** The newest, read now. */
  inForce(): InForce | null;
}

export function policiesIn({ $client: db }: Db): Policies {
  const text = db.prepare<[number], { text: string }>('select text from policies where id = ?');
  const newest = db.prepare<[], { name: string }>(
    "select id || ' ' || sha256 as name from policies order by id desc limit 1",
  );
  let met: { readonly name: string; readonly inForce: InForce | null } | null = null;
  const named = (name: string | null): InForce | null => {
    if (name === null) return null;
    if (met?.name !== name) met = { name, inForce: read(Number(name.split(' ', 1)[0])) };
    return met.inForce;
  };
  const read = (version: number): InForce | null => {
    try {
      return { version, policy: readPolicy(text.get(version)?.text ?? '', OPERATIONS) };
    } catch (fault) {
      console.error(
        `policy version ${version} cannot be used, so nothing is allowed:`,
        fault instanceof Error ? fault.message : fault,
      );
      return null;
    }
  };
  return {
    named,
    inForce: () => named(newest.get()?.name ?? null),
  };
}

/** What a policy grants a cohort; the drill's own has rules of its own. */
export function grantOf({ policy }: InForce, cohort: string): CohortPolicy | null {
  return cohort === DRILL ? DRILL_RULES : policy.cohort(cohort);
}
