/** The first page: where the tester stands and why, what happened, what is left, and the way to object. */
import { html } from 'hono/html';
import type { Bound } from '../../admission/room.ts';
import type { Day } from '../days.ts';
import type { Appeal } from '../feedback.ts';
import type { Faults } from '../input.ts';
import type { Notice, Obstacle, Standing } from '../standing.ts';
import { daysChart } from './charts.ts';
import { empty, field, form, type Html, page, panel, type Reader, time } from './layout.ts';
import { boundsList } from './limits.ts';

interface Shown {
  readonly standing: Standing;
  readonly notices: readonly Notice[];
  readonly bounds: readonly Bound[];
  readonly days: readonly Day[];
  readonly appeals: readonly Appeal[];
  readonly faults?: Faults;
  readonly text?: string;
}

export function overviewPage(reader: Reader, shown: Shown): Html {
  const { standing, notices, bounds, days, appeals, faults = {}, text = '' } = shown;
  const mayAppeal =
    standing.why.some(({ because }) => because === 'stop') || standing.review === 'under-review';
  const happened = notices.length === 0 ? empty('Nothing has happened to your access.') : timeline(notices);
  return page(
    { title: 'Overview', reader, place: '/portal' },
    html`${standingPanel(standing)}
${mayAppeal ? appealForm(reader.csrf, text, faults) : ''}
${panel('Your calls', daysChart(days))}
${panel('What is left', boundsList(bounds))}
${panel('Notices', happened)}
${appeals.length > 0 ? panel('What you told the operators', said(appeals)) : ''}`,
  );
}

function standingPanel({ may, why, cohort, since, review, name, tester }: Standing): Html {
  const reviewed = review === 'under-review' ? ' Your access is under review.' : '';
  return html`<section class="now ${may ? 'open' : 'stopped'}">
<h2 class="headline">${may ? 'You may call.' : 'Your calls are refused.'}</h2>
<p>${name ?? tester}, in the cohort ${cohort}, since ${time(since)} UTC.${reviewed}</p>
${why.length > 0 ? html`<ul class="lines">${why.map((one) => html`<li>${obstacle(one)}</li>`)}</ul>` : ''}
</section>`;
}

const STOPPED = {
  programme: 'The whole programme is stopped',
  cohort: 'Your cohort is stopped',
  tester: 'Your access is stopped',
  token: 'The token that you signed in with is stopped',
} as const;

function obstacle({ because, of, reason, since }: Obstacle): Html {
  if (because === 'no-rules')
    return html`Your cohort has no rules in this programme yet, so nothing is allowed.`;
  if (because === 'terms')
    return html`The programme's terms have to be accepted first: <a href="/portal/terms">read them</a>.`;
  const from = since === null ? '' : html` since ${time(since)} UTC`;
  return html`${of === null ? 'A stop is engaged' : STOPPED[of]}${from}${reason === null ? '. No reason was given.' : `: ${reason}`}`;
}

const OF_WHAT = {
  programme: 'the programme',
  cohort: 'your cohort',
  tester: 'your access',
  token: 'your token',
} as const;

function noticeText({ what, event, of }: Notice): string {
  const verb = event === 'begins' ? 'began' : 'ended';
  if (what === 'review') return `The review of your access ${verb}.`;
  return `${what === 'quarantine' ? 'Quarantine' : 'A stop'} of ${of === null ? 'access' : OF_WHAT[of]} ${verb}.`;
}

function timeline(notices: readonly Notice[]): Html {
  return html`<ol class="timeline">${notices.map(
    (one) =>
      html`<li class="${one.event}"><span class="hint">${time(one.at)} UTC</span><p>${noticeText(one)} ${one.reason}</p></li>`,
  )}</ol>`;
}

function appealForm(csrf: string, text: string, faults: Faults): Html {
  const told = { name: 'text', label: 'Tell the operators why', fault: faults.text };
  const area = (attributes: Html) =>
    html`<textarea ${attributes} rows="4" required maxlength="8000">${text}</textarea>`;
  return panel(
    'Is this wrong?',
    form('/portal/appeals', csrf, html`${field(told, area)}<button class="primary">Send</button>`),
  );
}

function said(appeals: readonly Appeal[]): Html {
  return html`<ul class="lines">${appeals.map(
    ({ at, text }) => html`<li><p class="hint">${time(at)} UTC</p><p class="said">${text}</p></li>`,
  )}</ul>`;
}
