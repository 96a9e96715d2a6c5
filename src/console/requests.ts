/** Requests: the log by filters that are an address one can share, as it grows, and to take along. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { page } from './layout.ts';
import {
  type Cell,
  type Columns,
  empty,
  href,
  millis,
  options,
  outcome,
  panel,
  row,
  tableOf,
  testerLink,
  time,
} from './parts.ts';
import { type ConsoleEnv, may, type Page, Refused, told } from './session.ts';
import { unitsText } from './units.ts';

export type LoggedRequest = InferResponseType<AdminClient['requests']['$get']>['requests'][number];

const FIRST = [
  ['tester', 'Tester'],
  ['operation', 'Operation'],
  ['outcome', 'Outcome'],
] as const;
const MORE = [
  ['cohort', 'Cohort'],
  ['model', 'Model'],
  ['status', 'Status'],
  ['rule', 'Rule'],
  ['address', 'Address'],
  ['token', 'Token (jti)'],
  ['object', 'Object'],
  ['output', 'SHA-256 of an output'],
  ['until', 'Until'],
] as const;
const NAMES = [...FIRST.map(([name]) => name), 'decision', 'since', ...MORE.map(([name]) => name)] as const;
/** As given: the admin API says what is no filter. */
type Filters = Partial<Record<Exclude<(typeof NAMES)[number], 'decision'>, string>> & {
  decision?: 'allowed' | 'refused';
};

const PAGE = 50;
const COLUMNS: Columns = [
  'When',
  'Tester',
  'Operation',
  'Model',
  'Outcome',
  { name: 'Status', number: true },
  { name: 'Units', number: true },
  { name: 'Took', number: true },
];
const SPANS = [
  ['', 'ever'],
  ['15m', '15 minutes'],
  ['60m', 'the last hour'],
  ['24h', '24 hours'],
  ['7d', '7 days'],
  ['30d', '30 days'],
] as const;

export function requestsPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/requests', async (c) => {
    const filters = filtersOf(c);
    const { before, follow } = c.req.query();
    const read = await reading(c, { ...filters, before, limit: String(PAGE) });
    const isFollowed = follow === '1' && !before && !(read instanceof Refused);
    const rows = read instanceof Refused ? null : read.requests;
    const next = read instanceof Refused ? null : read.next;
    const content = html`${isFollowed ? html`<noscript><meta http-equiv="refresh" content="5"></noscript>` : ''}
${filterForm(filters, read instanceof Refused ? read.message : '')}
${rows === null ? '' : panel(before ? 'Earlier calls' : 'Newest calls', listing(rows, filters, isFollowed), tools(c, filters, isFollowed))}
${next ? html`<p class="pages"><a class="button" href="${href('/console/requests', { ...filters, before: next })}">Earlier</a></p>` : ''}`;
    return c.html(page(c, 'Requests', content), rows === null ? 400 : 200);
  });
  // For our script: rows alone, newer than the newest that it has.
  app.get('/console/requests/rows', async (c) => {
    const { after } = c.req.query();
    const query = { ...filtersOf(c), ...(after ? { after } : {}), limit: '100' };
    const { requests } = await told(c.var.admin.requests.$get({ query }));
    return c.html(html`${(after ? requests.toReversed() : requests).map(requestRow)}`);
  });
}

function filtersOf(c: Page): Filters {
  const given = c.req.query();
  return Object.fromEntries(
    NAMES.flatMap((name) => (given[name]?.trim() ? [[name, given[name].trim()]] : [])),
  );
}

/** A filter that is none is told beside the form. */
async function reading(c: Page, query: Filters & { before?: string | undefined; limit: string }) {
  const { before, ...rest } = query;
  const asked = c.var.admin.requests.$get({ query: { ...rest, ...(before ? { before } : {}) } });
  return told(asked).catch((fault: unknown) => {
    if (fault instanceof Refused && fault.status === 400) return fault;
    throw fault;
  });
}

function filterForm(filters: Filters, fault: string) {
  const field = ([name, label]: readonly [keyof Filters, string]) =>
    html`<label>${label} <input name="${name}" value="${filters[name] ?? ''}" autocomplete="off" spellcheck="false"></label>`;
  const isOpen = MORE.some(([name]) => filters[name] !== undefined);
  return html`<form method="get" action="/console/requests" class="panel" role="search" aria-label="Filters">
${fault ? html`<p class="fault" role="alert">${fault}</p>` : ''}
<div class="fields">${FIRST.map(field)}
<label>Decision <select name="decision">${options([['', 'any'], 'allowed', 'refused'], filters.decision)}</select></label>
<label>Since <select name="since">${options(known(filters.since), filters.since)}</select></label></div>
<details${isOpen ? html` open` : ''}><summary>More filters</summary><div class="fields">${MORE.map(field)}</div></details>
<button class="primary">Find</button> <a class="button" href="/console/requests">Clear</a></form>`;
}

function known(since: string | undefined): (readonly [string, string])[] {
  return since === undefined || SPANS.some(([value]) => value === since)
    ? [...SPANS]
    : [...SPANS, [since, since]];
}

function tools(c: Page, filters: Filters, isFollowed: boolean): Cell {
  const exports = ['csv', 'jsonl', 'parquet'].map(
    (format) =>
      html` <a href="${href('/admin/log/export', { ...filters, format })}" download="calls.${format}">${format}</a>`,
  );
  const follow = isFollowed
    ? html`<a class="button" href="${href('/console/requests', filters)}">Stop following</a>`
    : html`<a class="button" href="${href('/console/requests', { ...filters, follow: '1' })}">Follow</a>`;
  return html`<span>${follow}${may(c.var.me, 'GET /admin/log/export') ? html` <span class="quiet">Export:</span>${exports}` : ''}</span>`;
}

function listing(rows: readonly LoggedRequest[], filters: Filters, isFollowed: boolean) {
  const source = isFollowed ? html`data-follow="${href('/console/requests/rows', filters)}"` : '';
  if (rows.length > 0 || isFollowed) return tableOf('Calls', COLUMNS, rows.map(requestRow), source);
  return Object.keys(filters).length > 0
    ? empty(
        'No call is like that.',
        html`Take a filter away, or <a href="/console/requests">look at all calls</a>.`,
      )
    : empty(
        'No call has come yet.',
        html`<a href="/console/testers">Give a tester a token</a>, and their first call stands here.`,
      );
}

export function requestRow(call: LoggedRequest) {
  const { id, at, tester, operation, model, decision, repeats, status, used, reserved, durationMs } = call;
  const cells: Cell[] = [
    html`<a href="/console/requests/${id}">${time(at)}</a>`,
    testerLink(tester),
    operation ?? html`<code>${call.method} ${call.path.slice(0, 60)}</code>`,
    model,
    html`${outcome(call.outcome, decision, status)}${repeats > 1 ? ` × ${repeats}` : ''}`,
    status,
    unitsText(used ?? reserved),
    millis(durationMs),
  ];
  return row(cells, COLUMNS, html`data-id="${id}"`);
}

/** The same rows on other pages. */
export function requestTable(caption: string, rows: readonly LoggedRequest[]) {
  return tableOf(caption, COLUMNS, rows.map(requestRow));
}
