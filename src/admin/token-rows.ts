/** What the store says of access tokens, and which switches end them. */
import { and, desc, eq, type SQL, sql } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { iso, isoOrNull } from '../iso.ts';
import { switches, tokens } from '../store/schema.ts';
import { ENDS } from './ended-tokens.ts';
import { pageOf } from './page.ts';
import { engagedIso } from './switch-rows.ts';

export const TOKEN_STATES = ['valid', 'expired', 'stopped', 'revoked', 'key-ended'] as const;
type TokenState = (typeof TOKEN_STATES)[number];

interface Asked {
  readonly tester?: string | undefined;
  readonly after?: string | undefined;
  readonly limit: number;
}

/** The newest first. */
export function readTokens(control: Control, { tester, after, limit }: Asked) {
  const last = sql`(select t.issued_at, t.jti from tokens t where t.jti = ${after})`;
  const older = sql`(${tokens.issuedAt}, ${tokens.jti}) < ${last}`;
  const conditions = and(
    tester === undefined ? undefined : eq(tokens.tester, tester),
    after ? older : undefined,
  );
  const rows = control.reader
    .select({ jti: tokens.jti })
    .from(tokens)
    .where(conditions)
    .orderBy(desc(tokens.issuedAt), desc(tokens.jti))
    .limit(limit + 1)
    .all();
  const { page, next } = pageOf(rows, limit, ({ jti }) => jti);
  const listed = JSON.stringify(page.map(({ jti }) => jti));
  return { tokens: rowsOf(control, sql`${tokens.jti} in (select value from json_each(${listed}))`), next };
}

export function readToken(control: Control, jti: string) {
  return rowsOf(control, eq(tokens.jti, jti))[0];
}

/** Which switches end each is looked up for these tokens only. */
function rowsOf(control: Control, which: SQL) {
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
    .orderBy(desc(tokens.issuedAt), desc(tokens.jti));
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
