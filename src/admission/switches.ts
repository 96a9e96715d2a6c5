/** Switches: which refusal an engaged one means, and the acts of engaging and releasing. */
import { and, eq, inArray, isNull, like, max, not } from 'drizzle-orm';
import type { Actor, StopOrder } from '../control.ts';
import { insertAct } from '../log/acts.ts';
import { harmless } from '../printable.ts';
import { Refusal } from '../refusal.ts';
import type { Db } from '../store/db.node.ts';
import { readmissions, switches, tokens } from '../store/schema.ts';
import type { Revocation } from './admission.ts';
import type { Bearer, Scope } from './scope.ts';

export interface Switch {
  /** Null for one that holds in memory only, because the store took no write. */
  readonly id: number | null;
  readonly scope: string;
  readonly effect: 'stop' | 'revoke';
  readonly reason: string | null;
  readonly engagedAt: number;
  /** 1: what was made under its scope is not handed out. */
  readonly cancels?: number | null;
  /** Scopes that it lets through. */
  readonly readmits?: ReadonlySet<string>;
}

/** The switch is not engaged, or lets nobody through. */
export class SwitchUnknown extends Error {}

export function isReadmitted({ effect, readmits }: Switch, { cohort, tester }: Bearer): boolean {
  if (effect !== 'stop' || !readmits) return false;
  return readmits.has(`tester:${tester}`) || readmits.has(`cohort:${cohort}`);
}

/** Revocations take every token issued up to then; tokens issued later are new grants. */
export function bites(one: Switch, issuedAt: number): boolean {
  return one.effect === 'stop' || one.scope.startsWith('token:') || issuedAt <= instantOf(one.engagedAt);
}

/**
 * When a switch was engaged, in Unix milliseconds. In rows that somebody wrote by hand it may stand in seconds, or as
 * SQLite's own text; what is no time at all is never over, so that a revocation takes every token.
 */
export function instantOf(engagedAt: unknown): number {
  if (typeof engagedAt === 'string') return Date.parse(`${engagedAt.replace(' ', 'T')}Z`) || Infinity;
  if (typeof engagedAt !== 'number') return Infinity;
  return engagedAt < SECONDS_BELOW ? engagedAt * 1000 : engagedAt;
}

/** Unix milliseconds of 1973, seconds of the year 5138. */
const SECONDS_BELOW = 100_000_000_000;

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
  const { scope, effect, reason, note = null, until = null } = order;
  const engagedAt = effect === 'revoke' ? Math.max(at, newestToken(db)) : at;
  const cancels = order.cancelUpstream ? 1 : null;
  const row = db
    .insert(switches)
    .values({ scope, effect, reason, engagedAt, engagedBy: actor.operator, note, until, cancels })
    .returning({ id: switches.id })
    .get();
  const act = effect === 'revoke' ? 'switch.revoke' : 'switch.engage';
  insertAct(db, actor, { at, act, subject: scope, reason: reason ?? note });
  return { id: row.id, scope, effect, reason, engagedAt, cancels };
}

/** Runs inside a writer's job. Those of the scopes that were not let through before. @throws SwitchUnknown */
export function readmit(db: Db, switchId: number, scopes: readonly Scope[], told: Told): Scope[] {
  const { at, actor } = told;
  const stop = db
    .select()
    .from(switches)
    .where(and(eq(switches.id, switchId), eq(switches.effect, 'stop'), isNull(switches.releasedAt)))
    .get();
  if (!stop) throw new SwitchUnknown(`No stop ${switchId} is engaged.`);
  const reason = told.reason && harmless(told.reason);
  const fresh = scopes.filter((scope) => {
    const row = { switch: switchId, scope, reason, at, by: actor.operator };
    return db.insert(readmissions).values(row).onConflictDoNothing().run().changes > 0;
  });
  for (const scope of fresh)
    insertAct(db, actor, {
      at,
      act: 'switch.readmit',
      subject: `${scope} through switch ${switchId}`,
      reason,
    });
  return fresh;
}

interface Told {
  readonly reason: string | null;
  readonly at: number;
  readonly actor: Actor;
}

/** A revocation takes what was issued before it, also by a clock that was ahead then. */
function newestToken(db: Db): number {
  return (
    db
      .select({ at: max(tokens.issuedAt) })
      .from(tokens)
      .get()?.at ?? 0
  );
}

/**
 * When a token counts as issued: after every revocation so far, whatever was done to the clock in between.
 * Runs inside a writer's job.
 */
export function issuedAfterRevocations(db: Db, at: number): number {
  const revoked = db
    .select({ engagedAt: switches.engagedAt })
    .from(switches)
    .where(and(eq(switches.effect, 'revoke'), not(like(switches.scope, 'token:%'))))
    .all();
  return revoked
    .map(({ engagedAt }) => instantOf(engagedAt))
    .filter(Number.isFinite)
    .reduce((latest, engaged) => Math.max(latest, engaged + 1), at);
}

/**
 * Runs inside a writer's job. Ids of the released rows; an act is recorded only where something was released.
 * @param only of these ids; all of the scope without
 */
export function releaseSwitches(
  db: Db,
  scope: string,
  { reason, at, actor }: Told,
  only?: readonly number[],
): number[] {
  const released = db
    .update(switches)
    .set({ releasedAt: at, releasedBy: actor.operator, releaseReason: reason && harmless(reason) })
    .where(
      and(
        eq(switches.scope, scope),
        eq(switches.effect, 'stop'),
        isNull(switches.releasedAt),
        only && inArray(switches.id, [...only]),
      ),
    )
    .returning({ id: switches.id })
    .all();
  if (released.length > 0) insertAct(db, actor, { at, act: 'switch.release', subject: scope, reason });
  return released.map(({ id }) => id);
}
