/** One tester: standing, tokens, what is used and left, what they called, from where, what they made, and notes. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { meter, sparkline } from './charts.ts';
import { form } from './forms.ts';
import { page } from './layout.ts';
import { badge, type Cell, digits, empty, facts, href, options, panel, table, time } from './parts.ts';
import { appealTable, findingTable } from './reports.ts';
import { requestTable } from './requests.ts';
import { secretPage } from './secret.ts';
import { type ConsoleEnv, may, type Page, told } from './session.ts';
import { switchTable } from './switches.ts';
import { REVIEWS, type ReviewState } from './testers.ts';
import { unitName, unitText } from './units.ts';

type Tester = InferResponseType<AdminClient['testers'][':id']['$get']>;
type Token = InferResponseType<AdminClient['tokens']['$get']>['tokens'][number];
type Bound = InferResponseType<AdminClient['limits']['$get']>['bounds'][number];
type Seen = InferResponseType<AdminClient['testers'][':id']['seen']['$get']>;
type Reviews = InferResponseType<AdminClient['testers'][':id']['reviews']['$get']>;

export function testerPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/testers/:id', async (c) => c.html(await testerPage(c, c.req.param('id'))));
  app.post('/console/testers/:id/tokens', async (c) => {
    const tester = c.req.param('id');
    const days = Number(c.var.form.one('days') || 'NaN');
    const json = { tester, ...(Number.isNaN(days) ? {} : { lifetimeDays: days }) };
    const { token, expiresAt } = await told(c.var.once.tokens.$post({ json }));
    return c.html(tokenPage(c, tester, token, expiresAt));
  });
  app.post('/console/testers/:id/tokens/:jti/renew', async (c) => {
    const { id, jti } = c.req.param();
    const { token, expiresAt } = await told(
      c.var.once.tokens[':jti'].renew.$post({ param: { jti }, json: { revokeOld: true } }),
    );
    return c.html(tokenPage(c, id, token, expiresAt));
  });
  app.post('/console/testers/:id/tokens/:jti/revoke', async (c) => {
    const { id, jti } = c.req.param();
    await told(
      c.var.once.tokens[':jti'].revoke.$post({
        param: { jti },
        json: { reason: c.var.form.optional('reason') },
      }),
    );
    return c.redirect(placeOf(id), 303);
  });
  app.post('/console/testers/:id/resume', async (c) => {
    const id = c.req.param('id');
    await told(
      c.var.once.switches.release.$post({
        json: { scope: `tester:${id}`, reason: c.var.form.one('reason') },
      }),
    );
    return c.redirect(placeOf(id), 303);
  });
  app.post('/console/testers/:id/review', async (c) => {
    const id = c.req.param('id');
    const json = { state: c.var.form.one('state') as ReviewState, note: c.var.form.one('note') };
    await told(c.var.once.testers[':id'].reviews.$post({ param: { id }, json }));
    return c.redirect(placeOf(id), 303);
  });
}

function placeOf(id: string): string {
  return `/console/testers/${encodeURIComponent(id)}`;
}

function tokenPage(c: Page, tester: string, token: string, expiresAt: string) {
  const text = html`<p>For ${tester}, until ${time(expiresAt)}. It is shown here and never again: hand it over on a safe way.</p>`;
  return secretPage(c, 'Access token', token, text, placeOf(tester));
}

async function testerPage(c: Page, id: string) {
  const { admin } = c.var;
  const param = { id };
  const [tester, { tokens }, { bounds }, { requests }, seen, reviews, { objects }, { use }, said] =
    await Promise.all([
      told(admin.testers[':id'].$get({ param })),
      told(admin.tokens.$get({ query: { tester: id, limit: '20' } })),
      told(admin.limits.$get({ query: { tester: id } })),
      told(admin.requests.$get({ query: { tester: id, limit: '10' } })),
      told(admin.testers[':id'].seen.$get({ param })),
      told(admin.testers[':id'].reviews.$get({ param })),
      told(admin.objects.$get({ query: { tester: id, kind: 'videos', order: 'newest', limit: '8' } })),
      told(admin.series.testers.$get({ query: { ids: id } })),
      saidBy(c, id),
    ]);
  const content = html`${standing(c, tester, use[0]?.calls ?? [])}${said}
${panel('Tokens', tokensPart(c, id, tokens))}
${panel('Limits: used and left', bounds.length > 0 ? limits(bounds) : empty('No limit or quota holds for this tester.', 'Set some under "cohorts" in the configuration file.'))}
${panel('Last calls', requests.length > 0 ? requestTable('Last calls', requests) : empty('No call yet.', 'Hand over a token, and the first call stands here.'), html`<a href="${href('/console/requests', { tester: id })}">All calls</a>`)}
<div class="columns">${seenPanel('Addresses', seen.addresses, 'address')}${seenPanel('Agents', seen.agents, null)}</div>
${outputsPart(id, objects)}${notes(c, id, reviews)}`;
  return page(c, tester.name ? `${id}, ${tester.name}` : id, content);
}

function standing(c: Page, tester: Tester, calls: readonly number[]) {
  const { id, cohort, email, review, createdAt, lastCallAt, switches } = tester;
  const stops = switches.filter(({ effect, releasedAt }) => effect === 'stop' && releasedAt === null);
  const isOwn = stops.some(({ scope }) => scope === `tester:${id}`);
  const state = stops.length === 0 ? badge('not stopped', 'good') : badge('stopped', 'bad');
  return panel(
    'Standing',
    html`${facts([
      ['Cohort', html`<a href="/console/cohorts#${cohort}">${cohort}</a>`],
      email === null ? null : ['E-mail', email],
      ['Review', review === 'none' ? 'none' : badge(review, review === 'cleared' ? 'good' : 'warn')],
      ['Added', time(createdAt)],
      ['Last call', time(lastCallAt, 'none yet')],
      ['Last 24 hours', sparkline(calls, `Use by ${id}`)],
    ])}
${stops.length > 0 ? switchTable('Stops that touch this tester', stops) : ''}
${may(c.var.me, 'POST /admin/switches') ? html`<div class="acts">${isOwn ? resume(c, id) : html`<a class="button danger" href="${href('/console/stop', { kind: 'tester', name: id })}">Suspend…</a>`}</div>` : ''}`,
    state,
  );
}

/** Whoever decides on a stop reads first what the tester says against it. */
async function saidBy(c: Page, id: string): Promise<Cell> {
  const query = { tester: id, limit: '5' };
  const [{ appeals }, { findings }] = await Promise.all([
    told(c.var.admin.appeals.$get({ query })),
    told(c.var.admin.findings.$get({ query })),
  ]);
  const all = (page: string) => html`<a href="${href(`/console/reports${page}`, { tester: id })}">All</a>`;
  return html`${appeals.length > 0 ? panel('Appeals', appealTable(c, appeals), all('/appeals')) : ''}${findings.length > 0 ? panel('Findings', findingTable(c, findings), all('')) : ''}`;
}

function resume(c: Page, id: string) {
  return form(
    c,
    `${placeOf(id)}/resume`,
    html`<div class="inline"><label>Reason <input name="reason" required maxlength="500" autocomplete="off"></label><button>Clear the suspension</button></div>`,
  );
}

function tokensPart(c: Page, id: string, tokens: readonly Token[]) {
  const canAct = may(c.var.me, 'POST /admin/tokens');
  const tones = {
    valid: 'good',
    revoked: 'bad',
    stopped: 'bad',
    expired: 'plain',
    'key-ended': 'plain',
  } as const;
  const rows = tokens.map(({ jti, state, issuedAt, expiresAt, lastUsedAt }) => {
    const cells: Cell[] = [
      html`<code>${jti}</code>`,
      badge(state, tones[state]),
      time(issuedAt),
      time(expiresAt),
      time(lastUsedAt, 'never'),
    ];
    const path = `${placeOf(id)}/tokens/${encodeURIComponent(jti)}`;
    const acts = html`${state === 'revoked' || state === 'stopped' ? '' : form(c, `${path}/renew`, html`<button class="link" aria-label="Re-issue ${jti}">Re-issue</button>`)}${state === 'valid' ? form(c, `${path}/revoke`, html`<button class="link" aria-label="Revoke ${jti}">Revoke</button>`) : ''}`;
    return canAct ? [...cells, acts] : cells;
  });
  const columns = ['Token', 'State', 'Issued', 'Expires', 'Last used'];
  const issue = form(
    c,
    `${placeOf(id)}/tokens`,
    html`<div class="inline"><label>Days, or the usual <input name="days" inputmode="decimal" autocomplete="off"></label><button class="primary">Issue a token</button></div>`,
  );
  return html`${rows.length > 0 ? table('Tokens', canAct ? [...columns, 'Act'] : columns, rows) : empty('No token was issued.', 'Without one this tester cannot call.')}${canAct ? issue : ''}`;
}

const SPANS: Readonly<Record<Bound['span'], string>> = {
  second: 'a second',
  minute: 'a minute',
  day: 'a day',
  total: 'in all',
  'at-once': 'at once',
};

function limits(bounds: readonly Bound[]) {
  return table(
    'Limits',
    [
      'What',
      { name: 'Used', number: true },
      { name: 'Left', number: true },
      { name: 'Limit', number: true },
      'Share',
      'From',
      'Begins anew',
    ],
    bounds.map(({ rule, subject, unit, span, limit, used, left, resetsAt, from }) => [
      html`${unitName(unit)} ${SPANS[span]}${subject.startsWith('cohort:') ? html` <span class="quiet">(${subject} together)</span>` : ''}`,
      unitText(unit, used),
      unitText(unit, left),
      unitText(unit, limit),
      meter(used, limit, `${rule}: ${digits(used)} of ${digits(limit)}`),
      from === 'override' ? 'own override' : 'rules',
      time(resetsAt),
    ]),
  );
}

function seenPanel(title: string, values: Seen['addresses'], filter: 'address' | null) {
  const rows = values
    .slice(0, 10)
    .map(({ value, calls, lastAt }) => [
      filter ? html`<a href="${href('/console/requests', { [filter]: value })}">${value}</a>` : value,
      digits(calls),
      time(lastAt),
    ]);
  return panel(
    title,
    rows.length > 0
      ? table(title, ['Seen', { name: 'Calls', number: true }, 'Last'], rows)
      : empty('None yet.'),
    html`<span class="quiet">of the newest 1,000 calls</span>`,
  );
}

function outputsPart(id: string, objects: InferResponseType<AdminClient['objects']['$get']>['objects']) {
  const rows = objects.map(({ id: object, at, seconds, deletedAt }) => [
    html`<a href="/console/outputs/${encodeURIComponent(object)}"><code>${object}</code></a>`,
    time(at),
    seconds === null ? '–' : `${digits(seconds)} s`,
    deletedAt === null ? 'there' : 'deleted',
  ]);
  return panel(
    'Outputs',
    rows.length > 0 ? table('Outputs', ['Video', 'Made', 'Length', 'State'], rows) : empty('No video yet.'),
    html`<a href="${href('/console/outputs', { tester: id })}">All outputs</a>`,
  );
}

function notes(c: Page, id: string, { state, history }: Reviews) {
  const rows = history.map((one) => [time(one.at), one.by, badge(one.state), one.note]);
  const set = may(c.var.me, 'POST /admin/testers/:id/reviews')
    ? form(
        c,
        `${placeOf(id)}/review`,
        html`<div class="inline"><label>State <select name="state">${options(REVIEWS, state)}</select></label><label>Note <input name="note" required maxlength="500" autocomplete="off"></label><button>Note it down</button></div>
<p class="quiet">“removed” also stops the tester and ends the tokens. No other state frees anybody.</p>`,
      )
    : '';
  return panel(
    'Review and notes',
    html`${rows.length > 0 ? table('Notes', ['When', 'Who', 'State', 'Note'], rows) : empty('No notes yet.')}${set}`,
  );
}
