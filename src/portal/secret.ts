/** Secrets of the portal: 256 random bits each behind a prefix that tells what it is. Only their hashes are stored. */
import { base64url } from 'jose';
import type { Digest } from '../deps.ts';

/** `pps_`: the cookie of a session; `ppl_`: a one-time link; `ppf_`: the cookie of a form before anybody is signed in. */
export type Prefix = 'pps_' | 'ppl_' | 'ppf_';

export function makeSecret(prefix: Prefix): string {
  return prefix + base64url.encode(crypto.getRandomValues(new Uint8Array(32)));
}

export function isSecret(prefix: Prefix, text: string): boolean {
  return text.startsWith(prefix) && /^[\w-]{43}$/.test(text.slice(prefix.length));
}

/** SHA-256 in hex. A plain hash is enough: the secret has too many bits to be guessed. */
export function hashOf(text: string, newDigest: () => Digest): string {
  const digest = newDigest();
  digest.update(new TextEncoder().encode(text));
  return digest.hex();
}

/** What a form brings back to show that it was read by whoever holds the cookie. */
export function csrfOf(secret: string, newDigest: () => Digest): string {
  return hashOf(`csrf\n${secret}`, newDigest);
}
