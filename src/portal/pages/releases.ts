/** Release requests: asking for leave to show an output outside, and where each request stands. */
import { html } from 'hono/html';
import type { Faults } from '../input.ts';
import type { OwnRelease } from '../releases.ts';
import type { Filled } from './feedback.ts';
import {
  badge,
  empty,
  field,
  form,
  type Html,
  outputPath,
  page,
  panel,
  type Reader,
  type Tone,
  time,
} from './layout.ts';

export function releasesPage(
  reader: Reader,
  releases: readonly OwnRelease[],
  filled: Filled = {},
  faults: Faults = {},
): Html {
  const list = releases.map((one) => item(reader, one));
  return page(
    { title: 'Releases', reader, place: '/portal/releases' },
    html`<p class="lead">What you made stays within the programme until its release is approved.</p>
${panel('Ask for a release', asking(reader, filled, faults))}
${panel('Your requests', list.length === 0 ? empty('You have asked for none.') : html`<ul class="lines">${list}</ul>`)}`,
  );
}

function asking({ csrf }: Reader, filled: Filled, faults: Faults): Html {
  const input = (name: string, most: number) => (attributes: Html) =>
    html`<input ${attributes} required maxlength="${most}" value="${filled[name]}">`;
  const object = { name: 'object', label: 'Output', hint: 'Its id.', fault: faults.object };
  const purpose = { name: 'purpose', label: 'What for', fault: faults.purpose };
  const place = { name: 'place', label: 'Where it will be shown', fault: faults.place };
  return form(
    '/portal/releases',
    csrf,
    html`${field(object, input('object', 256))}
<div class="pair">${field(purpose, input('purpose', 200))}${field(place, input('place', 200))}</div>
<button class="primary">Ask</button>`,
  );
}

const TONES: Readonly<Record<OwnRelease['state'], Tone>> = {
  asked: 'warn',
  approved: 'good',
  rejected: 'bad',
  withdrawn: 'plain',
};

function item({ csrf }: Reader, release: OwnRelease): Html {
  const { id, object, purpose, place, at, state, stateAt, reason } = release;
  const isOpen = state === 'asked' || state === 'approved';
  return html`<li><p>${badge(state, TONES[state])} <a href="${outputPath(object)}">${object}</a></p>
<p class="said">${purpose} · ${place}</p>
${reason === null ? '' : html`<p class="said">The reviewers say: ${reason}</p>`}
<p class="hint">Asked ${time(at)} UTC${stateAt === at ? '' : html`, ${state} ${time(stateAt)} UTC`}</p>
${isOpen ? form(`/portal/releases/${id}/withdraw`, csrf, html`<button class="link">Take it back</button>`) : ''}</li>`;
}
