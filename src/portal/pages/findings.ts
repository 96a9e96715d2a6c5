/** Findings of red teams: filing one, and where each stands. */
import { html } from 'hono/html';
import { CATEGORIES, SEVERITIES } from '../../store/states.ts';
import { ACCEPT, MOST_FILES } from '../attachments.ts';
import type { Finding } from '../findings.ts';
import type { Faults } from '../input.ts';
import { about, aboutText, type Filled } from './feedback.ts';
import {
  badge,
  digits,
  empty,
  facts,
  field,
  form,
  type Html,
  page,
  panel,
  type Reader,
  type Tone,
  time,
} from './layout.ts';

export function findingsPage(
  reader: Reader,
  findings: readonly Finding[],
  filled: Filled = {},
  faults: Faults = {},
): Html {
  const list =
    findings.length === 0
      ? empty('You have filed nothing yet.')
      : html`<ul class="cards">${findings.map(card)}</ul>`;
  return page(
    { title: 'Findings', reader, place: '/portal/findings' },
    html`${list}${panel('File a finding', filing(reader, filled, faults))}`,
  );
}

function filing({ csrf }: Reader, filled: Filled, faults: Faults): Html {
  const title = (attributes: Html) =>
    html`<input ${attributes} required maxlength="200" value="${filled.title}">`;
  const area = (attributes: Html) =>
    html`<textarea ${attributes} rows="8" required maxlength="8000">${filled.reproduction}</textarea>`;
  const files = (attributes: Html) => html`<input ${attributes} type="file" multiple accept="${ACCEPT}">`;
  const steps = {
    ...{ name: 'reproduction', label: 'How to see it again', fault: faults.reproduction },
    hint: 'Step by step, with the prompts as you sent them.',
  };
  const attached = {
    ...{ name: 'attachments', label: 'Attachments', fault: faults.attachments },
    hint: `Up to ${MOST_FILES} files of at most 5 MiB: pictures, MP4, WebM, PDF, plain text, JSON.`,
  };
  return form(
    '/portal/findings',
    csrf,
    html`${field({ name: 'title', label: 'Title', fault: faults.title }, title)}
<div class="pair">${choice('severity', 'Severity', SEVERITIES, filled, faults)}${choice('category', 'Category', CATEGORIES, filled, faults)}</div>
${field(steps, area)}${about(filled, faults)}${field(attached, files)}
<button class="primary">File it</button>`,
    '',
    true,
  );
}

function choice(
  name: string,
  label: string,
  values: readonly string[],
  filled: Filled,
  faults: Faults,
): Html {
  const options = values.map(
    (value) => html`<option${filled[name] === value ? html` selected` : ''}>${value}</option>`,
  );
  return field(
    { name, label, fault: faults[name] },
    (attributes) => html`<select ${attributes} required><option value="">choose</option>${options}</select>`,
  );
}

const TONES: Readonly<Record<Finding['status'], Tone>> = {
  new: 'plain',
  triaged: 'warn',
  accepted: 'good',
  fixed: 'good',
  declined: 'bad',
  duplicate: 'plain',
};

function card({ id, title, severity, category, status, at }: Finding): Html {
  return html`<li class="panel"><a href="/portal/findings/${id}">${title}</a>
<p class="hint">${badge(status, TONES[status])} ${severity}, ${category}</p><p class="hint">${time(at)} UTC</p></li>`;
}

export function findingPage(reader: Reader, finding: Finding): Html {
  const { id, title, severity, category, reproduction, status, answer, statusAt, attachments, at } = finding;
  const since = statusAt === null ? '' : html` since ${time(statusAt)} UTC`;
  const files = attachments.map(
    (file) => html`<li><a href="/portal/findings/${id}/attachments/${file.id}">${file.name}</a>
<span class="hint">${file.type}, ${digits(file.bytes)} bytes</span></li>`,
  );
  return page(
    { title, reader, place: '/portal/findings' },
    html`<div class="panel">${facts([
      ['Stands', html`${badge(status, TONES[status])}${since}`],
      ...(answer === null ? [] : [['The operators say', html`<span class="said">${answer}</span>`] as const]),
      ['Severity', severity],
      ['Category', category],
      ['Filed', html`${time(at)} UTC${aboutText(finding.call, finding.object)}`],
    ])}</div>
${panel('How to see it again', html`<p class="said">${reproduction}</p>`)}
${files.length > 0 ? panel('Attachments', html`<ul class="lines">${files}</ul>`) : ''}`,
  );
}
