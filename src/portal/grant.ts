/** Whether a grant still stands: a token of a tester, or a one-time link that was used. Read from the rows that admission reads. */
import { covers } from '../admission/scope.ts';
import { prepareEngaged } from '../admission/statements.ts';
import { bites, isReadmitted, revocationBy, type Switch } from '../admission/switches.ts';
import { isReserved } from '../gateway/drill.ts';
import { Refusal } from '../refusal.ts';
import type { Db } from '../store/db.node.ts';
import type { REVIEW_STATES } from '../store/states.ts';
import type { Portal } from './portal.ts';

export interface Grant {
  readonly tester: string;
  /** Null for a one-time link. */
  readonly jti: string | null;
  /** Of our key that signed the token; null where none of ours did. */
  readonly kid: string | null;
  /** Unix milliseconds; of our own tokens the store knows better. */
  readonly issuedAt: number;
}

export interface TesterRow {
  readonly id: string;
  readonly name: string | null;
  readonly cohort: string;
  readonly review: (typeof REVIEW_STATES)[number];
  readonly limits: string | null;
  readonly quotas: string | null;
  readonly createdAt: number;
}

const prepared = new WeakMap<Db, ReturnType<typeof statementsOf>>();

/** Null: there is no such tester. */
export function testerOf({ reader }: Portal, id: string): TesterRow | null {
  return (isReserved(id) ? null : statements(reader).tester.get(id)) ?? null;
}

/** Every engaged switch that touches the tester, those that the store did not take included. */
export function touching(
  { reader, memoryStops }: Portal,
  { id, cohort }: Pick<TesterRow, 'id' | 'cohort'>,
  jti: string | null,
): Switch[] {
  const bearer = { tester: id, cohort, jti: jti ?? '', model: null };
  const scopes = { global: 'global', cohort: `cohort:${cohort}`, tester: `tester:${id}` };
  const rows = statements(reader).engaged.all({ ...scopes, token: `token:${jti ?? ''}`, model: 'model:' });
  const held = [...memoryStops].filter((one) => covers(one.scope, bearer) && !isReadmitted(one, bearer));
  return [...held, ...rows];
}

/**
 * Stops of the tester, of the cohort or of everything leave the portal open; what ends a token ends its sessions.
 * @returns when the grant counts as given, Unix milliseconds
 * @throws Refusal as admission would say it
 */
export function checkGrant(portal: Portal, { tester, jti, kid, issuedAt }: Grant): number {
  const row = testerOf(portal, tester);
  if (!row) throw new Refusal('tester_unknown', 'no such tester');
  if (row.review === 'removed') throw new Refusal('access_ended', 'removed');
  const given = kid === null ? issuedAt : issuedOf(portal, tester, jti);
  const end = touching(portal, row, jti).find((one) => ends(one, given ?? 0));
  if (end) throw revocationBy(end).refusal;
  if (given === null) throw new Refusal('token_invalid', 'no token of this id was issued to this tester');
  if (kid !== null && !portal.keys.holds(kid)) throw new Refusal('token_invalid', 'its key was withdrawn');
  return given;
}

function ends(one: Switch, issuedAt: number): boolean {
  return (one.effect === 'revoke' || one.scope.startsWith('token:')) && bites(one, issuedAt);
}

function issuedOf({ reader }: Portal, tester: string, jti: string | null): number | null {
  return statements(reader).issued.get(jti ?? '', tester)?.issuedAt ?? null;
}

function statements(db: Db) {
  const known = prepared.get(db) ?? statementsOf(db);
  prepared.set(db, known);
  return known;
}

function statementsOf(db: Db) {
  return {
    engaged: prepareEngaged(db),
    tester: db.$client.prepare<[string], TesterRow>(
      'select id, name, cohort, review, limits, quotas, created_at as createdAt from testers where id = ?',
    ),
    issued: db.$client.prepare<[string, string], { issuedAt: number }>(
      'select issued_at as issuedAt from tokens where jti = ? and tester = ?',
    ),
  };
}
