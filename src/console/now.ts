/** Now: the state of the gate in words that nobody misreads, the way to the stop, and the last hour. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { bars, meter } from './charts.ts';
import { form } from './forms.ts';
import { page } from './layout.ts';
import { streamParts } from './live.ts';
import { badge, digits, empty, facts, href, millis, panel, percent, plural, time } from './parts.ts';
import { type ConsoleEnv, may, type Page, type Status, told } from './session.ts';
import { stopForm } from './stop.ts';

type Minutes = InferResponseType<AdminClient['series']['$get']>['minutes'];

export function nowPages(app: Hono<ConsoleEnv>): void {
  app.get('/console', async (c) => {
    const minutes = await minutesFor(c);
    const parts = partsOf(c, c.var.status, minutes);
    const alerts = may(c.var.me, 'GET /admin/alerts') ? await alertsPanel(c) : '';
    const content = html`<div id="now-state">${parts['now-state']}</div>
${may(c.var.me, 'POST /admin/switches') ? panel('Stop', stopForm(c, {})) : ''}
<div id="now-counters" class="counters">${parts['now-counters']}</div>
<div id="now-charts">${parts['now-charts']}</div>
<div class="columns">${armedPanel(c, c.var.status)}${alerts}</div>`;
    return c.html(page(c, 'Now', content, minutes ? '/console/live' : ''));
  });
  app.get('/console/live', (c) =>
    streamParts(c, async () => partsOf(c, await told(c.var.admin.status.$get()), await minutesFor(c))),
  );
  app.post('/console/drill', async (c) => {
    await told(c.var.once.drills.$post());
    return c.redirect('/console#armed', 303);
  });
  app.post('/console/alerts/test', async (c) => {
    await told(c.var.once.alerts.test.$post());
    return c.redirect('/console#alerts', 303);
  });
}

async function minutesFor(c: Page): Promise<Minutes | null> {
  if (!may(c.var.me, 'GET /admin/series')) return null;
  return (await told(c.var.admin.series.$get({ query: {} }))).minutes;
}

/** What changes while the page is open, by the id of its place. */
function partsOf(c: Page, status: Status, minutes: Minutes | null) {
  return {
    'now-state': statePanel(c, status),
    'now-counters': counters(status, minutes),
    'now-charts': minutes ? charts(minutes) : '',
  };
}

function statePanel(c: Page, { open, switches, live }: Status) {
  const scoped = switches.filter(({ scope }) => scope !== 'global');
  const headline = !live.logWritable
    ? [
        'stopped',
        'Stopped',
        'The log cannot be written, so every call is refused. Look at the server’s disk and its log.',
      ]
    : !open
      ? ['stopped', 'Stopped', 'Every call is refused.']
      : scoped.length > 0
        ? [
            'partly',
            'Open, with stops',
            `Calls that the rules allow pass, but for ${plural(scoped.length, 'stop')}.`,
          ]
        : ['open', 'Open', 'Calls that the rules allow pass.'];
  return html`<section class="now ${headline[0]}" aria-label="State of the gate"><p class="headline">${headline[1]}</p><p>${headline[2]}</p>
${switches.length > 0 ? html`<ul class="stops">${switches.slice(0, 20).map((one) => stopLine(c, one))}</ul>` : ''}
${switches.length > 20 ? html`<p><a href="/console/switches">All ${digits(switches.length)} stops</a></p>` : ''}</section>`;
}

function stopLine(c: Page, { id, scope, since, by, reason }: Status['switches'][number]) {
  const details = may(c.var.me, 'GET /admin/switches/:id')
    ? html` <a href="/console/switches/${id}">Look, or resume</a>`
    : '';
  return html`<li><code>${scope}</code> since ${time(since)} by ${by}: ${reason ?? 'no public reason'}${details}</li>`;
}

function counters({ today, live }: Status, minutes: Minutes | null) {
  const lastMinute = minutes?.at(-2)?.calls ?? null;
  const seconds = minutes?.reduce((sum, { units }) => sum + units.videoSeconds, 0) ?? null;
  return html`${counter('Open now', digits(live.openCalls), 'calls and streams')}
${lastMinute === null ? '' : counter('Last minute', digits(lastMinute), 'calls')}
${counter('Today', digits(today.calls), 'calls since midnight UTC')}
${counter('Refused today', digits(today.refused), percent(today.refused, today.calls))}
${seconds === null ? '' : counter('Video, last hour', digits(seconds), 'seconds used or set aside')}`;
}

function counter(name: string, value: string, what: string) {
  return html`<div class="counter"><span>${name}</span><strong>${value}</strong><span class="quiet">${what}</span></div>`;
}

function charts(minutes: Minutes) {
  const moments = minutes.map(({ at }) => at);
  const refused = minutes.map(({ refusals }) => Object.values(refusals).reduce((sum, n) => sum + n, 0));
  const calls = minutes.map(({ calls: all }, i) => all - (refused[i] ?? 0));
  const units = minutes.map((one) => one.units);
  const unitCharts = (
    [
      ['videoSeconds', 'Video seconds'],
      ['tokens', 'Tokens'],
      ['images', 'Images'],
    ] as const
  ).filter(([unit]) => units.some((one) => one[unit] > 0));
  return html`<section class="panel"><header><h2>Last 60 minutes</h2></header>
${bars('Calls a minute', moments, [
  { name: 'let through', tone: 'calls', values: calls },
  { name: 'refused', tone: 'refused', values: refused },
])}
<div class="columns">${bars('Open at the end of the minute', moments, [{ name: 'open', tone: 'open', values: minutes.map(({ open }) => open) }])}
${unitCharts.map(([unit, name]) => bars(name, moments, [{ name: 'used or set aside', tone: 'units', values: units.map((one) => one[unit]) }]))}</div>
${refusalReasons(minutes)}</section>`;
}

function refusalReasons(minutes: Minutes) {
  const codes = new Map<string, number>();
  for (const { refusals } of minutes)
    for (const [code, n] of Object.entries(refusals)) codes.set(code, (codes.get(code) ?? 0) + n);
  const sorted = [...codes].sort((a, b) => b[1] - a[1]).slice(0, 8);
  const most = sorted[0]?.[1] ?? 0;
  if (sorted.length === 0) return html`<p class="quiet">Nothing was refused in the last hour.</p>`;
  return html`<h3>Refused, by reason</h3><ul class="reasons">${sorted.map(
    ([code, n]) =>
      html`<li><a href="${href('/console/requests', { outcome: code, since: '60m' })}">${code}</a>${meter(n, most * 1.2, `${code}: ${digits(n)}`)}<span class="number">${digits(n)}</span></li>`,
  )}</ul>`;
}

function armedPanel(c: Page, { armed }: Status) {
  const states = {
    armed: badge('armed', 'good'),
    failed: badge('broken', 'bad'),
    stale: badge('not drilled for long', 'warn'),
    'not-drilled': badge('not drilled yet', 'warn'),
  };
  const run = may(c.var.me, 'POST /admin/drills')
    ? form(c, '/console/drill', html`<button>Run a drill</button>`)
    : '';
  return html`<section class="panel" id="armed"><header><h2>Is the stop armed?</h2>${states[armed.state]}</header>
${facts([
  ['Last drill', time(armed.at, 'none yet')],
  ['Order to the last byte', millis(armed.lastByteMs)],
  armed.fault === null ? null : ['What is broken', armed.fault],
])}
<p class="quiet">A drill sends streams of a tester that is nobody through the gate and ends them with a real stop.</p>${run}</section>`;
}

async function alertsPanel(c: Page) {
  const { targets } = await told(c.var.admin.alerts.$get());
  const lines = targets.map(({ name, origin, waiting, failed, lastDeliveredAt, lastFault }) => {
    const tone =
      failed > 0
        ? badge(`${digits(failed)} given up`, 'bad')
        : waiting > 0
          ? badge(`${digits(waiting)} waiting`, 'warn')
          : badge('delivered', 'good');
    return html`<li>${tone} <strong>${name}</strong> <span class="quiet">${origin}</span>, last ${time(lastDeliveredAt, 'none yet')}${lastFault ? html`<br><span class="quiet">${lastFault}</span>` : ''}</li>`;
  });
  const test =
    targets.length > 0 && may(c.var.me, 'POST /admin/alerts/test')
      ? form(c, '/console/alerts/test', html`<button>Send a test</button>`)
      : '';
  return html`<section class="panel" id="alerts"><header><h2>Alerts</h2></header>
${targets.length > 0 ? html`<ul class="lines">${lines}</ul>` : empty('Nobody is told when the gate stops.', 'Name a webhook or Slack under "alerts" in the configuration file.')}${test}</section>`;
}
