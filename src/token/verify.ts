/** Verifies access tokens (RFC 9068 with the rules of RFC 8725): our own issuer's and those of the configuration. */
import { errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { Refusal } from '../refusal.ts';
import { KeysUnavailable } from './key-sets.ts';
import { readToken, type TokenText } from './text.ts';

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
  /** False once the key that signed it was withdrawn; admission asks, for a body may have taken its time since. */
  readonly keyStands: () => boolean;
}

export interface Issuer {
  readonly issuer: string;
  readonly audience: string;
  readonly own: boolean;
  /** Finds the key for a header. @throws JOSEError when none fits, KeysUnavailable when that cannot be told */
  readonly keys: JWTVerifyGetKey;
  /** False when we know that the key of that name was withdrawn. */
  readonly holds: (kid: string | undefined) => boolean;
  /** Another number when the keys are others; NaN when there are none that may be used. */
  readonly generation: () => number;
  readonly algorithms: readonly string[];
  /** What a token must carry in `scope`; null where it need not. */
  readonly scope: string | null;
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

const REMEMBERED = 20_000;
/** How long a signature check is remembered at most, while the issuer's keys stay the same. */
const REMEMBER_MS = 300_000;

interface Remembered {
  readonly identity: Identity;
  readonly issuer: Issuer;
  /** Of the issuer's keys, from before the check. */
  readonly generation: number;
  readonly until: number;
}

export function createVerifier(options: VerifierOptions): Verifier {
  // By the full text: two tokens that share a prefix, or one claim set under two signatures, are two tokens.
  const remembered = new LRUCache<string, Remembered>({ max: REMEMBERED });

  const recall = (token: string, nowMs: number): Identity | null => {
    const entry = remembered.get(token);
    if (!entry) return null;
    if (nowMs > entry.until || entry.generation !== entry.issuer.generation()) {
      remembered.delete(token);
      return null;
    }
    checkTimes(entry.identity, nowMs, options);
    return entry.identity;
  };

  const verify = async (token: string, nowMs: number): Promise<Identity> => {
    const text = readToken(token);
    const issuer = issuerOf(text, options.issuers);
    const generation = issuer.generation();
    await checkSignature(token, issuer, nowMs, options);
    checkScope(text, issuer);
    const identity = toIdentity(text, issuer);
    checkTimes(identity, nowMs, options);
    remembered.set(token, { identity, issuer, generation, until: nowMs + REMEMBER_MS });
    return identity;
  };

  return { recall, verify };
}

/** By the unverified `iss`, only to choose whose keys are asked; it is verified after that. */
function issuerOf({ header, claims }: TokenText, issuers: readonly Issuer[]): Issuer {
  const issuer = issuers.find((one) => one.issuer === claims.iss);
  if (!issuer) throw new Refusal('token_invalid', 'unknown issuer');
  // Before any key is looked for, so that no fetch is made for an algorithm that is never taken.
  if (!issuer.algorithms.includes(header.alg)) throw new Refusal('token_invalid', 'header alg');
  if (issuer.own && header.kid === undefined) throw new Refusal('token_invalid', 'header kid');
  return issuer;
}

async function checkSignature(
  token: string,
  issuer: Issuer,
  nowMs: number,
  options: VerifierOptions,
): Promise<void> {
  try {
    await jwtVerify(token, issuer.keys, {
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
    if (fault instanceof KeysUnavailable) throw new Refusal('issuer_unavailable', fault.message);
    if (fault instanceof errors.JOSEError) throw new Refusal('token_invalid', fault.code);
    throw new Refusal('issuer_unavailable', 'a key of the issuer cannot be used');
  }
}

function checkScope({ claims }: TokenText, { scope }: Issuer): void {
  if (scope !== null && !claims.scope?.split(' ').includes(scope))
    throw new Refusal('insufficient_scope', `no scope "${scope}"`);
}

function toIdentity({ header, claims }: TokenText, issuer: Issuer): Identity {
  const { sub, jti, client_id, iat, nbf, exp } = claims;
  return {
    tester: sub,
    jti,
    issuer: issuer.issuer,
    own: issuer.own,
    clientId: client_id,
    issuedAt: iat,
    notBefore: nbf ?? iat,
    expiresAt: exp,
    keyStands: () => issuer.holds(header.kid),
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
