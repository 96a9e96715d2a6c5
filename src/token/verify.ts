/** Verifies access tokens (RFC 9068 with the rules of RFC 8725): our own issuer's and those of the configuration. */
import { errors, type JWTVerifyGetKey, type JWTVerifyResult, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { Refusal } from '../refusal.ts';

/** Who asks, as the token says it. */
export interface Identity {
  /** Tester id: the token's subject. */
  readonly tester: string;
  readonly jti: string;
  readonly issuer: string;
  /** True when we issued it, and so its row must exist. */
  readonly own: boolean;
  readonly clientId: string;
  /** Unix seconds. */
  readonly issuedAt: number;
  readonly notBefore: number;
  readonly expiresAt: number;
}

export interface Issuer {
  readonly issuer: string;
  readonly audience: string;
  readonly own: boolean;
  /** Finds the key for a header; one that fetches throws anything but a JOSEError when it cannot. */
  readonly keys: JWTVerifyGetKey;
  readonly algorithms: readonly string[];
}

export interface Verifier {
  /** A token whose signature was checked before; times are checked anew. Null when it is not remembered. */
  recall(token: string, nowMs: number): Identity | null;
  /** @throws Refusal */
  verify(token: string, nowMs: number): Promise<Identity>;
}

export interface VerifierOptions {
  readonly issuers: readonly Issuer[];
  /** For `iat`, `nbf` and `exp` of outside issuers' clocks. */
  readonly toleranceSeconds: number;
  readonly maxLifetimeSeconds: number;
}

const MAX_TOKEN_CHARS = 8_192;
const REMEMBERED = 20_000;
/** How long a signature check is remembered at most; a key that an outside issuer withdraws is dead after this. */
const REMEMBER_MS = 300_000;

const time = z.int().nonnegative().max(253_402_300_799);
const name = z.string().regex(/^[\x21-\x7e]{1,200}$/);
const Claims = z.looseObject({
  iss: z.string(),
  sub: name,
  client_id: name,
  jti: name,
  exp: time,
  iat: time,
  nbf: time.optional(),
});
const Unverified = z.object({ iss: z.string() });

interface Remembered {
  readonly identity: Identity;
  readonly until: number;
}

export function createVerifier(options: VerifierOptions): Verifier {
  // By the full text: two tokens that share a prefix, or one claim set under two signatures, are two tokens.
  const remembered = new LRUCache<string, Remembered>({ max: REMEMBERED });

  const recall = (token: string, nowMs: number): Identity | null => {
    const entry = remembered.get(token);
    if (!entry) return null;
    if (nowMs > entry.until) {
      remembered.delete(token);
      return null;
    }
    checkTimes(entry.identity, nowMs, options);
    return entry.identity;
  };

  const verify = async (token: string, nowMs: number): Promise<Identity> => {
    const issuer = issuerOf(token, options.issuers);
    const identity = toIdentity(await checkSignature(token, issuer, nowMs, options), issuer);
    checkTimes(identity, nowMs, options);
    remembered.set(token, { identity, until: nowMs + REMEMBER_MS });
    return identity;
  };

  return { recall, verify };
}

/** Reads the unverified `iss` only to choose whose keys are asked; everything is verified after that. */
function issuerOf(token: string, issuers: readonly Issuer[]): Issuer {
  if (token.length > MAX_TOKEN_CHARS) throw new Refusal('token_invalid', 'token too long');
  const parts = token.split('.');
  if (parts.length !== 3 || !parts.every(isCanonicalBase64url))
    throw new Refusal('token_invalid', 'not three canonical base64url parts');
  const payload = Unverified.safeParse(parseJson(parts[1] ?? ''));
  const issuer = issuers.find((one) => payload.success && one.issuer === payload.data.iss);
  if (!issuer) throw new Refusal('token_invalid', 'unknown issuer');
  return issuer;
}

/** Spare bits must be zero (RFC 4648 section 3.5), or one token had several spellings. */
function isCanonicalBase64url(part: string): boolean {
  if (!/^[A-Za-z0-9_-]+$/.test(part) || part.length % 4 === 1) return false;
  const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.indexOf(part.at(-1) ?? '');
  return part.length % 4 === 2 ? (last & 15) === 0 : part.length % 4 === 3 ? (last & 3) === 0 : true;
}

function parseJson(part: string): unknown {
  try {
    return JSON.parse(atob(part.replaceAll('-', '+').replaceAll('_', '/')));
  } catch {
    return null;
  }
}

async function checkSignature(
  token: string,
  issuer: Issuer,
  nowMs: number,
  options: VerifierOptions,
): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(token, issuer.keys, {
      issuer: issuer.issuer,
      audience: issuer.audience,
      typ: 'at+jwt',
      algorithms: [...issuer.algorithms],
      currentDate: new Date(nowMs),
      clockTolerance: options.toleranceSeconds,
      requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id'],
    });
  } catch (fault) {
    if (fault instanceof errors.JWTExpired) throw new Refusal('token_expired', 'exp');
    if (fault instanceof errors.JWKSTimeout) throw new Refusal('issuer_unavailable', 'JWKS timed out');
    if (fault instanceof errors.JOSEError && fault.code !== 'ERR_JOSE_GENERIC')
      throw new Refusal('token_invalid', fault.code);
    throw new Refusal('issuer_unavailable', issuer.own ? 'own keys' : 'JWKS cannot be fetched');
  }
}

function toIdentity({ payload }: JWTVerifyResult, issuer: Issuer): Identity {
  const claims = Claims.safeParse(payload);
  if (!claims.success)
    throw new Refusal('token_invalid', `claim ${claims.error.issues[0]?.path.join('.') ?? 'unknown'}`);
  const { sub, jti, client_id, iat, nbf, exp } = claims.data;
  return {
    tester: sub,
    jti,
    issuer: issuer.issuer,
    own: issuer.own,
    clientId: client_id,
    issuedAt: iat,
    notBefore: nbf ?? iat,
    expiresAt: exp,
  };
}

/** Looked at on every call, remembered or not. */
function checkTimes(who: Identity, nowMs: number, options: VerifierOptions): void {
  const now = nowMs / 1000;
  const slack = options.toleranceSeconds;
  if (now >= who.expiresAt + slack) throw new Refusal('token_expired', 'exp');
  if (Math.max(who.issuedAt, who.notBefore) > now + slack)
    throw new Refusal('token_invalid', 'issued in the future');
  if (who.expiresAt - who.issuedAt > options.maxLifetimeSeconds)
    throw new Refusal('token_invalid', 'lives longer than this programme allows');
}
