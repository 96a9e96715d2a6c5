/** The moving background: a dusk sky, a low sun with its glow, and three ranges of hills at their own pace. */
import { mix, type Palette, type Yuv } from './palette.ts';
import { type Picture, paintRun } from './plane.ts';

const GLOW_RINGS = 9;

/** Where each range sits and how it moves; heights are shares of the picture. */
const RANGES = [
  { crest: 0.66, swell: 0.05, waves: 1.3, radiansPerSecond: 0.1 },
  { crest: 0.76, swell: 0.045, waves: 1.8, radiansPerSecond: 0.19 },
  { crest: 0.87, swell: 0.035, waves: 2.3, radiansPerSecond: 0.34 },
];

type HillRange = { crests: Int32Array; shades: Yuv[] };

export function landscapePainter(picture: Picture, palette: Palette, seed: number) {
  const { width, height } = picture;
  const sky = Array.from({ length: height }, (_, y) =>
    mix(palette.skyTop, palette.skyBottom, Math.min(1, y / (height * 0.8)) ** 1.4),
  );
  const ranges = palette.hills.map((colour) => ({
    crests: new Int32Array(width),
    shades: sky.map((_, y) => mix(colour, palette.skyTop, (0.35 * y) / height)),
  }));
  return (atSeconds: number): void => {
    for (let y = 0; y < height; y++) paintRun(picture, { y, from: 0, to: width }, sky[y] ?? palette.skyTop);
    paintSun(picture, palette, sky, seed, atSeconds);
    ranges.forEach((range, index) => {
      raiseHills(range.crests, picture, index, seed, atSeconds);
    });
    for (const range of ranges) paintHills(picture, range);
  };
}

function paintSun(picture: Picture, palette: Palette, sky: Yuv[], seed: number, atSeconds: number): void {
  const { width, height } = picture;
  const radius = Math.min(width, height) * 0.11;
  const centreX = width * (0.2 + ((seed >>> 9) % 60) / 100) + atSeconds * width * 0.006;
  const centreY = height * 0.65 - atSeconds * height * 0.004;
  for (let ring = GLOW_RINGS; ring >= 0; ring--) {
    const share = ring === 0 ? 1 : 0.4 * (1 - ring / (GLOW_RINGS + 1)) ** 2;
    const reach = radius * (1 + ring * 0.22);
    for (let y = Math.max(0, Math.ceil(centreY - reach)); y < Math.min(height, centreY + reach); y++) {
      const half = Math.sqrt(Math.max(0, reach * reach - (y - centreY) ** 2));
      const run = { y, from: Math.round(centreX - half), to: Math.round(centreX + half) };
      paintRun(picture, run, mix(sky[y] ?? palette.skyBottom, palette.sun, share));
    }
  }
}

function raiseHills(
  crests: Int32Array,
  picture: Picture,
  index: number,
  seed: number,
  atSeconds: number,
): void {
  const range = RANGES[index] ?? { crest: 1, swell: 0, waves: 1, radiansPerSecond: 0 };
  const phase = ((seed >>> (index * 7)) % 628) / 100;
  // Measured on the longer side, so that hills keep their shape in a portrait picture.
  const perPixel = (2 * Math.PI * range.waves) / Math.max(picture.width, picture.height);
  const drift = phase + atSeconds * range.radiansPerSecond;
  for (let x = 0; x < crests.length; x++) {
    const angle = x * perPixel + drift;
    const rise = Math.sin(angle) + 0.45 * Math.sin(angle * 2.3 + phase) + 0.12 * Math.sin(angle * 6.1);
    crests[x] = Math.round(picture.height * (range.crest - range.swell * rise));
  }
}

function paintHills(picture: Picture, range: HillRange): void {
  const { width, height } = picture;
  let top = height;
  let allHill = 0;
  for (const crest of range.crests) {
    top = Math.max(0, Math.min(top, crest));
    allHill = Math.max(allHill, crest);
  }
  for (let y = top; y < height; y++) {
    const shade = range.shades[y];
    if (!shade) continue;
    // Below the lowest dip a row is one run, which is much cheaper than asking every pixel.
    if (y >= allHill) paintRun(picture, { y, from: 0, to: width }, shade);
    else paintSlope(picture, range.crests, y, shade);
  }
}

function paintSlope(
  { width, luma, chromaU, chromaV }: Picture,
  crests: Int32Array,
  y: number,
  shade: Yuv,
): void {
  for (let x = 0; x < width; x++) if (y >= (crests[x] ?? 0)) luma[y * width + x] = shade.y;
  if (y & 1) return;
  const row = (y >> 1) * (width >> 1);
  for (let x = 0; x < width; x += 2) {
    if (y < (crests[x] ?? 0)) continue;
    chromaU[row + (x >> 1)] = shade.u;
    chromaV[row + (x >> 1)] = shade.v;
  }
}
