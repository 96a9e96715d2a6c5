/** Lays text out and turns it into horizontal runs of pixels, done once a clip. */
import { glyphOf, LINE_HEIGHT_UNITS, textWidthUnits } from './font.ts';

/** More would not fit any picture, and wrapping it would take long. */
const MOST_CHARACTERS = 3_000;

/** One horizontal run of inked pixels: row, first column, column after the last. */
export type Run = { y: number; from: number; to: number };

export type TextBox = { left: number; top: number; width: number; height: number; largestScale: number };

/** Wraps and scales the text to its box; a text too long even at the smallest scale ends in dots. */
export function fitText(text: string, box: TextBox): Run[] {
  const clean = text.slice(0, MOST_CHARACTERS).replace(/\s+/g, ' ').trim();
  let scale = box.largestScale;
  let lines = wrap(clean, box.width / scale);
  while (lines.length * LINE_HEIGHT_UNITS * scale > box.height && scale > 1) {
    scale = Math.max(1, scale - 0.5);
    lines = wrap(clean, box.width / scale);
  }
  const room = Math.max(1, Math.floor(box.height / (LINE_HEIGHT_UNITS * scale)));
  if (lines.length > room) lines = [...lines.slice(0, room - 1), `${lines[room - 1]?.slice(0, -3) ?? ''}...`];
  const top = box.top + (box.height - lines.length * LINE_HEIGHT_UNITS * scale) / 2;
  return lines.flatMap((line, index) => {
    const left = box.left + (box.width - textWidthUnits(line) * scale) / 2;
    return lineRuns(line, left, top + index * LINE_HEIGHT_UNITS * scale, scale);
  });
}

export function lineRuns(line: string, left: number, top: number, scale: number): Run[] {
  const runs: Run[] = [];
  let x = left;
  for (const character of line) {
    const glyph = glyphOf(character);
    pushGlyph(runs, glyph, Math.round(x), Math.round(top), scale);
    x += glyph.advance * scale;
  }
  return runs;
}

function pushGlyph(runs: Run[], glyph: ReturnType<typeof glyphOf>, left: number, top: number, scale: number) {
  const { bitmap } = glyph;
  const unit = bitmap.height / 8;
  const heightPx = Math.round(8 * scale);
  const widthPx = Math.round((glyph.advance - 1) * scale);
  for (let row = 0; row < heightPx; row++) {
    const glyphRow = Math.floor(((row + 0.5) / scale) * unit);
    let start = -1;
    for (let column = 0; column <= widthPx; column++) {
      const glyphColumn = Math.floor(((column + 0.5) / scale + glyph.left) * unit);
      const on = column < widthPx && bitmap.on(glyphColumn, glyphRow);
      if (on && start < 0) start = column;
      if (!on && start >= 0) {
        runs.push({ y: top + row, from: left + start, to: left + column });
        start = -1;
      }
    }
  }
}

function wrap(text: string, widthUnits: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((part) => broken(part, widthUnits))) {
    const longer = line ? `${line} ${word}` : word;
    if (line && textWidthUnits(longer) > widthUnits) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  if (line) lines.push(line);
  return lines;
}

/** A word wider than the line is cut, so that nothing runs off the picture. */
function broken(word: string, widthUnits: number): string[] {
  if (textWidthUnits(word) <= widthUnits) return [word];
  const letters = Math.max(1, Math.floor(widthUnits / 6));
  return word.match(new RegExp(`.{1,${letters}}`, 'gsu')) ?? [];
}
