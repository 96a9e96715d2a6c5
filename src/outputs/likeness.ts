/** How far two clips are from each other by the hashes of their frames. Pure. */
import { HASH_BYTES, HASHES_PER_FRAME } from './frame-hash.ts';

/** Bits that differ, of 64: up to here a clip is shown as a candidate; measured in test/outputs/trace.test.ts. */
export const NEAR_BITS = 12;

/**
 * The middle, over the frames asked for, of how far each is from the nearest frame of the other clip. Single frames that
 * agree by chance, and such as were put before or behind a clip, do not count for much.
 */
export function distance(asked: Uint32Array, kept: Uint32Array): number {
  const step = (HASH_BYTES / 4) * HASHES_PER_FRAME;
  const nearest: number[] = [];
  // What is asked for is as somebody shows it; of what is kept its middle counts too, as if it had been cropped.
  for (let i = 0; i + 1 < asked.length; i += step)
    nearest.push(nearestTo(asked[i] ?? 0, asked[i + 1] ?? 0, kept));
  nearest.sort((a, b) => a - b);
  return nearest[nearest.length >> 1] ?? HASH_BYTES * 8;
}

function nearestTo(high: number, low: number, kept: Uint32Array): number {
  let least = HASH_BYTES * 8;
  for (let i = 0; i + 1 < kept.length; i += 2) {
    const bits = ones(high ^ (kept[i] ?? 0)) + ones(low ^ (kept[i + 1] ?? 0));
    if (bits < least) least = bits;
  }
  return least;
}

/** Bits that are set, of 32. */
function ones(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Bytes as the store gives them, in words. */
export function words(bytes: Uint8Array): Uint32Array {
  // Of its own buffer: the store's may begin anywhere.
  return new Uint32Array(Uint8Array.from(bytes).buffer, 0, bytes.length >> 2);
}
