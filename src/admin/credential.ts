/** Secrets of operators: 256 random bits behind a prefix that tells their kind; only their SHA-256 is ever stored. */
import { sha256Hex } from './sha256.ts';

/** A bearer credential; what stands in the cookie of a session; a one-time link. */
const PREFIXES = { credential: 'pco_', session: 'pcs_', link: 'pcl_' } as const;
const RANDOM = /^[A-Za-z0-9_-]{43}$/;

export type SecretKind = keyof typeof PREFIXES;

export function makeSecret(kind: SecretKind): string {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const base64 = btoa(String.fromCharCode(...secret));
  return PREFIXES[kind] + base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export function isSecret(kind: SecretKind, text: string): boolean {
  const prefix = PREFIXES[kind];
  return text.startsWith(prefix) && RANDOM.test(text.slice(prefix.length));
}

/** SHA-256 in hex. A plain hash is enough: the secret has too many bits to be guessed. */
export function hashSecret(secret: string): Promise<string> {
  return sha256Hex(secret);
}
