/** Operator credentials: 256 random bits behind a recognisable prefix; only their SHA-256 is ever stored. */
import { sha256Hex } from './sha256.ts';

const PREFIX = 'pco_';
const FORM = /^pco_[A-Za-z0-9_-]{43}$/;

export function makeCredential(): string {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const base64 = btoa(String.fromCharCode(...secret));
  return PREFIX + base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

export function isCredential(text: string): boolean {
  return FORM.test(text);
}

/** SHA-256 in hex. A plain hash is enough: the secret has too many bits to be guessed. */
export function hashCredential(credential: string): Promise<string> {
  return sha256Hex(credential);
}
