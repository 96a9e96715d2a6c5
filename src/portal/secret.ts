/** What the portal keeps of its secrets: hashes. */
import type { Digest } from '../deps.ts';

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
