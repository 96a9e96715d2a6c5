/** Outputs: what testers made, with poster frames, played through the gate and kept nowhere. */
import type { Hono } from 'hono';
import { html } from 'hono/html';
import { callLink, contentOf, isPlayed, type Made, ownerOf, PLAYED, player } from './clips.ts';
import { page } from './layout.ts';
import { badge, type Cell, digits, empty, facts, href, options, panel, table, time } from './parts.ts';
import { releaseTable } from './releases.ts';
import { requestTable } from './requests.ts';
import { type ConsoleEnv, may, type Page, told } from './session.ts';

const PAGE = 24;
const KINDS = ['videos', 'files', 'responses', 'batches', 'vector_stores', 'conversations', 'entered'];
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
    const shown = PLAYED.has(kind) ? await gallery(c, objects) : objectTable(c, objects);
    const content = html`<form method="get" action="/console/outputs" class="inline panel" role="search"><label>Kind <select name="kind">${options(KINDS, kind)}</select></label>
<label>Tester <input name="tester" value="${tester ?? ''}" autocomplete="off" spellcheck="false"></label><button>Show</button></form>
${objects.length > 0 ? shown : empty('Nobody has made anything like that yet.', 'What testers make stands here as soon as the model API has named it.')}
${next ? html`<p class="pages"><a class="button" href="${href('/console/outputs', { kind, tester, after: next })}">Earlier</a></p>` : ''}`;
    return c.html(page(c, 'Outputs', content));
  });
  app.get('/console/outputs/:id', async (c) => {
    const id = c.req.param('id');
    const made = await told(c.var.admin.objects[':id'].$get({ param: { id } }));
    const [hashes, { releases }, calls] = await Promise.all([
      hashesOf(c, [made]),
      told(c.var.admin.releases.$get({ query: { object: id } })),
      callsPanel(c, id),
    ]);
    const asked =
      releases.length > 0 ? panel('Releases', releaseTable(c, 'Releases', releases), releasesLink(id)) : '';
    const content = html`${player(made)}<div class="columns">${panel('What it is', about(c, made, hashes))}</div>${asked}${calls}`;
    return c.html(page(c, id, content));
  });
}

function releasesLink(object: string): Cell {
  return html`<a href="${href('/console/releases', { state: 'all', object })}">All</a>`;
}

/** For those who may read the log. */
async function callsPanel(c: Page, object: string): Promise<Cell> {
  if (!may(c.var.me, 'GET /admin/requests')) return '';
  const { requests } = await told(c.var.admin.requests.$get({ query: { object, limit: '25' } }));
  return panel(
    'Calls about it',
    requests.length > 0 ? requestTable('Calls', requests) : empty('The log has no call about it.'),
  );
}

async function gallery(c: Page, objects: readonly Made[]): Promise<Cell> {
  const hashes = await hashesOf(c, objects);
  return html`<div class="gallery">${objects.map((made) => card(c, made, hashes))}</div>`;
}

/** SHA-256 by object; null for whoever may not read the log, which has them. */
type Hashes = ReadonlyMap<string, string> | null;

async function hashesOf(c: Page, objects: readonly Made[]): Promise<Hashes> {
  if (!may(c.var.me, 'GET /admin/log/outputs')) return null;
  const ids = objects.filter(({ kind }) => PLAYED.has(kind)).map(({ id }) => id);
  if (ids.length === 0) return new Map();
  const { outputs } = await told(c.var.admin.log.outputs.$get({ query: { objects: ids.join(',') } }));
  return new Map(outputs.map(({ object, sha256 }) => [object, sha256]));
}

function card(c: Page, made: Made, hashes: Hashes) {
  const sha256 = hashes?.get(made.id);
  const given = sha256
    ? html`SHA-256 <code title="${sha256}">${sha256.slice(0, 16)}…</code>`
    : 'not given out yet';
  const place = `/console/outputs/${encodeURIComponent(made.id)}`;
  const poster = isPlayed(made)
    ? html`<img src="${contentOf(made.id, 'thumbnail')}" alt="First frame of ${made.id}" loading="lazy" width="250" height="141">`
    : html`<span class="blank">deleted upstream</span>`;
  return html`<article><a href="${place}">${poster}</a><div class="about"><div>${ownerOf(c, made.tester)}${made.seconds === null ? '' : html`, ${digits(made.seconds)} s`}</div>
<div class="quiet">${time(made.at)}</div><div><a href="${place}"><code>${made.id}</code></a></div>
${hashes ? html`<div class="quiet">${given}</div>` : ''}</div></article>`;
}

function objectTable(c: Page, objects: readonly Made[]) {
  return panel(
    'Newest first',
    table(
      'Objects',
      ['Object', 'Kind', 'Tester', 'When', 'State'],
      objects.map(({ id, kind, tester, at, deletedAt }) => [
        html`<a href="/console/outputs/${encodeURIComponent(id)}"><code>${id}</code></a>`,
        kind,
        ownerOf(c, tester),
        time(at),
        deletedAt === null ? 'there' : badge('deleted', 'plain'),
      ]),
    ),
  );
}

function about(c: Page, { id, kind, tester, request, at, seconds, deletedAt }: Made, hashes: Hashes) {
  const sha256 = hashes?.get(id);
  return facts([
    ['Kind', kind],
    ['Whose', ownerOf(c, tester)],
    ['Made', time(at)],
    ['By the call', request ? callLink(c, request) : 'an operator entered it'],
    seconds === null ? null : ['Length', `${digits(seconds)} s`],
    hashes ? ['SHA-256, as given out', sha256 ? html`<code>${sha256}</code>` : 'not given out yet'] : null,
    sha256
      ? [
          'Who was given it',
          html`<a href="${href('/console/requests', { output: sha256 })}">calls with this output</a>`,
        ]
      : null,
    deletedAt === null ? null : ['Deleted upstream', time(deletedAt)],
    may(c.var.me, 'GET /admin/requests')
      ? [
          'Everything about it',
          html`<a href="${href('/console/requests', { object: id })}">calls that named it</a>`,
        ]
      : null,
  ]);
}
