/** Testers: found, seen at a glance, and many at once, with a look at whom it touches first. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { sparkline } from './charts.ts';
import { form, hidden } from './forms.ts';
import { page } from './layout.ts';
import {
  badge,
  type Cell,
  digits,
  empty,
  facts,
  href,
  options,
  panel,
  plural,
  table,
  testerLink,
  time,
} from './parts.ts';
import { type ConsoleEnv, type Form, may, type Page, Refused, told } from './session.ts';

type Listed = InferResponseType<AdminClient['testers']['$get']>['testers'][number];
export type ReviewState = Listed['review'];

export const REVIEWS: readonly ReviewState[] = ['none', 'under-review', 'cleared', 'removed'];
const PAGE = 50;
const ACTS = [
  ['suspend', 'Suspend'],
  ['resume', 'Resume'],
  ['revoke', 'End their tokens for good'],
  ['review', 'Set the state of review'],
] as const;
type Act = (typeof ACTS)[number][0];

export function testersPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/testers', async (c) => {
    const { q, cohort, review, after } = c.req.query();
    const asked = {
      q: q?.trim() || undefined,
      cohort: cohort?.trim() || undefined,
      review: review || undefined,
    };
    const query = { ...asked, after: after || undefined, limit: String(PAGE) } as {
      review?: ReviewState;
      limit: string;
    };
    const { testers, next } = await told(c.var.admin.testers.$get({ query }));
    const canAct = may(c.var.me, 'POST /admin/testers/bulk');
    const content = html`${searchForm(asked)}
${testers.length > 0 ? panel('Testers', await listing(c, testers, canAct), html`<span class="quiet">use: calls in the last 24 hours</span>`) : nobody(asked)}
${next ? html`<p class="pages"><a class="button" href="${href('/console/testers', { ...asked, after: next })}">More</a></p>` : ''}
${canAct && testers.length > 0 ? panel('Many at once', bulkForm(c, asked)) : ''}
${may(c.var.me, 'POST /admin/testers') ? panel('Add a tester', addForm(c)) : ''}`;
    return c.html(page(c, 'Testers', content));
  });
  app.post('/console/testers', async (c) => {
    const { form: posted } = c.var;
    const [name, email] = [posted.optional('name'), posted.optional('email')];
    const json = {
      id: posted.one('id'),
      cohort: posted.one('cohort'),
      ...(name ? { name } : {}),
      ...(email ? { email } : {}),
    };
    await told(c.var.once.testers.$post({ json }));
    return c.redirect(`/console/testers/${encodeURIComponent(json.id)}`, 303);
  });
  app.post('/console/testers/bulk', async (c) => {
    const order = bulkOrder(c.var.form);
    const touched = await told(c.var.admin.testers.bulk.$post({ json: { ...order, dryRun: true } }));
    return c.html(
      page(c, `${nameOf(order.act)}: ${plural(touched.count, 'tester')}?`, preview(c, order, touched)),
    );
  });
  app.post('/console/testers/bulk/do', async (c) => {
    const order = bulkOrder(c.var.form);
    const done = await told(
      c.var.once.testers.bulk.$post({ json: { ...order, digest: c.var.form.one('digest') } }),
    );
    const content = html`<p class="done" role="status">Done for ${plural(done.count, 'tester')}.</p><p><a class="button" href="/console/testers">Testers</a></p>`;
    return c.html(page(c, nameOf(order.act), content));
  });
}

type Asked = Readonly<Record<'q' | 'cohort' | 'review', string | undefined>>;

function searchForm({ q, cohort, review }: Asked) {
  return html`<form method="get" action="/console/testers" class="inline panel" role="search"><label>Search <input type="search" name="q" value="${q ?? ''}" placeholder="id, name, e-mail, cohort" autocomplete="off"></label>
<label>Cohort <input name="cohort" value="${cohort ?? ''}" autocomplete="off" spellcheck="false"></label>
<label>Review <select name="review">${options([['', 'any'], ...REVIEWS], review)}</select></label><button class="primary">Find</button></form>`;
}

function nobody(asked: Asked) {
  return Object.values(asked).some(Boolean)
    ? empty('No tester is like that.', html`Take a word away, or <a href="/console/testers">look at all</a>.`)
    : empty('There are no testers yet.', 'Add the first one below, or many with portcullis import.');
}

async function listing(c: Page, testers: readonly Listed[], canAct: boolean) {
  const ids = testers.map(({ id }) => id).join(',');
  const { use } = await told(c.var.admin.series.testers.$get({ query: { ids } }));
  const calls = new Map(use.map((one) => [one.tester, one.calls]));
  const columns = [
    'Tester',
    'Cohort',
    'Now',
    'Review',
    'Use',
    { name: 'Today', number: true },
    { name: 'Tokens', number: true },
    'Last used',
  ] as const;
  return table(
    'Testers',
    canAct ? ['Choose', ...columns] : columns,
    testers.map(({ id, name, cohort, mayCall, review, callsToday, validTokens, lastUsedAt }) => {
      const cells: Cell[] = [
        html`${testerLink(id)}${name ? html`<br><span class="quiet">${name}</span>` : ''}`,
        cohort,
        mayCall ? badge('may call', 'good') : badge('may not', 'bad'),
        review === 'none'
          ? html`<span class="quiet">–</span>`
          : badge(review, review === 'cleared' ? 'good' : 'warn'),
        sparkline(calls.get(id) ?? [], `Use by ${id}`),
        digits(callsToday),
        digits(validTokens),
        time(lastUsedAt, 'never'),
      ];
      const choose = html`<input type="checkbox" form="bulk" name="ids" value="${id}" aria-label="Choose ${id}">`;
      return canAct ? [choose, ...cells] : cells;
    }),
  );
}

/** Of those who are chosen above; of a whole cohort or state of review where nobody is. */
function bulkForm(c: Page, { cohort, review }: Asked) {
  return html`<form method="post" action="/console/testers/bulk" id="bulk">${hidden(c)}
<p class="quiet">For those chosen above; where none is, for a whole cohort or state of review.</p>
<div class="fields"><label>Act <select name="act">${options(ACTS, '')}</select></label>
<label>State, for a review <select name="state">${options([['', '–'], ...REVIEWS], '')}</select></label>
<label>Cohort <input name="cohort" value="${cohort ?? ''}" autocomplete="off" spellcheck="false"></label>
<label>In review as <select name="review">${options([['', 'any'], ...REVIEWS], review)}</select></label>
<label>But not <input name="except" placeholder="ids with commas between" autocomplete="off" spellcheck="false"></label>
<label class="wide">Reason <input name="reason" required maxlength="500" autocomplete="off"></label></div>
<button>Show whom it touches…</button></form>`;
}

function bulkOrder(form: Form) {
  const ids = form.all('ids');
  const except = form
    .one('except')
    .split(/[\s,]+/)
    .filter(Boolean);
  const [cohort, review, state] = [
    form.optional('cohort'),
    form.optional('review') as ReviewState | undefined,
    form.optional('state') as ReviewState | undefined,
  ];
  if (ids.length === 0 && !cohort && !review)
    throw new Refused(400, {
      title: 'Nobody is chosen',
      detail: 'Choose testers, or name a cohort or a state of review.',
    });
  const whom = ids.length > 0 ? { ids } : { ...(cohort ? { cohort } : {}), ...(review ? { review } : {}) };
  const filter = { ...whom, ...(except.length > 0 ? { except } : {}) };
  const act = form.one('act') as Act;
  return { filter, act, reason: form.one('reason'), ...(act === 'review' && state ? { state } : {}) };
}

function nameOf(act: Act): string {
  return ACTS.find(([one]) => one === act)?.[1] ?? act;
}

type Order = ReturnType<typeof bulkOrder>;

function preview(
  c: Page,
  { filter, act, state, reason }: Order & { state?: string },
  touched: { count: number; testers: string[]; digest: string },
) {
  const {
    ids = [],
    except = [],
    cohort,
    review,
  } = filter as { ids?: string[]; except?: string[]; cohort?: string; review?: string };
  const fields = {
    act,
    state,
    reason,
    cohort,
    review,
    except: except.join(',') || undefined,
    digest: touched.digest,
  };
  const all = html`${touched.testers.map((id, i) => html`${i > 0 ? ', ' : ''}${testerLink(id)}`)}`;
  return html`<section class="panel confirm">${facts([
    ['Act', nameOf(act)],
    state ? ['State', state] : null,
    ['Touches', plural(touched.count, 'tester')],
    ['Whom', touched.count > 0 ? all : 'nobody'],
    ['Reason', reason],
  ])}
${touched.count === 0 ? '' : form(c, '/console/testers/bulk/do', html`${Object.entries(fields).map(([name, value]) => (value ? html`<input type="hidden" name="${name}" value="${value}">` : ''))}${ids.map((id) => html`<input type="hidden" name="ids" value="${id}">`)}<button class="${act === 'resume' || act === 'review' ? 'primary' : 'danger'}">${nameOf(act)}</button> <a class="button" href="/console/testers">Do nothing</a>`)}</section>`;
}

function addForm(c: Page) {
  return form(
    c,
    '/console/testers',
    html`<div class="fields"><label>Id <input name="id" required maxlength="128" autocomplete="off" spellcheck="false"></label>
<label>Cohort <input name="cohort" required autocomplete="off" spellcheck="false"></label>
<label>Name <input name="name" maxlength="200" autocomplete="off"></label>
<label>E-mail <input name="email" type="email" autocomplete="off"></label></div><button>Add</button>`,
  );
}
