/** One I420 picture in memory, and the few strokes the scene is painted with. */
import type { Run } from '../../outputs/lettering.ts';
import type { Yuv } from './palette.ts';

export type Picture = {
  width: number;
  height: number;
  /** All three planes in the order the encoder takes them. */
  bytes: Uint8Array;
  luma: Uint8Array;
  chromaU: Uint8Array;
  chromaV: Uint8Array;
};

export function createPicture(width: number, height: number): Picture {
  const lumaSize = width * height;
  const chromaSize = lumaSize / 4;
  const bytes = new Uint8Array(lumaSize + 2 * chromaSize);
  return {
    width,
    height,
    bytes,
    luma: bytes.subarray(0, lumaSize),
    chromaU: bytes.subarray(lumaSize, lumaSize + chromaSize),
    chromaV: bytes.subarray(lumaSize + chromaSize),
  };
}

export function paintRun(picture: Picture, run: Run, colour: Yuv): void {
  const { width, height } = picture;
  if (run.y < 0 || run.y >= height) return;
  const from = Math.max(0, run.from);
  const to = Math.min(width, run.to);
  if (to <= from) return;
  picture.luma.fill(colour.y, run.y * width + from, run.y * width + to);
  if (run.y & 1) return;
  const row = (run.y >> 1) * (width >> 1);
  picture.chromaU.fill(colour.u, row + (from >> 1), row + ((to + 1) >> 1));
  picture.chromaV.fill(colour.v, row + (from >> 1), row + ((to + 1) >> 1));
}

/** Darkens what lies under a run; the soft shadow keeps letters legible over anything bright. */
export function shadeRun(picture: Picture, run: Run, offset: number, strength: number): void {
  const y = run.y + offset;
  if (y < 0 || y >= picture.height) return;
  const start = y * picture.width + Math.max(0, run.from + offset);
  const end = y * picture.width + Math.min(picture.width, run.to + offset);
  for (let at = start; at < end; at++) picture.luma[at] = 16 + ((picture.luma[at] ?? 16) - 16) * strength;
}

/** A bar with rounded ends. */
export function barRuns(left: number, top: number, width: number, height: number): Run[] {
  const radius = height / 2;
  const runs: Run[] = [];
  for (let row = 0; row < height; row++) {
    const rise = row + 0.5 - radius;
    const inset = radius - Math.sqrt(Math.max(0, radius * radius - rise * rise));
    const from = Math.round(left + inset);
    const to = Math.round(left + width - inset);
    if (to > from) runs.push({ y: Math.round(top) + row, from, to });
  }
  return runs;
}
