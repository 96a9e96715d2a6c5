/** Clips on pages: played through the gate, whose they are, and what may be said of them. */
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { type Cell, href, testerLink } from './parts.ts';
import { may, type Page } from './session.ts';

export type Made = InferResponseType<AdminClient['objects']['$get']>['objects'][number];

/** Only videos are played. */
export const PLAYED: ReadonlySet<string> = new Set(['videos', 'entered']);

/** `Range` is the browser's own: the admin API plays in parts. */
export function contentOf(id: string, variant = ''): string {
  return href(`/admin/objects/${encodeURIComponent(id)}/content`, { variant });
}

export function isPlayed({ kind, deletedAt }: Made): boolean {
  return PLAYED.has(kind) && deletedAt === null;
}

export function player(made: Made): Cell {
  if (!isPlayed(made)) return '';
  return html`<div class="player"><video controls preload="metadata" poster="${contentOf(made.id, 'thumbnail')}" src="${contentOf(made.id)}" width="960">This browser plays no video. <a href="${contentOf(made.id)}">Take the file.</a></video></div>`;
}

/** The way to a tester's page, for those who may read it. */
export function ownerOf(c: Page, tester: string | null): Cell {
  return testerLink(tester, may(c.var.me, 'GET /admin/testers/:id'));
}

/** The way to a call, for those who may read the log. */
export function callLink(c: Page, request: string): Cell {
  const name = html`<code>${request}</code>`;
  return may(c.var.me, 'GET /admin/requests/:id')
    ? html`<a href="/console/requests/${encodeURIComponent(request)}">${name}</a>`
    : name;
}

/** That it is there says nothing of whether it is valid. */
export function c2paWords(c2pa: boolean | null): string {
  if (c2pa === null) return 'not looked at for C2PA';
  return c2pa ? 'a C2PA manifest is in it' : 'no C2PA manifest in it';
}
