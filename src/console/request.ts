/** One call: its whole way, what decided, when each part of it was, and the proof that its row is what was written. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { waterfall } from './charts.ts';
import { page } from './layout.ts';
import {
  badge,
  bytes,
  type Cell,
  digits,
  facts,
  href,
  millis,
  outcome,
  panel,
  plural,
  testerLink,
  time,
} from './parts.ts';
import type { LoggedRequest } from './requests.ts';
import { type ConsoleEnv, may, type Page, Refused, told } from './session.ts';
import { unitsText } from './units.ts';

type Way = InferResponseType<AdminClient['requests'][':id']['way']['$get']>;

const STEPS: Readonly<Record<Way['steps'][number]['step'], string>> = {
  guard: 'Guard: framing and path',
  authenticate: 'Authenticate: the token',
  describe: 'Describe: route and body',
  judge: 'Judge: the rules',
  admit: 'Admit: switches, limits, the row',
  forward: 'Forward: to the model API',
  stream: 'Stream: the answer',
};
const STATES = {
  passed: 'passed',
  refused: 'refused here',
  ended: 'ended',
  open: 'goes on',
  'not-reached': 'not reached',
};
const SPANS = {
  'first-byte': ['Until the first byte', 'open'],
  answer: ['The answer', 'calls'],
  refused: ['Until the refusal', 'refused'],
} as const;

export function requestPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/requests/:id', async (c) => {
    const param = { id: c.req.param('id') };
    const [call, way, kept] = await Promise.all([
      told(c.var.admin.requests[':id'].$get({ param })),
      told(c.var.admin.requests[':id'].way.$get({ param })),
      keptText(c, param.id),
    ]);
    const content = html`${wayPanel(call, way)}
<div class="columns">${panel('The call', aboutCall(call))}${panel('The answer', aboutAnswer(call))}</div>
${proofPanel(c, call, way)}${kept}`;
    return c.html(page(c, `Call ${call.id}`, content));
  });
}

function wayPanel(call: LoggedRequest, { steps, rule, spans }: Way) {
  const drawn = spans.map(({ name, fromMs, toMs }) => {
    const [text, tone] = SPANS[name];
    return { name: text, tone, from: fromMs, to: toMs, text: millis(toMs - fromMs) };
  });
  return panel(
    'The way of the call',
    html`<ol class="way">${steps.map(({ step, state }) => html`<li class="${state}">${STEPS[step]} <span class="hidden">${STATES[state]}</span></li>`)}</ol>
${facts([['Decided by', rule ? ruleLink(rule) : null], call.detail ? ['True reason', call.detail] : null])}
${drawn.length > 0 ? waterfall(drawn) : html`<p class="quiet">It has not ended yet.</p>`}`,
    outcome(call.outcome, call.decision, call.status),
  );
}

function ruleLink(rule: string): Cell {
  const id = /^switch:(\d+)$/.exec(rule)?.[1];
  return id === undefined ? html`<code>${rule}</code>` : html`<a href="/console/switches/${id}">${rule}</a>`;
}

function aboutCall(call: LoggedRequest) {
  return facts([
    ['When', time(call.at)],
    ['Tester', testerLink(call.tester)],
    ['Cohort', call.cohort ? html`<a href="/console/cohorts#${call.cohort}">${call.cohort}</a>` : null],
    ['Asked', html`<code>${call.method} ${call.path}</code>`],
    ['Operation', call.operation],
    ['Model', call.model],
    call.seconds === null ? null : ['Length', `${digits(call.seconds)} s`],
    call.size === null ? null : ['Size', call.size],
    [
      'Address',
      call.address
        ? html`<a href="${href('/console/requests', { address: call.address })}">${call.address}</a>`
        : null,
    ],
    ['Agent', call.agent],
    [
      'Token',
      call.token
        ? html`<a href="${href('/console/requests', { token: call.token })}"><code>${call.token}</code></a>`
        : null,
    ],
    call.clientRequestId ? ['Client’s request id', html`<code>${call.clientRequestId}</code>`] : null,
    ['Came in', bytes(call.bytesIn)],
    call.repeats > 1 ? ['Stands for', plural(call.repeats, 'call')] : null,
  ]);
}

function aboutAnswer(call: LoggedRequest) {
  const objects = call.objects.map(
    (id, i) =>
      html`${i > 0 ? ', ' : ''}<a href="/console/outputs/${encodeURIComponent(id)}"><code>${id}</code></a>`,
  );
  return facts([
    ['Status', call.status],
    ['Upstream’s status', call.upstreamStatus],
    ['Upstream’s request id', call.upstreamRequestId ? html`<code>${call.upstreamRequestId}</code>` : null],
    ['Went out', bytes(call.bytesOut)],
    ['Set aside', unitsText(call.reserved) || null],
    ['Used', unitsText(call.used) || null],
    ['Objects', call.objects.length > 0 ? html`${objects}` : null],
    [
      'SHA-256 of the output',
      call.outputHash
        ? html`<a href="${href('/console/requests', { output: call.outputHash })}"><code>${call.outputHash}</code></a>`
        : null,
    ],
  ]);
}

function proofPanel(c: Page, { id }: LoggedRequest, { log }: Way) {
  if (!log)
    return panel(
      'Proof',
      html`<p class="quiet">No checkpoint signs this row yet; the next one comes within seconds.</p>`,
    );
  const isWhole = log.entries.every(({ unchanged, included }) => unchanged && included);
  const lines = log.entries.map(
    ({ index, unchanged, included }) =>
      html`<li>Entry ${digits(index)}: ${unchanged ? 'the row says what it said when it was written' : html`<strong>the row was changed</strong>`}; ${included ? 'its proof leads to the signed root' : html`<strong>it is not in the signed tree</strong>`}.</li>`,
  );
  const bundle = may(c.var.me, 'GET /admin/log/bundle')
    ? html`<p><a class="button" href="${href('/admin/log/bundle', { request: id })}" download="call-${id}.jsonl">Take the proof along</a> <span class="quiet">It verifies elsewhere: <code>portcullis log verify --bundle call-${id}.jsonl</code></span></p>`
    : '';
  return panel(
    'Proof',
    html`<ul class="lines">${lines}</ul><p class="quiet">Under the checkpoint over ${digits(log.size)} entries, signed ${time(log.at)}.</p>${bundle}`,
    isWhole ? badge('verified', 'good') : badge('does not verify', 'bad'),
  );
}

/** What a cohort's rules keep of what its testers send. */
async function keptText(c: Page, request: string): Promise<Cell> {
  if (!may(c.var.me, 'GET /admin/log/text/:request')) return '';
  const kept = await told(c.var.admin.log.text[':request'].$get({ param: { request } })).catch(
    (fault: unknown) => {
      if (fault instanceof Refused && fault.status === 404) return null;
      throw fault;
    },
  );
  if (!kept) return '';
  const text =
    kept.text === null ? html`<p class="quiet">Only its hash is left.</p>` : html`<pre>${kept.text}</pre>`;
  return panel(
    `What was kept: ${kept.part}`,
    html`${text}<p class="quiet">Commitment <code>${kept.commitment}</code></p>`,
  );
}
