/** Our own signing keys: JWKs in the data directory, the first signs, all verify, the public halves are published. */
import {
  type CryptoKey,
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  type JWTVerifyGetKey,
} from 'jose';

export const OWN_ALGORITHM = 'EdDSA';

/** The key store's content, secret: `keys` are private JWKs, the newest first. */
export interface KeyFile {
  readonly keys: readonly JWK[];
}

export interface SigningKeys {
  readonly kid: string;
  readonly signer: CryptoKey;
  readonly verify: JWTVerifyGetKey;
  /** For `/.well-known/jwks.json`: public members only. */
  readonly published: JSONWebKeySet;
}

/** A new Ed25519 key as a private JWK (RFC 8037). */
export async function makeKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair(OWN_ALGORITHM, { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: OWN_ALGORITHM, use: 'sig' };
}

/** @throws Error when the file holds no usable key. */
export async function loadKeys(file: KeyFile): Promise<SigningKeys> {
  const [first] = file.keys;
  if (!first?.kid || !first.d) throw new Error('the key file holds no signing key');
  const published = { keys: file.keys.map(publicHalf) };
  const signer = await importJWK(first, OWN_ALGORITHM);
  if (signer instanceof Uint8Array) throw new Error('the key file holds a symmetric key');
  return { kid: first.kid, signer, verify: createLocalJWKSet(published), published };
}

/** Named members only, so that a private one can never slip through. */
function publicHalf({ kty, crv, x, kid, alg, use }: JWK): JWK {
  return { kty, crv, x, kid, alg, use } as JWK;
}
