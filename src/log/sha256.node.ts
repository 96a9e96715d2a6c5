/** SHA-256 as Node has it, in one call and as bytes come. */
import { createHash, hash } from 'node:crypto';
import type { Digest } from '../deps.ts';
import type { Sha256 } from './merkle.ts';

export const sha256: Sha256 = (bytes) => hash('sha256', bytes, 'buffer');

/** Of an output that passes by; lower-case hex at its end. */
export function newDigest(): Digest {
  const digest = createHash('sha256');
  return {
    update: (bytes: Uint8Array) => void digest.update(bytes),
    hex: () => digest.digest('hex'),
  };
}
