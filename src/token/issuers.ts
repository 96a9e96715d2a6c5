/** The issuers whose tokens are taken: our own, and those of the configuration. */
import type { Clock } from '../deps.ts';
import { OWN_SCOPE } from './issue.ts';
import { OWN_ALGORITHM } from './key-file.ts';
import { fetchedKeys, givenKeys } from './key-sets.ts';
import type { SigningKeys } from './keys.ts';
import type { Issuer } from './verify.ts';

/** The audience of the tokens that we issue ourselves. */
export const OWN_AUDIENCE = 'portcullis';

interface Configured {
  readonly issuer: string;
  readonly audience: string;
  readonly jwksUri?: string | undefined;
  readonly jwks?: { readonly keys: readonly object[] } | undefined;
  readonly algorithms: readonly string[];
  readonly scope?: string | undefined;
}

/** As far as verifying needs them. */
export type Verifying = Pick<SigningKeys, 'verify' | 'holds' | 'generation'> & {
  file(): { readonly issuer: string };
};

export function ownIssuer(keys: Verifying): Issuer {
  const algorithms = [OWN_ALGORITHM];
  const { verify, holds, generation } = keys;
  return {
    issuer: keys.file().issuer,
    audience: OWN_AUDIENCE,
    own: true,
    keys: verify,
    holds,
    generation,
    algorithms,
    scope: OWN_SCOPE,
  };
}

export function outsideIssuer(configured: Configured, now: Clock): Issuer {
  const { issuer, audience, jwks, jwksUri, algorithms, scope = null } = configured;
  const { find, generation } = jwksUri
    ? fetchedKeys({ uri: jwksUri, algorithms, now })
    : givenKeys(jwks ?? { keys: [] }, algorithms);
  return { issuer, audience, own: false, keys: find, holds: () => true, generation, algorithms, scope };
}
