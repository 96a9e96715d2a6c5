/** Outputs: what testers made, with poster frames, played through the gate and kept nowhere. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { page } from './layout.ts';
import {
  badge,
  type Cell,
  digits,
  empty,
  facts,
  href,
  options,
  panel,
  table,
  testerLink,
  time,
} from './parts.ts';
import { requestTable } from './requests.ts';
import { type ConsoleEnv, may, type Page, told } from './session.ts';

type Made = InferResponseType<AdminClient['objects']['$get']>['objects'][number];

const PAGE = 24;
const KINDS = ['videos', 'files', 'responses', 'batches', 'vector_stores', 'conversations', 'entered'];
/** Only videos are played. */
const PLAYED: ReadonlySet<string> = new Set(['videos', 'entered']);

export function outputPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/outputs', async (c) => {
    const { tester, kind = 'videos', after } = c.req.query();
    const query = {
      kind,
      order: 'newest',
      limit: String(PAGE),
      ...(tester ? { tester } : {}),
      ...(after ? { after } : {}),
    } as const;
    const { objects, next } = await told(c.var.admin.objects.$get({ query }));
    const shown = PLAYED.has(kind) ? await gallery(c, objects) : objectTable(objects);
    const content = html`<form method="get" action="/console/outputs" class="inline panel" role="search"><label>Kind <select name="kind">${options(KINDS, kind)}</select></label>
<label>Tester <input name="tester" value="${tester ?? ''}" autocomplete="off" spellcheck="false"></label><button>Show</button></form>
${objects.length > 0 ? shown : empty('Nobody has made anything like that yet.', 'What testers make stands here as soon as the model API has named it.')}
${next ? html`<p class="pages"><a class="button" href="${href('/console/outputs', { kind, tester, after: next })}">Earlier</a></p>` : ''}`;
    return c.html(page(c, 'Outputs', content));
  });
  app.get('/console/outputs/:id', async (c) => {
    const id = c.req.param('id');
    const made = await told(c.var.admin.objects[':id'].$get({ param: { id } }));
    const { requests } = await told(c.var.admin.requests.$get({ query: { object: id, limit: '25' } }));
    const hashes = await hashesOf(c, [made]);
    const calls =
      requests.length > 0 ? requestTable('Calls', requests) : empty('The log has no call about it.');
    const content = html`${player(made)}<div class="columns">${panel('What it is', about(made, hashes.get(id)))}</div>${panel('Calls about it', calls)}`;
    return c.html(page(c, id, content));
  });
}

/** `Range` is the browser's own: the admin API plays in parts, from upstream. */
function contentOf(id: string, variant = ''): string {
  return href(`/admin/objects/${encodeURIComponent(id)}/content`, { variant });
}

function isPlayed({ kind, deletedAt }: Made): boolean {
  return PLAYED.has(kind) && deletedAt === null;
}

async function gallery(c: Page, objects: readonly Made[]): Promise<Cell> {
  const hashes = await hashesOf(c, objects);
  return html`<div class="gallery">${objects.map((made) => card(made, hashes.get(made.id)))}</div>`;
}

async function hashesOf(c: Page, objects: readonly Made[]): Promise<ReadonlyMap<string, string>> {
  const ids = objects.filter(({ kind }) => PLAYED.has(kind)).map(({ id }) => id);
  if (ids.length === 0 || !may(c.var.me, 'GET /admin/log/outputs')) return new Map();
  const { outputs } = await told(c.var.admin.log.outputs.$get({ query: { objects: ids.join(',') } }));
  return new Map(outputs.map(({ object, sha256 }) => [object, sha256]));
}

function card(made: Made, sha256: string | undefined) {
  const place = `/console/outputs/${encodeURIComponent(made.id)}`;
  const poster = isPlayed(made)
    ? html`<img src="${contentOf(made.id, 'thumbnail')}" alt="First frame of ${made.id}" loading="lazy" width="250" height="141">`
    : html`<span class="blank">deleted upstream</span>`;
  return html`<article><a href="${place}">${poster}</a><div class="about"><div>${testerLink(made.tester)}${made.seconds === null ? '' : html`, ${digits(made.seconds)} s`}</div>
<div class="quiet">${time(made.at)}</div><div><a href="${place}"><code>${made.id}</code></a></div>
<div class="quiet">${sha256 ? html`SHA-256 <code title="${sha256}">${sha256.slice(0, 16)}…</code>` : 'not given out yet'}</div></div></article>`;
}

function objectTable(objects: readonly Made[]) {
  return panel(
    'Newest first',
    table(
      'Objects',
      ['Object', 'Kind', 'Tester', 'When', 'State'],
      objects.map(({ id, kind, tester, at, deletedAt }) => [
        html`<a href="/console/outputs/${encodeURIComponent(id)}"><code>${id}</code></a>`,
        kind,
        testerLink(tester),
        time(at),
        deletedAt === null ? 'there' : badge('deleted', 'plain'),
      ]),
    ),
  );
}

function player(made: Made): Cell {
  if (!isPlayed(made)) return '';
  return html`<div class="player"><video controls preload="metadata" poster="${contentOf(made.id, 'thumbnail')}" src="${contentOf(made.id)}" width="960">This browser plays no video. <a href="${contentOf(made.id)}">Take the file.</a></video></div>`;
}

function about({ id, kind, tester, request, at, seconds, deletedAt }: Made, sha256: string | undefined) {
  return facts([
    ['Kind', kind],
    ['Whose', testerLink(tester)],
    ['Made', time(at)],
    [
      'By the call',
      request
        ? html`<a href="/console/requests/${request}"><code>${request}</code></a>`
        : 'an operator entered it',
    ],
    seconds === null ? null : ['Length', `${digits(seconds)} s`],
    ['SHA-256, as given out', sha256 ? html`<code>${sha256}</code>` : 'not given out yet'],
    sha256
      ? [
          'Who was given it',
          html`<a href="${href('/console/requests', { output: sha256 })}">calls with this output</a>`,
        ]
      : null,
    deletedAt === null ? null : ['Deleted upstream', time(deletedAt)],
    [
      'Everything about it',
      html`<a href="${href('/console/requests', { object: id })}">calls that named it</a>`,
    ],
  ]);
}
