/** Charts without a script: pictures that the server draws, each with its numbers in words beside it. */
import { html } from 'hono/html';
import type { Day } from '../days.ts';
import { digits, type Html } from './layout.ts';

const [WIDTH, HEIGHT] = [720, 96];

/** Calls of each day, refused ones on top. */
export function daysChart(days: readonly Day[]): Html {
  const most = Math.max(1, ...days.map(({ allowed, refused }) => allowed + refused));
  const calls = days.reduce((sum, { allowed, refused }) => sum + allowed + refused, 0);
  const refusals = days.reduce((sum, { refused }) => sum + refused, 0);
  const told = `${digits(calls)} calls in ${days.length} days, ${digits(refusals)} of them refused`;
  return html`<figure class="chart">
<figcaption>${told}<span class="key"><span class="allowed">let through</span><span class="refused">refused</span></span></figcaption>
<div class="plot"><span class="top">${digits(most)}</span>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${told}">${days.map((day, i) => bar(day, i, days.length, most))}</svg></div>
<div class="axis"><span>${days[0]?.day ?? ''}</span><span>${days.at(-1)?.day ?? ''}</span></div>
${calls > 0 ? html`<details><summary>The numbers</summary>${table(days)}</details>` : ''}
</figure>`;
}

function bar({ day, allowed, refused }: Day, i: number, n: number, most: number): Html {
  const step = WIDTH / n;
  const tall = (calls: number) => round((calls / most) * (HEIGHT - 4));
  const [x, width] = [round((i + 0.14) * step), round(0.72 * step)];
  const floor = HEIGHT - tall(allowed);
  return html`<g><title>${day}: ${digits(allowed)} let through, ${digits(refused)} refused</title>
<rect class="ground" x="${round(i * step)}" width="${round(step)}" height="${HEIGHT}"/>
<rect class="allowed" x="${x}" width="${width}" y="${floor}" height="${tall(allowed)}"/>
<rect class="refused" x="${x}" width="${width}" y="${round(floor - tall(refused))}" height="${tall(refused)}"/></g>`;
}

function table(days: readonly Day[]): Html {
  const busy = days.filter(({ allowed, refused }) => allowed + refused > 0);
  return html`<table><thead><tr><th scope="col">Day (UTC)</th><th scope="col">Let through</th><th scope="col">Refused</th></tr></thead>
<tbody>${busy.map(
    ({ day, allowed, refused }) =>
      html`<tr><td data-column="Day (UTC)">${day}</td><td data-column="Let through">${digits(allowed)}</td><td data-column="Refused">${digits(refused)}</td></tr>`,
  )}</tbody></table>`;
}

/** How much of something is used. */
export function meter(used: number, limit: number, label: string): Html {
  const share = limit === 0 ? 1 : Math.min(1, used / limit);
  const state = share >= 1 ? 'full' : share >= 0.8 ? 'near' : 'free';
  return html`<svg class="meter ${state}" viewBox="0 0 200 6" preserveAspectRatio="none" role="img" aria-label="${label}">
<rect class="ground" width="200" height="6"/><rect class="used" width="${round(share * 200)}" height="6"/></svg>`;
}

function round(n: number): number {
  return Math.round(n * 10) / 10;
}
