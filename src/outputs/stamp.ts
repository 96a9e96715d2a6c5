/** The code of a download as a small picture: light letters with a dark rim, to be laid over a clip of any size. Pure. */
import { textWidthUnits } from './font.ts';
import { lineRuns } from './lettering.ts';

/** Red, green, blue, opacity: four bytes a pixel. */
export interface Stamp {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
  /** From the edges of the clip, so that cutting those away does not take it. */
  readonly inset: number;
}

/** A letter is this part of the shorter side high, and never less than can be read. */
const UNITS_PER_SIDE = 180;
const LEAST_SCALE = 2;
const LETTER_UNITS = 8;
const INSET = 0.06;
const LETTER = [255, 255, 255, 165] as const;
const RIM = [0, 0, 0, 95] as const;

/** @param side the shorter one of the clip, in pixels: turned clips have the same */
export function stampOf(code: string, side: number): Stamp {
  const scale = Math.max(LEAST_SCALE, side / UNITS_PER_SIDE);
  const rim = Math.max(1, Math.round(scale / 3));
  const width = Math.ceil(textWidthUnits(code) * scale) + 2 * rim;
  const height = Math.ceil(LETTER_UNITS * scale) + 2 * rim;
  const rgba = new Uint8Array(width * height * 4);
  const paint = (x: number, y: number, colour: readonly number[]) => {
    if (x >= 0 && x < width && y >= 0 && y < height) rgba.set(colour, (y * width + x) * 4);
  };
  const runs = lineRuns(code, rim, rim, scale);
  for (const { y, from, to } of runs)
    for (let x = from - rim; x < to + rim; x++) for (let dy = -rim; dy <= rim; dy++) paint(x, y + dy, RIM);
  for (const { y, from, to } of runs) for (let x = from; x < to; x++) paint(x, y, LETTER);
  return { width, height, rgba, inset: Math.round(side * INSET) };
}
