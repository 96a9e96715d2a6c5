/** What the store says of access tokens, and which switches end them. */
import { desc, eq, type SQL, sql } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { switches, tokens } from '../store/schema.ts';
import { iso, isoOrNull } from './answer.ts';
import { ENDS } from './ended-tokens.ts';
import { engagedIso } from './switch-rows.ts';

export const TOKEN_STATES = ['valid', 'expired', 'stopped', 'revoked', 'key-ended'] as const;
type TokenState = (typeof TOKEN_STATES)[number];

/** @returns the newest first, at most 1000 */
export function readTokens(control: Control, tester: string | undefined) {
  return rowsOf(control, tester === undefined ? undefined : eq(tokens.tester, tester));
}

export function readToken(control: Control, jti: string) {
  return rowsOf(control, eq(tokens.jti, jti))[0];
}

function rowsOf(control: Control, which: SQL | undefined) {
  const rows = control.reader
    .select({
      token: tokens,
      endedAt: sql<number | null>`min(${switches.engagedAt})`,
      revoked: sql<number | null>`max(${switches.effect} = 'revoke')`,
    })
    .from(tokens)
    .leftJoin(switches, sql.raw(ENDS))
    .where(which)
    .groupBy(tokens.jti)
    .orderBy(desc(tokens.issuedAt), desc(tokens.jti))
    .limit(1000);
  return rows.all().map(({ token, endedAt, revoked }) => ({
    ...token,
    issuedAt: iso(token.issuedAt),
    expiresAt: iso(token.expiresAt),
    lastUsedAt: isoOrNull(token.lastUsedAt),
    state: stateOf(revoked, token.expiresAt <= control.now(), keyStands(control, token.issuedAt)),
    endedAt: endedAt === null ? null : engagedIso(endedAt),
  }));
}

/** @param revoked null: no switch ends the token. */
function stateOf(revoked: number | null, expired: boolean, signed: boolean): TokenState {
  if (revoked !== null) return revoked ? 'revoked' : 'stopped';
  if (expired) return 'expired';
  return signed ? 'valid' : 'key-ended';
}

/** Which key signed a token shows in when it was issued: one key signs at a time. */
function keyStands(control: Control, issuedAt: number): boolean {
  return control
    .keys()
    .some(
      ({ createdAt, signedUntil }) => (createdAt ?? 0) <= issuedAt && issuedAt <= (signedUntil ?? Infinity),
    );
}
