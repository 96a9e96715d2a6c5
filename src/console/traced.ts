/** What a trace found, in words that claim no more than was measured. */
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { c2paWords, callLink, contentOf, ownerOf } from './clips.ts';
import { badge, bytes, type Cell, digits, empty, facts, type Html, panel, table, time } from './parts.ts';
import type { Page } from './session.ts';

export type Traced = InferResponseType<AdminClient['trace']['$post']>;
type Mark = InferResponseType<AdminClient['trace']['codes'][':code']['$get']>['marks'][number];
type Candidate = Traced['candidates'][number];

/** Bits of 64; what lies between them was measured (docs/outputs.md). */
const SAME = 4;
const LIKELY = 8;

const FRAMES: Readonly<Record<Traced['frames'], string>> = {
  compared: 'compared with those of every clip that the gate has looked at',
  unreadable: 'nobody could read them, so only the very bytes were looked for',
  'nothing-in-them': 'there is nothing in them to compare, so only the very bytes were looked for',
  off: 'off: ffmpeg is not installed where the gate runs, so only the very bytes were looked for',
};

export function tracedPart(c: Page, found: Traced): Html {
  const { candidates, calls } = found;
  const cards =
    candidates.length > 0
      ? html`<div class="gallery">${candidates.map((one) => card(c, one))}</div>`
      : empty(
          'The gate knows no clip like it.',
          'Clips made before the gate stood there, or changed beyond what is looked for, are not found.',
        );
  return html`<section class="panel traced" aria-label="What was found"><p class="headline">${headline(found)}</p>
${facts([
  [
    'Frames',
    found.frames === 'compared'
      ? FRAMES.compared
      : html`${badge('not compared', 'warn')} ${FRAMES[found.frames]}`,
  ],
  ['C2PA', c2paWords(found.c2pa)],
  ['Size', bytes(found.bytes)],
  ['SHA-256', html`<code>${found.sha256}</code>`],
])}</section>
${cards}${calls.length > 0 ? callsPanel(c, calls) : ''}`;
}

function headline({ candidates: [first], calls }: Traced): string {
  if (first?.exact) return `These very bytes are a clip of ${first.tester}.`;
  if (first && first.distance <= SAME) return `Nearly always this is a clip of ${first.tester}.`;
  if (first && first.distance <= LIKELY) return `It may be a clip of ${first.tester}: look at both.`;
  if (first) return 'Some clips look like it: look at them.';
  return calls.length > 0 ? 'These very bytes were an answer of the gate.' : 'Nobody’s that is known.';
}

function card(c: Page, one: Candidate) {
  const place = `/console/outputs/${encodeURIComponent(one.object)}`;
  return html`<article><a href="${place}"><img src="${contentOf(one.object, 'thumbnail')}" alt="First frame of ${one.object}" loading="lazy" width="250" height="141"></a>
<div class="about"><div>${likeness(one)} ${ownerOf(c, one.tester)}</div><div class="quiet">${time(one.at)}</div>
<div><a href="${place}"><code>${one.object}</code></a></div>${one.request === null ? '' : html`<div class="quiet">by ${callLink(c, one.request)}</div>`}</div></article>`;
}

function likeness({ exact, distance }: Candidate): Cell {
  if (exact) return badge('these very bytes', 'good');
  const words = `distance ${digits(distance)} of 64`;
  return badge(words, distance <= SAME ? 'good' : distance <= LIKELY ? 'warn' : 'plain');
}

function callsPanel(c: Page, calls: Traced['calls']) {
  return panel(
    'Calls that were answered with these very bytes',
    table(
      'Calls',
      ['Call', 'When', 'Tester', 'Operation'],
      calls.map(({ id, at, tester, operation }) => [
        callLink(c, id),
        time(at),
        ownerOf(c, tester),
        operation,
      ]),
    ),
  );
}

/** Downloads whose clips carry such a code. */
export function marksPart(c: Page, marks: readonly Mark[]): Html {
  const found = table(
    'Downloads',
    ['Code', 'Tester', 'Output', 'When', 'Call'],
    marks.map(({ code, tester, object, request, at }) => [
      html`<code>${code}</code>`,
      ownerOf(c, tester),
      html`<a href="/console/outputs/${encodeURIComponent(object)}"><code>${object}</code></a>`,
      time(at),
      callLink(c, request),
    ]),
  );
  const nothing = empty('No download carries such a code.', 'Put ? for what is not read for sure.');
  return html`${panel('Downloads with such a code', marks.length > 0 ? found : nothing)}`;
}
