/** What operators do: one row per act, in the transaction of the change that it tells of. */
import { sql } from 'drizzle-orm';
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

const p = sql.placeholder;
const prepared = new WeakMap<Db, ReturnType<typeof statementOf>>();

/** Runs inside a writer's job. */
export function insertAct(db: Db, { operator, address }: Actor, { at, act, ...told }: Act): void {
  const statement = prepared.get(db) ?? statementOf(db);
  prepared.set(db, statement);
  statement.run({ at, act, operator, address, ...withoutSecrets(told) });
}

/** Many acts at once are inserted one by one: the statement is made once. */
function statementOf(db: Db) {
  const [at, operator, act, address] = [p('at'), p('operator'), p('act'), p('address')];
  return db
    .insert(acts)
    .values({ at, operator, act, address, subject: p('subject'), reason: p('reason') })
    .prepare();
}

/** Operators paste what leaked into reasons and filters, and ask for what callers wrote. */
function withoutSecrets({ subject, reason = null }: Pick<Act, 'subject' | 'reason'>) {
  return { subject: harmless(subject), reason: reason && harmless(reason) };
}
