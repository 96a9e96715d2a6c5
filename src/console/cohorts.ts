/** Cohorts: who is in them, what their rules allow, and what they share. */
import type { Hono } from 'hono';
import { html } from 'hono/html';
import { meter } from './charts.ts';
import { form } from './forms.ts';
import { page } from './layout.ts';
import { digits, empty, facts, href, panel, plural, time } from './parts.ts';
import { type ConsoleEnv, may, type Page, told } from './session.ts';
import { rulesOf, rulesPanel } from './settings.ts';
import { unitName, unitText } from './units.ts';

export function cohortPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/cohorts', async (c) => {
    const { admin, me } = c.var;
    const [{ cohorts }, settings, { bounds }] = await Promise.all([
      told(admin.cohorts.$get({ query: { limit: '1000' } })),
      told(admin.settings.$get()),
      told(admin.limits.$get({ query: {} })),
    ]);
    const shown = cohorts.map(({ name, testers, createdAt }) => {
      const shared = bounds.filter(({ subject }) => subject === `cohort:${name}`);
      const rules = rulesOf(settings, name);
      return html`<section id="${name}" aria-label="Cohort ${name}">${panel(
        name,
        html`${facts([
          [
            'Testers',
            html`<a href="${href('/console/testers', { cohort: name })}">${plural(testers, 'tester')}</a>`,
          ],
          ['Made', time(createdAt)],
          ...shared.map(
            ({ unit, span, used, limit }) =>
              [
                `Shared: ${unitName(unit)} ${span === 'total' ? 'in all' : `a ${span}`}`,
                html`${unitText(unit, used)} of ${unitText(unit, limit)}${meter(used, limit, `${digits(used)} of ${digits(limit)}`)}`,
              ] as const,
          ),
        ])}${may(me, 'POST /admin/switches') ? html`<a class="button" href="${href('/console/stop', { kind: 'cohort', name })}">Stop this cohort…</a>` : ''}`,
        html`<a href="${href('/console/requests', { cohort: name })}">Calls</a>`,
      )}${rulesPanel(`Rules of ${name}`, rules)}</section>`;
    });
    const content = html`${cohorts.length > 0 ? shown : empty('There are no cohorts yet.', 'Rules are written for cohorts, and each tester is in one.')}
${may(me, 'POST /admin/cohorts') ? panel('Add a cohort', addForm(c)) : ''}`;
    return c.html(page(c, 'Cohorts', content));
  });
  app.post('/console/cohorts', async (c) => {
    const name = c.var.form.one('name');
    await told(c.var.once.cohorts.$post({ json: { name } }));
    return c.redirect(`/console/cohorts#${encodeURIComponent(name)}`, 303);
  });
}

function addForm(c: Page) {
  return form(
    c,
    '/console/cohorts',
    html`<div class="inline"><label>Name <input name="name" required maxlength="64" autocomplete="off" spellcheck="false"></label><button>Add</button></div>`,
  );
}
