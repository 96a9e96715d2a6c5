/** The stop, in two deliberate steps: say what and why, see whom it hits, do it. No script is needed for it. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { hidden } from './forms.ts';
import { page } from './layout.ts';
import { type Cell, digits, facts, millis, options, panel, plural, testerLink, time } from './parts.ts';
import { type ConsoleEnv, type Form, mustBeAllowed, type Page, told } from './session.ts';

type Reach = InferResponseType<AdminClient['switches']['reach']['$get']>;
type Stopped = InferResponseType<AdminClient['switches']['$post']>;

const KINDS = [
  ['global', 'Everybody'],
  ['cohort', 'A cohort'],
  ['tester', 'A tester'],
  ['model', 'A model'],
  ['token', 'A token'],
] as const;

export interface StopOrder {
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly reason?: string | undefined;
  readonly note?: string | undefined;
  readonly fault?: string | undefined;
}

export function stopPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/stop', (c) => {
    mustBeAllowed(c.var, 'POST /admin/switches');
    const { kind, name } = c.req.query();
    return c.html(page(c, 'Stop', panel('Whom, and why', stopForm(c, { kind, name }))));
  });
  // Posted, for what an operator writes in a hurry may hold what must not stand in an address.
  app.post('/console/stop/confirm', async (c) => {
    mustBeAllowed(c.var, 'POST /admin/switches');
    const order = orderOf(c.var.form);
    if (order.fault) return c.html(page(c, 'Stop', panel('Whom, and why', stopForm(c, order))), 400);
    const reach = await told(c.var.admin.switches.reach.$get({ query: { scope: scopeOf(order) } }));
    return c.html(page(c, titleOf(order), confirmation(c, order, reach)));
  });
  app.post('/console/stop', async (c) => {
    const { form } = c.var;
    const json = {
      scope: form.one('scope'),
      reason: form.optional('reason'),
      note: form.optional('note'),
      ...(form.one('revokeTokens') ? { revokeTokens: true } : {}),
      ...(form.one('cancelUpstream') ? { cancelUpstream: true } : {}),
    };
    const stopped = await told(c.var.once.switches.$post({ json }));
    c.set('status', await told(c.var.admin.status.$get()));
    return c.html(page(c, 'Stopped', acknowledgement(stopped)));
  });
}

/** The first step. */
export function stopForm(c: Page, { kind = 'global', name = '', reason = '', note = '', fault }: StopOrder) {
  return html`<form method="post" action="/console/stop/confirm" class="stop">${hidden(c)}
${fault ? html`<p class="fault" role="alert">${fault}</p>` : ''}
<div class="fields"><label>Whom <select name="kind">${options(KINDS, kind)}</select></label>
<label>Name, unless everybody <input name="name" value="${name}" autocomplete="off" spellcheck="false"></label>
<label class="wide">Reason, which testers read <input name="reason" value="${reason}" maxlength="500" autocomplete="off"></label>
<label class="wide">Note, for operators only <input name="note" value="${note}" maxlength="500" autocomplete="off"></label></div>
<button class="danger">Stop…</button> <span class="quiet">The next page shows whom it hits. Nothing is stopped before that.</span></form>`;
}

function orderOf(form: Form): StopOrder {
  const order = {
    kind: form.one('kind'),
    name: form.one('name'),
    reason: form.one('reason'),
    note: form.one('note'),
  };
  if (order.kind !== 'global' && order.name === '')
    return { ...order, fault: 'Name the cohort, tester, model or token.' };
  if (order.reason === '' && order.note === '')
    return { ...order, fault: 'Say why: in the reason, which testers read, or in the note.' };
  return order;
}

function scopeOf({ kind = 'global', name = '' }: StopOrder): string {
  return kind === 'global' ? 'global' : `${kind}:${name}`;
}

function titleOf({ kind, name }: StopOrder): string {
  return kind === 'global' ? 'Stop everybody?' : `Stop ${kind} ${name}?`;
}

/** The second step. */
function confirmation(c: Page, order: StopOrder, { testers, tokens, calls, streams, jobs, some }: Reach) {
  const scope = scopeOf(order);
  const hit: Cell = html`${some.slice(0, 20).map((id, i) => html`${i > 0 ? ', ' : ''}${testerLink(id)}`)}${testers > 20 ? html` and ${digits(testers - Math.min(20, some.length))} more` : ''}`;
  return html`<section class="panel confirm"><p class="headline">This stops ${order.kind === 'global' ? 'every call of every tester' : scope}, at once.</p>
${facts([
  ['Testers', digits(testers)],
  ['Valid tokens', digits(tokens)],
  ['In flight now', `${plural(calls, 'call')}, ${plural(streams, 'stream')}`],
  ['Video jobs upstream', digits(jobs)],
  testers > 0 ? ['Whom', hit] : null,
  order.reason ? ['Reason, which testers read', order.reason] : null,
  order.note ? ['Note', order.note] : null,
])}
<form method="post" action="/console/stop">${hidden(c, { scope, reason: order.reason || undefined, note: order.note || undefined })}
<fieldset><legend>Beyond the stop</legend>
<label class="check"><input type="checkbox" name="revokeTokens" value="1"> End their tokens for good: new ones have to be issued</label>
<label class="check"><input type="checkbox" name="cancelUpstream" value="1"> Delete their running video jobs at the model API</label></fieldset>
<button class="danger large" autofocus>${order.kind === 'global' ? 'Stop everybody now' : 'Stop now'}</button> <a class="button" href="/console">Do not stop</a></form></section>`;
}

function acknowledgement({ id, scope, durable, jobs, ...stopped }: Stopped) {
  const { nodes, confirmed, lapsed, cut, ms, lastByteMs, committedAt, requestedAt } = stopped;
  const answered = nodes.filter(({ confirmedAt }) => confirmedAt !== null);
  const silent = nodes.filter(({ confirmedAt }) => confirmedAt === null);
  return html`<section class="now stopped" role="status"><p class="headline">Stopped</p><p><code>${scope}</code>: nothing of it is sent to the model API any more.</p>
${durable ? '' : html`<p class="fault" role="alert">The store took no write: the stop holds in memory only. Look at the server’s disk; it is written when the store recovers.</p>`}
${lapsed > 0 ? html`<p class="fault" role="alert">${digits(lapsed)} did not confirm in time: ${named(silent, lapsed)}.</p>` : ''}</section>
${panel(
  'Acknowledgement',
  facts([
    ['Cut', `${digits(cut)} calls and streams`],
    ['Last byte', lastByteMs === null ? 'none was cut' : `${millis(lastByteMs)} after the order`],
    [
      'Committed',
      html`${time(committedAt)}, ${millis(Date.parse(committedAt) - Date.parse(requestedAt))} after the order`,
    ],
    ['Confirmed by', `${named(answered, confirmed)}, within ${millis(ms)}`],
    jobs > 0 ? ['Jobs being cancelled', digits(jobs)] : null,
  ]),
)}
<p>${id === null ? '' : html`<a class="button" href="/console/switches/${id}">Look at it, let some back in</a> `}<a class="button" href="/console">Now</a></p>`;
}

function named(listed: Stopped['nodes'], all: number): string {
  const more = all > listed.length ? ` and ${digits(all - listed.length)} more` : '';
  return `${listed.map(({ node }) => node).join(', ')}${more}`;
}
