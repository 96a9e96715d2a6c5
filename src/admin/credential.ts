/** What is kept of operators' secrets: hashes. */
import { sha256Hex } from './sha256.ts';

/** SHA-256 in hex. A plain hash is enough: the secret has too many bits to be guessed. */
export function hashSecret(secret: string): Promise<string> {
  return sha256Hex(secret);
}
