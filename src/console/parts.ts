/** Small parts of pages: times, numbers, states, tables, what stands where nothing is. */
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;
export type Cell = Html | string | number | null | undefined;

const DIGITS = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 1 });

export function digits(n: number): string {
  return DIGITS.format(n);
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${digits(n)} ${n === 1 ? one : many}`;
}

export function percent(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${DIGITS.format((100 * part) / whole)} %`;
}

export function bytes(n: number): string {
  if (n < 1_024) return `${digits(n)} B`;
  return n < 1_048_576 ? `${digits(n / 1_024)} KiB` : `${digits(n / 1_048_576)} MiB`;
}

export function millis(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1_000) return `${digits(ms)} ms`;
  return ms < 120_000 ? `${digits(ms / 1_000)} s` : `${digits(ms / 60_000)} min`;
}

/** UTC until our script puts it into the viewer's zone; UTC stays on hover. */
export function time(iso: string | null | undefined, otherwise = '–'): Html {
  if (!iso) return html`<span class="quiet">${otherwise}</span>`;
  const utc = `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
  return html`<time datetime="${iso}" title="${utc}">${utc}</time>`;
}

export type Tone = 'good' | 'bad' | 'warn' | 'plain';

export function badge(text: string, tone: Tone = 'plain'): Html {
  return html`<span class="badge ${tone}">${text}</span>`;
}

/** How a call ended, in words and in colour. */
export function outcome(code: string | null, decision: string, status: number | null = null): Html {
  if (code === null) return badge('open', 'plain');
  if (decision === 'refused') return badge(code, 'warn');
  const isFine = code === 'complete' && (status ?? 200) < 400;
  return badge(code, isFine ? 'good' : code === 'complete' ? 'plain' : 'bad');
}

export function empty(what: string, next: Cell = ''): Html {
  return html`<div class="empty"><p>${what}</p>${next ? html`<p class="quiet">${next}</p>` : ''}</div>`;
}

export interface Column {
  readonly name: string;
  /** Numbers stand to the right. */
  readonly number?: boolean;
}
export type Columns = readonly (string | Column)[];

/** The name of each column stands with its cell too, for narrow screens show rows as cards. */
export function table(caption: string, columns: Columns, rows: readonly (readonly Cell[])[]): Html {
  return tableOf(
    caption,
    columns,
    rows.map((cells) => row(cells, columns)),
  );
}

/** @param attributes of the body, into which our script may put more rows */
export function tableOf(caption: string, columns: Columns, rows: unknown, attributes: Cell = ''): Html {
  return html`<div class="scroll"><table><caption class="hidden">${caption}</caption>
<thead><tr>${columns.map((one) => html`<th scope="col" class="${sideOf(one)}">${nameOf(one)}</th>`)}</tr></thead>
<tbody ${attributes}>${rows}</tbody></table></div>`;
}

export function row(cells: readonly Cell[], columns: Columns, attributes: Cell = ''): Html {
  return html`<tr ${attributes}>${cells.map(
    (cell, i) =>
      html`<td class="${sideOf(columns[i] ?? '')}" data-column="${nameOf(columns[i] ?? '')}">${cell ?? '–'}</td>`,
  )}</tr>`;
}

function nameOf(column: string | Column): string {
  return typeof column === 'string' ? column : column.name;
}

function sideOf(column: string | Column): string {
  return typeof column !== 'string' && column.number ? 'number' : '';
}

/** Names and what they are. */
export function facts(pairs: readonly (readonly [string, Cell] | null)[]) {
  const shown = pairs.filter((pair) => pair !== null);
  return html`<dl class="facts">${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value ?? '–'}</dd></div>`)}</dl>`;
}

export function panel(title: string, content: unknown, more: Cell = '') {
  return html`<section class="panel"><header><h2>${title}</h2>${more}</header>${content}</section>`;
}

export function options(values: readonly (string | readonly [string, string])[], chosen: string | undefined) {
  return values.map((one) => {
    const [value, name] = typeof one === 'string' ? [one, one] : one;
    return html`<option value="${value}"${value === (chosen ?? '') ? html` selected` : ''}>${name}</option>`;
  });
}

/** A path with parameters, each in its plain form. */
export function href(
  path: string,
  parameters: Readonly<Record<string, string | number | undefined | null>> = {},
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value));
  return query.size > 0 ? `${path}?${query}` : path;
}

/** The way to one tester's page. @param leads false: for whoever may not go there, the name alone */
export function testerLink(id: string | null, leads = true): Html {
  if (id === null) return html`–`;
  return leads ? html`<a href="/console/testers/${encodeURIComponent(id)}">${id}</a>` : html`${id}`;
}
