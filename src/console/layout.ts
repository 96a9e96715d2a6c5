/** The frame of every page: where one is, the state of the gate, and the way to the stop. */
import { html } from 'hono/html';
import type { Html } from './parts.ts';
import { may, type Page, type Status } from './session.ts';

const PLACES = [
  ['/console', 'Now', 'GET /admin/status'],
  ['/console/testers', 'Testers', 'GET /admin/testers'],
  ['/console/cohorts', 'Cohorts', 'GET /admin/cohorts'],
  ['/console/requests', 'Requests', 'GET /admin/requests'],
  ['/console/outputs', 'Outputs', 'GET /admin/objects'],
  ['/console/releases', 'Releases', 'GET /admin/releases'],
  ['/console/trace', 'Trace', 'POST /admin/trace'],
  ['/console/reports', 'Reports', 'GET /admin/findings'],
  ['/console/switches', 'Switches', 'GET /admin/switches'],
  ['/console/settings', 'Settings', 'GET /admin/settings'],
] as const;

/** @param live where the page's parts come from while it is open */
export function page(c: Page, title: string, content: unknown, live = '') {
  const { me, status, asset } = c.var;
  const at = PLACES.findLast(([path]) => c.req.path === path || c.req.path.startsWith(`${path}/`));
  const stop = may(me, 'POST /admin/switches')
    ? html`<a class="button danger" href="/console/stop">Stop…</a>`
    : '';
  return document(
    asset,
    title,
    html`<body class="frame">
<a class="skip" href="#main">Skip to the content</a>
<header class="side">
<a class="brand" href="/console">Portcullis</a>
<div class="gate" id="gate-state">${gateState(status)}</div>
${stop}
<nav aria-label="Pages">${PLACES.filter(([, , route]) => may(me, route)).map(
      ([path, name]) =>
        html`<a href="${path}"${path === at?.[0] ? html` aria-current="page"` : ''}>${name}</a>`,
    )}</nav>
<div class="who"><a href="/console/settings/you">${me.operator}</a> <span class="quiet">${me.role}</span>
${me.csrf ? html`<form method="post" action="/console/sign-out"><input type="hidden" name="csrf" value="${me.csrf}"><button class="link">Sign out</button></form>` : ''}</div>
</header>
<main id="main" tabindex="-1"${live ? html` data-live="${live}"` : ''}><h1>${title}</h1>${content}</main>
</body>`,
  );
}

/** In words first: colour alone says nothing to many. */
export function gateState({ open, switches, live }: Status): Html {
  if (!live.logWritable) return html`<span class="state stopped">Stopped: no writes</span>`;
  if (!open) return html`<span class="state stopped">Stopped</span>`;
  if (switches.length > 0) return html`<span class="state partly">Open, ${switches.length} stopped</span>`;
  return html`<span class="state open">Open</span>`;
}

/** For whoever is not known yet. */
export function barePage(asset: (name: string) => string, title: string, content: unknown) {
  return document(
    asset,
    title,
    html`<body class="bare"><main id="main"><p class="brand">Portcullis</p><h1>${title}</h1>${content}</main></body>`,
  );
}

function document(asset: (name: string) => string, title: string, body: unknown) {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>${title} · Portcullis</title>
<link rel="icon" href="${asset('icon.svg')}" type="image/svg+xml"><link rel="stylesheet" href="${asset('console.css')}">
<script type="module" src="${asset('console.js')}"></script></head>
${body}</html>`;
}
