/** What all pages of the portal have in common: the frame, the words for times and amounts, forms that cannot be forged. */
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

const PLACES = [
  ['/portal', 'Overview'],
  ['/portal/calls', 'Calls'],
  ['/portal/outputs', 'Outputs'],
  ['/portal/releases', 'Releases'],
  ['/portal/limits', 'Limits'],
  ['/portal/feedback', 'Feedback'],
  ['/portal/findings', 'Findings'],
  ['/portal/terms', 'Terms'],
  ['/portal/statement', 'Statement'],
] as const;

export type Place = (typeof PLACES)[number][0];

/** Whose page it is, and what its forms bring back. */
export interface Reader {
  readonly tester: string;
  readonly csrf: string;
}

interface Frame {
  readonly title: string;
  /** Null before anybody is signed in. */
  readonly reader: Reader | null;
  readonly place?: Place;
  /** The page needs our script. */
  readonly script?: boolean;
}

export function page({ title, reader, place, script = false }: Frame, content: Html): Html {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex"><title>${title} · Portcullis</title>
<link rel="icon" href="/portal/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="/portal/style.css">
${script && html`<script src="/portal/link.js" defer></script>`}</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
${reader ? top(reader, place) : ''}
<main id="main" tabindex="-1"${reader ? '' : html` class="bare"`}>
${reader ? '' : html`<p class="brand">Portcullis</p>`}
<h1>${title}</h1>
${content}
</main>
</body></html>`;
}

function top({ tester, csrf }: Reader, place: Place | undefined): Html {
  return html`<header class="top"><div class="bar">
<a class="brand" href="/portal">Portcullis</a>
<nav aria-label="Pages">${PLACES.map(
    ([path, name]) => html`<a href="${path}"${path === place ? html` aria-current="page"` : ''}>${name}</a>`,
  )}</nav>
${form('/portal/sign-out', csrf, html`<span>${tester}</span> <button class="link">Sign out</button>`, 'who')}
</div></header>`;
}

/** Every form that acts brings back what only a reader of its page knows. */
export function form(action: string, csrf: string, content: Html, kind = '', isUpload = false): Html {
  return html`<form method="post" action="${action}" class="${kind}"${isUpload ? html` enctype="multipart/form-data"` : ''}>
<input type="hidden" name="csrf" value="${csrf}">${content}</form>`;
}

interface Labelled {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  /** What was wrong with it. */
  readonly fault?: string | undefined;
}

/** @param control makes the control with the attributes that tie it to its label, hint and fault */
export function field({ name, label, hint, fault }: Labelled, control: (attributes: Html) => Html): Html {
  const told = [hint && `${name}-hint`, fault && `${name}-fault`].filter(Boolean).join(' ');
  const attributes = html`id="${name}" name="${name}"${told && html` aria-describedby="${told}"`}${fault ? html` aria-invalid="true"` : ''}`;
  return html`<div class="field"><label for="${name}">${label}</label>
${hint && html`<p class="hint" id="${name}-hint">${hint}</p>`}
${control(attributes)}
${fault ? html`<p class="fault" id="${name}-fault">${fault}</p>` : ''}</div>`;
}

export function time(iso: string): Html {
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)}</time>`;
}

export function facts(rows: readonly (readonly [name: string, value: unknown])[], kind = ''): Html {
  return html`<dl class="facts ${kind}">${rows.map(
    ([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`,
  )}</dl>`;
}

export function panel(title: string, content: Html, kind = ''): Html {
  return html`<section class="panel ${kind}"><h2>${title}</h2>${content}</section>`;
}

export function empty(text: string): Html {
  return html`<p class="empty">${text}</p>`;
}

export type Tone = 'good' | 'bad' | 'warn' | 'plain';

export function badge(text: string, tone: Tone): Html {
  return html`<span class="badge ${tone}">${text}</span>`;
}

/** A path of ours that names an object at upstream. */
export function outputPath(id: string): string {
  return `/portal/outputs/${encodeURIComponent(id)}`;
}

const DIGITS = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 2 });

export function digits(n: number): string {
  return DIGITS.format(n);
}

const UNITS: Readonly<Record<string, string>> = {
  requests: 'calls',
  videoSeconds: 'seconds of video',
};

export function unitName(unit: string): string {
  return UNITS[unit] ?? unit;
}
