/** Limits and quotas: what is used and left, own and shared. */
import { html } from 'hono/html';
import type { Bound } from '../../admission/room.ts';
import { iso } from '../../iso.ts';
import type { Day } from '../days.ts';
import { daysChart, meter } from './charts.ts';
import { digits, empty, type Html, page, panel, type Reader, time, unitName } from './layout.ts';

const SPANS = {
  second: 'a second',
  minute: 'a minute',
  day: 'a day',
  total: 'in all',
  'at-once': 'at the same time',
} as const;

export function limitsPage(reader: Reader, bounds: readonly Bound[], days: readonly Day[]): Html {
  return page(
    { title: 'Limits', reader, place: '/portal/limits' },
    html`<p class="lead">From the rows that decide on each call. What is set aside for calls and jobs that have not ended counts as used.</p>
${panel('Used and left', boundsList(bounds))}
${panel('Your calls', daysChart(days))}`,
  );
}

export function boundsList(bounds: readonly Bound[]): Html {
  if (bounds.length === 0) return empty('No limits are set for you.');
  return html`<ul class="bounds">${bounds.map(boundItem)}</ul>`;
}

function boundItem({ subject, unit, span, limit, used, left, resetsAt }: Bound): Html {
  const name = `${unitName(unit)} ${SPANS[span]}`;
  const shared = subject.startsWith('cohort:') ? ', shared by your cohort' : '';
  return html`<li><p><strong>${digits(left)}</strong> of ${digits(limit)} ${name} left${shared}</p>
${meter(used, limit, `${digits(used)} of ${digits(limit)} ${name} used`)}
<p class="hint">${digits(used)} used${resetsAt === null ? '' : html`, anew ${time(iso(resetsAt))} UTC`}</p></li>`;
}
