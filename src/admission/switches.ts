/** Switches: which refusal an engaged one means, and the acts of engaging and releasing. */
import { and, eq, isNull } from 'drizzle-orm';
import type { Actor, StopOrder } from '../control.ts';
import { insertAct } from '../log/acts.ts';
import { masked } from '../printable.ts';
import { Refusal } from '../refusal.ts';
import type { Db } from '../store/db.node.ts';
import { switches } from '../store/schema.ts';
import type { Revocation } from './admission.ts';

export interface Switch {
  /** Null for one that holds in memory only, because the store took no write. */
  readonly id: number | null;
  readonly scope: string;
  readonly effect: 'stop' | 'revoke';
  readonly reason: string | null;
  readonly engagedAt: number;
}

/** Revocations take every token issued up to then; tokens issued later are new grants. */
export function bites(one: Switch, issuedAt: number): boolean {
  return one.effect === 'stop' || one.scope.startsWith('token:') || issuedAt <= one.engagedAt;
}

/** What an engaged switch means for a bearer in its scope. */
export function revocationBy(one: Switch): Revocation {
  const rule = `switch:${one.id ?? 'memory'}`;
  const message = one.reason ?? undefined;
  const code =
    one.effect === 'revoke'
      ? 'token_revoked'
      : one.scope === 'global'
        ? 'programme_stopped'
        : 'access_suspended';
  return { scope: one.scope, rule, refusal: new Refusal(code, one.scope, { message, rule }) };
}

/** Runs inside a writer's job. */
export function insertSwitch(db: Db, order: StopOrder, at: number, actor: Actor): Switch {
  const { scope, effect } = order;
  const reason = order.reason && masked(order.reason);
  const row = db
    .insert(switches)
    .values({ scope, effect, reason, engagedAt: at, engagedBy: actor.operator })
    .returning({ id: switches.id })
    .get();
  const act = effect === 'revoke' ? 'switch.revoke' : 'switch.engage';
  insertAct(db, actor, { at, act, subject: scope, reason });
  return { id: row.id, scope, effect, reason, engagedAt: at };
}

/** Runs inside a writer's job. Ids of the released rows; an act is recorded only where something was released. */
export function releaseSwitches(
  db: Db,
  scope: string,
  reason: string | null,
  at: number,
  actor: Actor,
): number[] {
  const released = db
    .update(switches)
    .set({ releasedAt: at, releasedBy: actor.operator, releaseReason: reason })
    .where(and(eq(switches.scope, scope), eq(switches.effect, 'stop'), isNull(switches.releasedAt)))
    .returning({ id: switches.id })
    .all();
  if (released.length > 0) insertAct(db, actor, { at, act: 'switch.release', subject: scope, reason });
  return released.map(({ id }) => id);
}
