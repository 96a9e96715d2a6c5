/** Charts as SVG, made on the server: stacked bars over time, and sparklines. No style and no script in them. */
import { html } from 'hono/html';
import { digits, type Html } from './parts.ts';

export interface Layer {
  readonly name: string;
  /** Names its colour in the style sheet. */
  readonly tone: 'calls' | 'refused' | 'open' | 'units';
  readonly values: readonly number[];
}

const WIDTH = 600;
const HEIGHT = 96;

/** A bar for each moment, its layers on top of each other. @param moments ISO 8601, one for each bar */
export function bars(name: string, moments: readonly string[], layers: readonly Layer[]): Html {
  const totals = moments.map((_, i) => layers.reduce((sum, { values }) => sum + (values[i] ?? 0), 0));
  const top = niceTop(Math.max(...totals, 0));
  const step = WIDTH / Math.max(1, moments.length);
  const last = totals.at(-1) ?? 0;
  const summary = `${name}: at most ${digits(Math.max(...totals, 0))} a minute, ${digits(last)} in this one`;
  const drawn = moments.map((at, i) => {
    let below = 0;
    const rects = layers.map(({ tone, values }) => {
      const height = ((values[i] ?? 0) / top) * HEIGHT;
      below += height;
      return height === 0
        ? ''
        : html`<rect class="${tone}" x="${fixed(i * step + 0.5)}" y="${fixed(HEIGHT - below)}" width="${fixed(step - 1)}" height="${fixed(height)}"/>`;
    });
    const told = layers.map(({ name: layer, values }) => `${layer} ${digits(values[i] ?? 0)}`).join(', ');
    return html`<g><title>${at.slice(11, 16)} UTC: ${told}</title><rect class="ground" x="${fixed(i * step)}" y="0" width="${fixed(step)}" height="${HEIGHT}"/>${rects}</g>`;
  });
  const middle = moments[Math.floor(moments.length / 2)];
  return html`<figure class="chart"><figcaption>${name}<span class="key">${layers.map(({ name: layer, tone }) => html`<span class="${tone}">${layer}</span>`)}</span></figcaption>
<div class="plot"><span class="top">${digits(top)}</span>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${summary}"><path class="grid" d="M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}"/>${drawn}</svg></div>
<div class="axis" aria-hidden="true">${[moments[0], middle, moments.at(-1)].map((at) => (at ? html`<time datetime="${at}" data-form="minute">${at.slice(11, 16)}</time>` : ''))}</div></figure>`;
}

/** A line of a few pixels beside a name. */
export function sparkline(values: readonly number[], name: string): Html {
  const total = values.reduce((sum, value) => sum + value, 0);
  if (total === 0) return html`<span class="quiet">none</span>`;
  const top = Math.max(...values, 1);
  const step = 96 / Math.max(1, values.length);
  const rects = values.map((value, i) => {
    const height = value === 0 ? 0.75 : Math.max(1.5, (value / top) * 20);
    return html`<rect class="${value === 0 ? 'none' : 'calls'}" x="${fixed(i * step)}" y="${fixed(20 - height)}" width="${fixed(step - 0.8)}" height="${fixed(height)}"/>`;
  });
  return html`<span class="spark"><svg viewBox="0 0 96 20" role="img" aria-label="${name}: ${digits(total)} calls, at most ${digits(top)} an hour">${rects}</svg> ${digits(total)}</span>`;
}

/** A part of a whole as a bar: a limit that is used, a reason among others. */
export function meter(part: number, whole: number, name: string): Html {
  const share = whole <= 0 ? 0 : Math.min(1, part / whole);
  const tone = share >= 0.9 ? 'refused' : 'calls';
  return html`<svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label="${name}"><rect class="ground" width="100" height="6"/><rect class="${tone}" width="${fixed(share * 100)}" height="6"/></svg>`;
}

export interface Span {
  readonly name: string;
  readonly tone: Layer['tone'];
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** When each part of a call was, as bars that begin where the one before ends. */
export function waterfall(spans: readonly Span[]): Html {
  const end = Math.max(...spans.map(({ to }) => to), 1);
  return html`<ol class="waterfall">${spans.map(
    ({ name, tone, from, to, text }) =>
      html`<li><span>${name}</span><svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="ground" width="100" height="10"/><rect class="${tone}" x="${fixed((from / end) * 100)}" width="${fixed(Math.max(0.6, ((to - from) / end) * 100))}" height="10"/></svg><span class="number">${text}</span></li>`,
  )}</ol>`;
}

/** The least round number that all fits under. */
function niceTop(most: number): number {
  if (most <= 5) return 5;
  const unit = 10 ** Math.floor(Math.log10(most));
  return ([1, 1.5, 2, 3, 4, 6, 8, 10].find((n) => n * unit >= most) ?? 10) * unit;
}

function fixed(n: number): string {
  return String(Math.round(n * 100) / 100);
}
