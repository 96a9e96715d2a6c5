/**
 * A perceptual hash of a picture: which of the low frequencies of its cosine transform are strong. Re-encoding and scaling
 * change few bits of the 64; another picture has about half of them otherwise. Pure.
 */

/** Side of the grey picture that a frame comes as. */
export const FRAME_SIDE = 144;
export const FRAME_BYTES = FRAME_SIDE * FRAME_SIDE;
export const HASH_BYTES = 8;
/** Of the whole first, then of its middle and without one edge: a clip that was cropped shows less than it did. */
const WINDOWS = [
  { left: 0, right: 0, top: 0, bottom: 0 },
  { left: 0.04, right: 0.04, top: 0.04, bottom: 0.04 },
  { left: 0.08, right: 0.08, top: 0.08, bottom: 0.08 },
  { left: 0.1, right: 0, top: 0, bottom: 0 },
  { left: 0, right: 0.1, top: 0, bottom: 0 },
  { left: 0, right: 0, top: 0.1, bottom: 0 },
  { left: 0, right: 0, top: 0, bottom: 0.1 },
] as const;
export const HASHES_PER_FRAME = WINDOWS.length;
/** What is left out at each side. */
type Window = Readonly<Record<'left' | 'right' | 'top' | 'bottom', number>>;

const SIDE = 32;
const LOW = 8;
/** Grey pictures with less in them than this look alike: black, white, a fade. */
const LEAST_DEVIATION = 6;

const COSINES = Float64Array.from({ length: LOW * SIDE }, (_, i) => {
  const [frequency, at] = [Math.floor(i / SIDE), i % SIDE];
  return Math.cos((Math.PI * frequency * (2 * at + 1)) / (2 * SIDE));
});

/** Hashes of one frame, the whole first; null when there is too little in it to know it again. */
export function hashFrame(grey: Uint8Array): Uint8Array | null {
  const hashes = new Uint8Array(HASHES_PER_FRAME * HASH_BYTES);
  for (const [i, window] of WINDOWS.entries()) {
    const small = shrunk(grey, window);
    if (i === 0 && deviation(small) < LEAST_DEVIATION) return null;
    hashes.set(hashOf(small), i * HASH_BYTES);
  }
  return hashes;
}

/** What a window shows, as averages. */
function shrunk(grey: Uint8Array, { left, right, top, bottom }: Window): Float64Array {
  const small = new Float64Array(SIDE * SIDE);
  const edge = (n: number, before: number, behind: number) =>
    Math.round(FRAME_SIDE * (before + (n * (1 - before - behind)) / SIDE));
  const xs = Array.from({ length: SIDE + 1 }, (_, n) => edge(n, left, right));
  const ys = Array.from({ length: SIDE + 1 }, (_, n) => edge(n, top, bottom));
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++)
      small[y * SIDE + x] = average(grey, xs[x] ?? 0, xs[x + 1] ?? 0, ys[y] ?? 0, ys[y + 1] ?? 0);
  return small;
}

function average(grey: Uint8Array, left: number, right: number, top: number, bottom: number): number {
  let sum = 0;
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += grey[y * FRAME_SIDE + x] ?? 0;
  return sum / ((right - left) * (bottom - top));
}

function deviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** A bit for each of 64 low frequencies: whether it is above their median. The mean grey is none of them. */
function hashOf(small: Float64Array): Uint8Array {
  const low = lowFrequencies(small);
  const [, ...others] = low;
  const median = others.sort((a, b) => a - b)[others.length >> 1] ?? 0;
  const hash = new Uint8Array(HASH_BYTES);
  for (const [i, value] of low.entries())
    if (i > 0 && value > median) hash[i >> 3] = (hash[i >> 3] ?? 0) | (1 << (i & 7));
  return hash;
}

function lowFrequencies(small: Float64Array): Float64Array {
  const rows = new Float64Array(SIDE * LOW);
  for (let y = 0; y < SIDE; y++)
    for (let u = 0; u < LOW; u++) {
      let sum = 0;
      for (let x = 0; x < SIDE; x++) sum += (small[y * SIDE + x] ?? 0) * (COSINES[u * SIDE + x] ?? 0);
      rows[y * LOW + u] = sum;
    }
  const low = new Float64Array(LOW * LOW);
  for (let v = 0; v < LOW; v++)
    for (let u = 0; u < LOW; u++) {
      let sum = 0;
      for (let y = 0; y < SIDE; y++) sum += (rows[y * LOW + u] ?? 0) * (COSINES[v * SIDE + y] ?? 0);
      low[v * LOW + u] = sum;
    }
  return low;
}
