/** The colours of a picture, drawn from a hash of its prompt so that one prompt always looks the same. */

/** A colour as the encoder wants it: luma and two chroma, limited range. */
export type Yuv = { y: number; u: number; v: number };

export type Palette = {
  skyTop: Yuv;
  skyBottom: Yuv;
  sun: Yuv;
  hills: Yuv[];
  ink: Yuv;
};

/** Leaves out the yellow greens, which make a sickly dusk. */
const FIRST_HUE_DEGREES = 130;
const HUES_DEGREES = 270;

export function paletteFor(seed: number): Palette {
  const hue = FIRST_HUE_DEGREES + (seed % HUES_DEGREES);
  return {
    skyTop: hsl(hue, 0.42, 0.13),
    skyBottom: hsl(hue + 38, 0.48, 0.47),
    sun: hsl(hue + 62, 0.8, 0.78),
    hills: [hsl(hue + 22, 0.36, 0.33), hsl(hue + 10, 0.38, 0.23), hsl(hue, 0.4, 0.14)],
    ink: hsl(hue + 50, 0.25, 0.96),
  };
}

export function mix(from: Yuv, to: Yuv, share: number): Yuv {
  return {
    y: from.y + (to.y - from.y) * share,
    u: from.u + (to.u - from.u) * share,
    v: from.v + (to.v - from.v) * share,
  };
}

function hsl(hueDegrees: number, saturation: number, lightness: number): Yuv {
  const spread = saturation * Math.min(lightness, 1 - lightness);
  const channel = (offset: number) => {
    const k = (offset + hueDegrees / 30) % 12;
    return lightness - spread * Math.max(-1, Math.min(k - 3, 9 - k, 1));
  };
  return toYuv(channel(0), channel(8), channel(4));
}

function toYuv(red: number, green: number, blue: number): Yuv {
  return {
    y: 16 + 65.5 * red + 128.6 * green + 25 * blue,
    u: 128 - 37.8 * red - 74.2 * green + 112 * blue,
    v: 128 + 112 * red - 93.8 * green - 18.2 * blue,
  };
}
