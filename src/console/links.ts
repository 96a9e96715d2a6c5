/** Share links of a release: made, copied, how often followed, revoked. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { form } from './forms.ts';
import { badge, type Cell, digits, empty, panel, table, time } from './parts.ts';
import { type ConsoleEnv, may, type Page, told } from './session.ts';

type Link = InferResponseType<AdminClient['releases'][':id']['links']['$get']>['links'][number];

export function linkPages(app: Hono<ConsoleEnv>): void {
  app.post('/console/releases/:id/links', async (c) => {
    const id = c.req.param('id');
    const days = c.var.form.optional('days');
    const json = days === undefined ? {} : { days: Number(days) };
    await told(c.var.once.releases[':id'].links.$post({ param: { id }, json }));
    return c.redirect(`${placeOf(id)}#links`, 303);
  });
  app.post('/console/releases/:id/links/:link/revoke', async (c) => {
    const { id, link } = c.req.param();
    await told(c.var.once.links[':id'].revoke.$post({ param: { id: link } }));
    return c.redirect(`${placeOf(id)}#links`, 303);
  });
}

function placeOf(release: string | number): string {
  return `/console/releases/${encodeURIComponent(release)}`;
}

export function linksPanel(
  c: Page,
  { id, state }: { readonly id: number; readonly state: string },
  links: readonly Link[],
) {
  const canMake = may(c.var.me, 'POST /admin/releases/:id/links');
  const make = form(
    c,
    `${placeOf(id)}/links`,
    html`<div class="inline"><label>Days, or the usual <input name="days" inputmode="decimal" autocomplete="off"></label><button>Make a link</button></div>`,
  );
  const bare = links.some(({ url }) => url.startsWith('/'));
  return html`<div id="links">${panel(
    'Share links',
    html`${links.length > 0 ? linkTable(c, links) : empty('No link was made.', 'A link leads to the clip itself, and works for whoever has it.')}
${canMake && bare ? html`<p class="quiet">Links are paths on the gateway’s own host; with <code>publicUrl</code> set they are whole.</p>` : ''}
${canMake && state === 'approved' ? make : ''}`,
  )}</div>`;
}

/** A link works for whoever has it: shown to those alone who could make another one. */
function linkTable(c: Page, links: readonly Link[]) {
  const canMake = may(c.var.me, 'POST /admin/releases/:id/links');
  const canRevoke = may(c.var.me, 'POST /admin/links/:id/revoke');
  return table(
    'Share links',
    [
      'Link',
      'Made',
      'Works until',
      { name: 'Followed', number: true },
      'Last',
      ...(canRevoke ? ['Act'] : []),
    ],
    links.map((link) => [
      canMake && link.revokedAt === null ? shown(link) : html`<code>${link.id}</code>`,
      html`<div>${time(link.at)} by ${link.by}</div>`,
      link.revokedAt === null
        ? time(link.expiresAt)
        : html`<div>${badge('revoked')} ${time(link.revokedAt)}</div>`,
      digits(link.fetches),
      time(link.lastAt, 'never'),
      ...(canRevoke ? [link.revokedAt === null ? revoke(c, link) : '–'] : []),
    ]),
  );
}

function shown({ id, url }: Link): Cell {
  return html`<div><code id="link-${id}">${url}</code> <button type="button" class="link" data-copy="link-${id}" aria-label="Copy the link ${id}" hidden>Copy</button></div>`;
}

function revoke(c: Page, { id, release }: Link): Cell {
  return form(
    c,
    `${placeOf(release)}/links/${encodeURIComponent(id)}/revoke`,
    html`<button class="link" aria-label="Revoke the link ${id}">Revoke</button>`,
  );
}
