/** What operators do: one row per act, in the transaction of the change that it tells of. */
import type { Actor } from '../control.ts';
import { harmless } from '../printable.ts';
import type { Db } from '../store/db.node.ts';
import { acts } from '../store/schema.ts';

export interface Act {
  /** Unix milliseconds. */
  readonly at: number;
  /** `tester.create`, `switch.engage`, … */
  readonly act: string;
  readonly subject: string;
  readonly reason?: string | null;
}

/** Runs inside a writer's job. */
export function insertAct(db: Db, { operator, address }: Actor, act: Act): void {
  db.insert(acts)
    .values({ ...act, ...withoutSecrets(act), operator, address })
    .run();
}

/** Operators paste what leaked into reasons and filters, and ask for what callers wrote. */
function withoutSecrets({ subject, reason = null }: Act) {
  return { subject: harmless(subject), reason: reason && harmless(reason) };
}
