/** Own calls, and one of them. */
import { html } from 'hono/html';
import { type Call, type CallDetail, type CallsPage, OUTCOMES } from '../calls.ts';
import {
  badge,
  digits,
  empty,
  facts,
  type Html,
  outputPath,
  page,
  panel,
  type Reader,
  time,
  unitName,
} from './layout.ts';

/** @param outcome the one that is asked for */
export function callsPage(reader: Reader, { calls, next }: CallsPage, outcome = ''): Html {
  const older = new URLSearchParams({ ...(outcome ? { outcome } : {}), before: next ?? '' });
  const known = [...new Set([...OUTCOMES, outcome])].filter((one) => one !== '');
  const options = known.map(
    (one) => html`<option value="${one}"${one === outcome ? html` selected` : ''}>${spaced(one)}</option>`,
  );
  return page(
    { title: 'Calls', reader, place: '/portal/calls' },
    html`<form method="get" action="/portal/calls" class="filter">
<div class="field"><label for="outcome">How they ended</label><select id="outcome" name="outcome"><option value="">all</option>${options}</select></div>
<button>Show</button></form>
${calls.length === 0 ? empty(outcome ? 'No calls ended like that.' : 'No calls yet.') : html`<div class="panel">${table(calls)}</div>`}
${next === null ? '' : html`<p><a href="/portal/calls?${older}">Older calls</a></p>`}`,
  );
}

function table(calls: readonly Call[]): Html {
  return html`<table><thead><tr><th scope="col">When (UTC)</th><th scope="col">Call</th><th scope="col">Model</th><th scope="col">Ended</th><th scope="col">Used</th></tr></thead>
<tbody>${calls.map(
    (one) => html`<tr><td data-column="When (UTC)"><a href="/portal/calls/${one.id}">${time(one.at)}</a></td>
<td data-column="Call">${one.operation ?? `${one.method} ${one.path}`}</td><td data-column="Model"${one.model === null ? html` class="none"` : ''}>${one.model ?? '–'}</td>
<td data-column="Ended">${outcomeBadge(one)}</td><td data-column="Used"${one.used === null ? html` class="none"` : ''}>${usedText(one.used)}</td></tr>`,
  )}</tbody></table>`;
}

function outcomeBadge({ outcome, decision }: Pick<Call, 'outcome' | 'decision'>): Html {
  const text = spaced(outcome ?? 'open');
  if (decision === 'refused') return badge(text, 'bad');
  return badge(text, outcome === 'complete' ? 'good' : outcome === null ? 'plain' : 'warn');
}

function spaced(code: string): string {
  return code.replaceAll(/[_-]/g, ' ');
}

function usedText(used: Call['used']): string {
  return (
    Object.entries(used ?? {})
      .map(([unit, n]) => `${digits(n)} ${unitName(unit)}`)
      .join(', ') || '–'
  );
}

export function callPage(reader: Reader, call: CallDetail): Html {
  const { id, at, method, path, operation, model, status, text, used, bytesIn, bytesOut, outputHash } = call;
  const own = call.objects.map((one) => html`<a class="chip" href="${outputPath(one)}">${one}</a> `);
  return page(
    { title: 'Call', reader, place: '/portal/calls' },
    html`<p class="lead">${outcomeBadge(call)} ${text}</p>
${call.rules.length === 0 ? '' : panel('The rules that it broke', brokenRules(call))}
<div class="panel">${facts([
      ['When', html`${time(at)} UTC`],
      ['Operation', operation ?? '–'],
      ['Request', html`<code>${method} ${path}</code>`],
      ['X-Request-Id', html`<code>${id}</code>`],
      ['Model', model ?? '–'],
      ['Status', status ?? '–'],
      ['Asked for', asked(call)],
      ['Used', usedText(used)],
      ['Took', took(call)],
      ['Bytes', `${digits(bytesIn)} in, ${digits(bytesOut)} out`],
      ...(outputHash === null ? [] : [['SHA-256 of the output', html`<code>${outputHash}</code>`] as const]),
      ['Your objects', own.length === 0 ? '–' : own],
    ])}</div>
<p class="acts"><a class="button" href="/portal/feedback?call=${id}">Give feedback</a> <a class="button" href="/portal/findings?call=${id}">File a finding</a></p>`,
  );
}

function brokenRules({ rules }: CallDetail): Html {
  return html`<ul class="lines">${rules.map(
    ({ name, message }) => html`<li><p>${badge(name, 'bad')}</p><p class="said">${message}</p></li>`,
  )}</ul>`;
}

function asked({ seconds, size, n }: CallDetail): string {
  const parts = [
    seconds === null ? null : `${digits(seconds)} s`,
    size,
    n === null ? null : `${digits(n)} answers`,
  ];
  return parts.filter((part) => part !== null).join(', ') || '–';
}

function took({ durationMs, firstByteMs }: CallDetail): string {
  if (durationMs === null) return '–';
  const first = firstByteMs === null ? '' : `, the first byte after ${digits(Math.round(firstByteMs))} ms`;
  return `${digits(Math.round(durationMs))} ms${first}`;
}
