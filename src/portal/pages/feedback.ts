/** Feedback: a rating and text, tied to a call or an output. */
import { html } from 'hono/html';
import type { Feedback } from '../feedback.ts';
import type { Faults } from '../input.ts';
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
  time,
} from './layout.ts';

/** What a form was filled in with. */
export type Filled = Readonly<Record<string, string | undefined>>;

const RATINGS = ['1, bad', '2', '3', '4', '5, good'] as const;

export function feedbackPage(
  reader: Reader,
  given: readonly Feedback[],
  filled: Filled = {},
  faults: Faults = {},
): Html {
  const area = (attributes: Html) =>
    html`<textarea ${attributes} rows="5" required maxlength="8000">${filled.text}</textarea>`;
  return page(
    { title: 'Feedback', reader, place: '/portal/feedback' },
    html`${panel(
      'Tell us',
      form(
        '/portal/feedback',
        reader.csrf,
        html`${rating(filled, faults)}${field({ name: 'text', label: 'In your words', fault: faults.text }, area)}
${about(filled, faults)}<button class="primary">Send</button>`,
      ),
    )}
${panel('What you told us', given.length === 0 ? empty('Nothing yet.') : html`<ul class="lines">${given.map(item)}</ul>`)}`,
  );
}

function rating(filled: Filled, faults: Faults): Html {
  const choices = RATINGS.map((name, i) => {
    const value = String(i + 1);
    return html`<label><input type="radio" name="rating" value="${value}" required${filled.rating === value ? html` checked` : ''}> ${name}</label>`;
  });
  const fault = faults.rating ? html`<p class="fault" id="rating-fault">${faults.rating}</p>` : '';
  return html`<fieldset${fault && html` aria-describedby="rating-fault"`}><legend>How good was it?</legend><div class="choices">${choices}</div>${fault}</fieldset>`;
}

/** Which call or output it is about; both may be left out. */
export function about(filled: Filled, faults: Faults): Html {
  const input = (value: string | undefined, most: number) => (attributes: Html) =>
    html`<input ${attributes} value="${value}" maxlength="${most}">`;
  const call = { name: 'call', label: 'Call', hint: 'Its X-Request-Id, or nothing.', fault: faults.call };
  const object = { name: 'object', label: 'Output', hint: 'Its id, or nothing.', fault: faults.object };
  return html`<div class="pair">${field(call, input(filled.call, 64))}${field(object, input(filled.object, 256))}</div>`;
}

function item({ rating: stars, at, text, call, object }: Feedback): Html {
  return html`<li><p class="hint">${badge(`${stars} of 5`, 'plain')} ${time(at)} UTC${aboutText(call, object)}</p><p class="said">${text}</p></li>`;
}

export function aboutText(call: string | null, object: string | null): Html {
  return html`${call === null ? '' : html`, on a <a href="/portal/calls/${call}">call</a>`}${object === null ? '' : html`, on <a href="${outputPath(object)}">${object}</a>`}`;
}
