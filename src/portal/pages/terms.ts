/** The programme's terms, and their acceptance. */
import { html } from 'hono/html';
import type { OwnTerms, TermsToAccept } from '../terms.ts';
import { empty, form, type Html, page, panel, type Reader, time } from './layout.ts';

export function termsPage(reader: Reader, { required, accepted }: OwnTerms): Html {
  return page(
    { title: 'Terms', reader, place: '/portal/terms' },
    html`${required === null ? empty('Your cohort asks for no terms.') : current(reader, required)}
${
  accepted.length === 0
    ? ''
    : panel(
        'What you accepted',
        html`<ul class="lines">${accepted.map(
          ({ version, at, sha256 }) =>
            html`<li>Version ${version}, ${time(at)} UTC<p class="hint">SHA-256 <code>${sha256}</code></p></li>`,
        )}</ul>`,
      )
}`,
  );
}

function current(
  { csrf }: Reader,
  { version, text, sha256, at, graceUntil, isAccepted }: TermsToAccept,
): Html {
  const grace =
    graceUntil === null
      ? ''
      : html` If you accepted an older version, you may go on until ${time(graceUntil)} UTC.`;
  const acceptance = html`<input type="hidden" name="version" value="${version}"><input type="hidden" name="sha256" value="${sha256}">
<button class="primary">I accept version ${version}</button>`;
  return html`<p class="lead">${isAccepted ? 'You have accepted these terms.' : html`Your calls need your acceptance.${grace}`}</p>
${panel(`Version ${version}`, html`<p class="hint">Published ${time(at)} UTC, SHA-256 <code>${sha256}</code></p><div class="said text">${text}</div>`)}
${isAccepted ? '' : form('/portal/terms', csrf, acceptance)}`;
}
