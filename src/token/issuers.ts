/** The issuers whose tokens are taken: our own, and those of the configuration. */
import { createLocalJWKSet, createRemoteJWKSet, type JSONWebKeySet } from 'jose';
import { OWN_SCOPE } from './issue.ts';
import { OWN_ALGORITHM, type SigningKeys } from './keys.ts';
import type { Issuer } from './verify.ts';

/** The audience of the tokens that we issue ourselves. */
export const OWN_AUDIENCE = 'portcullis';
const JWKS_TIMEOUT_MS = 5_000;
/** A key set is asked for again after this, or when a token names a key that it does not hold (at most that often). */
const JWKS_MAX_AGE_MS = 300_000;
const JWKS_COOLDOWN_MS = 15_000;

interface Configured {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUri?: string | undefined;
  readonly jwks?: { readonly keys: readonly object[] } | undefined;
  readonly algorithms: readonly string[];
  readonly scope?: string | undefined;
}

export function ownIssuer(issuer: string, keys: SigningKeys): Issuer {
  const algorithms = [OWN_ALGORITHM];
  return { issuer, audience: OWN_AUDIENCE, own: true, keys: keys.verify, algorithms, scope: OWN_SCOPE };
}

export function outsideIssuer({ issuer, audience, jwks, jwksUri, algorithms, scope }: Configured): Issuer {
  const keys = jwksUri
    ? createRemoteJWKSet(new URL(jwksUri), {
        timeoutDuration: JWKS_TIMEOUT_MS,
        cacheMaxAge: JWKS_MAX_AGE_MS,
        cooldownDuration: JWKS_COOLDOWN_MS,
      })
    : createLocalJWKSet(jwks as JSONWebKeySet);
  return { issuer, audience, own: false, keys, algorithms, scope: scope ?? null };
}
