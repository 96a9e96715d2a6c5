/** The scene every demo picture shows: hills at dusk drifting by, the prompt in the sky, a bar that moves. */

import { textWidthUnits } from '../../outputs/font.ts';
import { fitText, lineRuns, type Run } from '../../outputs/lettering.ts';
import { landscapePainter } from './landscape.ts';
import { type Palette, paletteFor } from './palette.ts';
import { barRuns, createPicture, type Picture, paintRun, shadeRun } from './plane.ts';

export type SceneSpec = {
  width: number;
  height: number;
  prompt: string;
  /** Small print in the lower left corner. */
  label: string;
  seed: number;
  /** Length of the clip; 0 paints a still, without clock and bar. */
  seconds: number;
};

/** Paints the scene at a moment; the returned picture is reused by the next call. */
export type ScenePainter = (atSeconds: number) => Picture;

export function createScene(spec: SceneSpec): ScenePainter {
  // The encoder takes even sizes only.
  const width = Math.max(16, spec.width & ~1);
  const height = Math.max(16, spec.height & ~1);
  const picture = createPicture(width, height);
  const palette = paletteFor(spec.seed);
  const paintLandscape = landscapePainter(picture, palette, spec.seed);
  const layout = layoutOf(width, height);
  const prompt = fitText(spec.prompt, layout.promptBox);
  const label = lineRuns(spec.label, layout.margin, layout.footerTop, layout.smallScale);
  return (atSeconds) => {
    paintLandscape(atSeconds);
    paintText(picture, prompt, palette, layout.shadowPx);
    paintText(picture, label, palette, 1);
    if (spec.seconds > 0) paintClock(picture, layout, palette, atSeconds, spec.seconds);
    return picture;
  };
}

type Layout = ReturnType<typeof layoutOf>;

function layoutOf(width: number, height: number) {
  const side = Math.min(width, height);
  const margin = Math.round(side * 0.07);
  const smallScale = Math.max(1, Math.round(side / 180) / 2);
  const barHeight = Math.max(2, Math.round(side / 90));
  const barTop = height - margin - barHeight;
  return {
    margin,
    smallScale,
    barHeight,
    barTop,
    barWidth: width - 2 * margin,
    footerTop: barTop - Math.round(13 * smallScale),
    shadowPx: Math.max(1, Math.round(side / 360)),
    promptBox: {
      left: margin,
      top: Math.round(height * 0.1),
      width: width - 2 * margin,
      height: Math.round(height * 0.42),
      largestScale: Math.max(1, Math.round(side / 112)),
    },
  };
}

function paintText(picture: Picture, runs: Run[], palette: Palette, shadowPx: number): void {
  for (const run of runs) shadeRun(picture, run, shadowPx, 0.55);
  for (const run of runs) paintRun(picture, run, palette.ink);
}

function paintClock(picture: Picture, layout: Layout, palette: Palette, atSeconds: number, seconds: number) {
  const share = Math.min(1, atSeconds / seconds);
  const { margin, barTop, barWidth, barHeight, smallScale } = layout;
  for (const run of barRuns(margin, barTop, barWidth, barHeight)) shadeRun(picture, run, 0, 0.5);
  const filled = Math.max(barHeight, barWidth * share);
  for (const run of barRuns(margin, barTop, filled, barHeight)) paintRun(picture, run, palette.sun);
  const clock = `${asMinutes(atSeconds)} / ${asMinutes(seconds)}`;
  const left = margin + barWidth - textWidthUnits(clock) * smallScale;
  paintText(picture, lineRuns(clock, left, layout.footerTop, smallScale), palette, 1);
}

function asMinutes(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
