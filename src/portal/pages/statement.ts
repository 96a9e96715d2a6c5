/** The contribution statement as a page to print. */
import { html } from 'hono/html';
import type { Statement } from '../statement.ts';
import { digits, facts, field, type Html, page, panel, type Reader } from './layout.ts';

/** @param fault why the days that were asked for are not shown */
export function statementPage(reader: Reader, statement: Statement, jws: string, fault?: string): Html {
  const { from, to, calls, video, released, feedback, findings, iat, iss } = statement;
  const counted = new Date(iat * 1000).toISOString().slice(0, 16).replace('T', ' ');
  return page(
    { title: 'Contribution statement', reader, place: '/portal/statement' },
    html`<form method="get" action="/portal/statement" class="filter noprint">${day('from', 'From', from, fault)}${day('to', 'To', to)}<button>Show</button></form>
${panel(
  `What ${reader.tester} gave, ${from} to ${to}`,
  html`${facts(
    [
      ['calls complete', digits(calls.complete)],
      ['calls let through', digits(calls.allowed)],
      ['calls refused', digits(calls.refused)],
      ['clips', digits(video.clips)],
      ['hours of video', String(video.hours)],
      ['works released', digits(released)],
      ['pieces of feedback', digits(feedback)],
      ['findings', findingsText(findings)],
    ],
    'figures',
  )}
<p class="hint">Counted from the log, ${counted} UTC, by ${iss}.</p>`,
)}
${panel(
  'Signed',
  html`<p>A JWS that anybody can check against <a href="/.well-known/jwks.json">the published keys</a>.</p>
<p class="signature"><code>${jws}</code></p>
<p class="acts noprint"><a class="button" href="/portal/statement/download?${new URLSearchParams({ from, to })}">Download as JSON</a></p>`,
)}`,
  );
}

function day(name: string, label: string, value: string, fault?: string): Html {
  return field(
    { name, label, fault },
    (attributes) => html`<input ${attributes} type="date" value="${value}">`,
  );
}

function findingsText({ filed, byStatus }: Statement['findings']): string {
  const parts = Object.entries(byStatus).map(([status, n]) => `${digits(n)} ${status}`);
  return parts.length > 0 ? `${digits(filed)} (${parts.join(', ')})` : digits(filed);
}
