/** What the parts of the gate on Workers call each other, and bounds that they share. */
import type { Config } from '../config.ts';

/** The gate's object; there is one. */
export const GATE = 'gate';
/** The object that refuses calls of nobody known. */
export const NOBODY = 'nobody';
export const ofTester = (tester: string): string => `tester:${tester}`;

/** The name of the object that a request is handed to; the front's word alone. */
export const NAME = 'x-portcullis-object';
/** Cloudflare's own word of who the client is. */
export const PEER = 'cf-connecting-ip';

/** An id is made when a call arrives, its row is written when its body is there, and it is delivered behind that. */
export function quietMsOf({ requests }: Config): number {
  return (requests.headersSeconds + requests.bodySeconds) * 1000 + 60_000;
}

/** An object has 128 MB. */
const HELD_BYTES = 64 * 1_048_576;

export function boundsOf({ requests }: Config) {
  const { bodySeconds, readSeconds, heldBytes } = requests;
  const held = { left: Math.min(heldBytes, HELD_BYTES) };
  return { bodyMs: bodySeconds * 1000, readMs: readSeconds * 1000, held };
}

/** Which side of the gate's object a request is for; an entry's word alone. */
export const SIDE = 'x-portcullis-side';
export const CONTROL = 'control';
