/** Settings: what the file says (and is changed in the file), keys, and who else is told. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { form } from './forms.ts';
import { page } from './layout.ts';
import { badge, digits, empty, facts, panel, table, time } from './parts.ts';
import { type ConsoleEnv, may, type Page, told } from './session.ts';
import { unitText } from './units.ts';

type Settings = InferResponseType<AdminClient['settings']['$get']>;
export type Rules = Settings['cohorts'][string];

const PLACES = [
  ['/console/settings', 'Configuration', 'GET /admin/settings'],
  ['/console/settings/keys', 'Keys', 'GET /admin/keys'],
  ['/console/settings/operators', 'Operators', 'GET /admin/operators'],
  ['/console/settings/you', 'Your sign-in', 'GET /admin/sessions'],
  ['/console/settings/acts', 'Acts', 'GET /admin/acts'],
] as const;

export function settingsNav(c: Page) {
  return html`<nav class="tabs" aria-label="Settings">${PLACES.filter(([, , route]) =>
    may(c.var.me, route),
  ).map(
    ([path, name]) =>
      html`<a href="${path}"${path === c.req.path ? html` aria-current="page"` : ''}>${name}</a>`,
  )}</nav>`;
}

export function settingsPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/settings', async (c) => {
    const settings = await told(c.var.admin.settings.$get());
    return c.html(page(c, 'Settings', html`${settingsNav(c)}${configuration(settings)}`));
  });
  app.get('/console/settings/keys', async (c) => {
    const { keys } = await told(c.var.admin.keys.$get());
    const rotate = may(c.var.me, 'POST /admin/keys/rotate')
      ? form(
          c,
          '/console/settings/keys/rotate',
          html`<button>Rotate the key</button> <span class="quiet">A new key signs; older ones verify until the last token that they signed has expired.</span>`,
        )
      : '';
    return c.html(
      page(c, 'Keys', html`${settingsNav(c)}${panel('Signing keys', html`${keyTable(keys)}${rotate}`)}`),
    );
  });
  app.post('/console/settings/keys/rotate', async (c) => {
    await told(c.var.once.keys.rotate.$post({ json: {} }));
    return c.redirect('/console/settings/keys', 303);
  });
  app.get('/console/settings/acts', async (c) => {
    const { acts } = await told(c.var.admin.acts.$get({ query: { limit: '100' } }));
    const rows = acts.map(({ at, operator, act, subject, reason, address }) => [
      time(at),
      operator,
      act,
      html`<code>${subject}</code>`,
      reason,
      address,
    ]);
    return c.html(
      page(
        c,
        'Acts',
        html`${settingsNav(c)}${panel('What operators did, newest first', table('Acts', ['When', 'Who', 'Act', 'On what', 'Why', 'From'], rows))}`,
      ),
    );
  });
}

function keyTable(keys: InferResponseType<AdminClient['keys']['$get']>['keys']) {
  return table(
    'Signing keys',
    ['Key', 'State', 'Made', 'Verifies until'],
    keys.map(({ kid, state, createdAt, verifiesUntil }) => [
      html`<code>${kid}</code>`,
      badge(state, state === 'signing' ? 'good' : 'plain'),
      time(createdAt),
      time(verifiesUntil, state === 'signing' ? 'no end' : '–'),
    ]),
  );
}

function configuration({
  policy,
  cohorts,
  upstream,
  publicUrl,
  issuers,
  tokens,
  retention,
  checkpoints,
  drills,
  routes,
}: Settings) {
  const days = (n: number | null) => (n === null ? 'without end' : `${digits(n)} days`);
  return html`<p class="quiet">Read from the configuration file at the start, and changed there.</p>
${policy === null ? rulesPanel('Usage policy', null) : html`<p class="quiet">Usage policy: version ${policy}.</p>`}
${Object.entries(cohorts).map(([name, rules]) => rulesPanel(name === '*' ? 'Every cohort that is not named' : `Cohort ${name}`, rules))}
<div class="columns">${panel(
    'Retention',
    facts([
      ['Rows of calls', days(retention.keepDays)],
      ['At most', retention.keepRows === null ? 'any number' : `${digits(retention.keepRows)} rows`],
      ['Kept texts', days(retention.keepTextDays)],
      ['Hashes, acts, switches', 'for good'],
    ]),
  )}${panel(
    'Checkpoints of the log',
    facts([
      ['Signed every', `${digits(checkpoints.seconds)} s`],
      ['Copied to the file', checkpoints.file ?? 'none'],
      ['Posted to', checkpoints.hook ?? 'nobody'],
    ]),
  )}${panel(
    'The gate',
    facts([
      ['Model API', upstream ?? 'the demo'],
      ['Public URL', publicUrl ?? 'not set'],
      ['Outside issuers', issuers.join(', ') || 'none'],
      ['Tokens live', `${digits(tokens.lifetimeDays)} days, at most ${digits(tokens.maxLifetimeDays)}`],
      ['Drills', drills.everyHours === 0 ? 'by hand only' : `every ${digits(drills.everyHours)} h`],
    ]),
  )}</div>
${panel(
  'Routes',
  table(
    'Routes',
    ['Operation', 'Call', 'Offered'],
    routes.map(({ operation, method, path, offered }) => [
      operation,
      html`<code>${method} ${path}</code>`,
      offered ? badge('offered', 'good') : badge('off', 'warn'),
    ]),
  ),
)}`;
}

/** What the policy in force says of a cohort, by its name or by "*". */
export function rulesOf({ cohorts }: Settings, name: string): Rules | null {
  const found = [name, '*'].find((one) => Object.hasOwn(cohorts, one));
  return found === undefined ? null : (cohorts[found] ?? null);
}

export function rulesPanel(title: string, rules: Rules | null) {
  if (rules === null)
    return panel(
      title,
      empty(
        'The usage policy says nothing of it, so nothing is allowed.',
        'Name it in the policy, or under "cohorts" in the configuration file.',
      ),
    );
  const { allow, caps, capture, limits, quotas, sharedQuotas, rules: named } = rules;
  const lines = allow.map(
    ({ operations, models }) =>
      html`<div><code>${operations.join(', ')}</code>${models ? html` on <code>${models.join(', ')}</code>` : ''}</div>`,
  );
  return panel(
    title,
    facts([
      ['Allowed', html`${lines}`],
      ['Longest clip', caps.seconds === undefined ? 'no cap' : `${digits(caps.seconds)} s`],
      ['Largest frame', caps.size ?? 'no cap'],
      ['Limits', limitText(limits)],
      ['Quotas of each tester', quotaText(quotas)],
      ['Quotas of all together', quotaText(sharedQuotas)],
      ['Kept of what they send', capture],
      named.length === 0
        ? null
        : [
            'Rules',
            html`${named.map(({ name, message, enforced }) => html`<div><code>${name}</code> ${message} ${enforced ? '' : badge('in shadow', 'plain')}</div>`)}`,
          ],
    ]),
  );
}

function limitText(limits: Rules['limits']): string {
  const { requestsPerSecond, requestsPerMinute, requestsPerDay, concurrent } = limits;
  const all: [number | undefined, string][] = [
    [requestsPerSecond, 'a second'],
    [requestsPerMinute, 'a minute'],
    [requestsPerDay, 'a day'],
    [concurrent, 'at once'],
  ];
  return all.flatMap(([n, span]) => (n === undefined ? [] : [`${digits(n)} ${span}`])).join(', ') || 'none';
}

function quotaText(quotas: Rules['quotas']): string {
  const lines = Object.entries(quotas).flatMap(([unit, quota]) => [
    ...(quota?.day === undefined ? [] : [`${unitText(unit, quota.day)} a day`]),
    ...(quota?.total === undefined ? [] : [`${unitText(unit, quota.total)} in all`]),
  ]);
  return lines.join(', ') || 'none';
}
