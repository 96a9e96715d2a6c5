/** Switches: what is stopped, who may call now and why, and resuming in stages. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { form } from './forms.ts';
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
  table,
  testerLink,
  time,
} from './parts.ts';
import { type ConsoleEnv, may, type Page, told } from './session.ts';

type Switch = InferResponseType<AdminClient['switches']['$get']>['switches'][number];
type Detail = InferResponseType<AdminClient['switches'][':id']['$get']>;
type Standing = InferResponseType<AdminClient['standing']['$get']>;

const HISTORY = 50;

export function switchesPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/switches', async (c) => {
    const { cohort, may: only, after } = c.req.query();
    const query = {
      ...(cohort ? { cohort } : {}),
      ...(only === 'true' || only === 'false' ? { may: only as 'true' | 'false' } : {}),
      ...(after ? { after } : {}),
      limit: String(HISTORY),
    } as const;
    const [{ switches }, standing] = await Promise.all([
      told(c.var.admin.switches.$get({ query: {} })),
      told(c.var.admin.standing.$get({ query })),
    ]);
    const engaged = switches.filter(({ releasedAt, effect }) => releasedAt === null && effect === 'stop');
    const content = html`${panel('Engaged stops', engaged.length > 0 ? switchTable('Engaged stops', engaged) : empty('Nothing is stopped.', 'Calls that the rules allow pass.'))}
${whoPanel(standing, { cohort, may: only })}
${panel('History', switches.length > 0 ? switchTable('History', switches.slice(0, HISTORY)) : empty('No switch was ever engaged.', 'A drill shows that the stop works.'))}`;
    return c.html(page(c, 'Switches', content));
  });
  app.get('/console/switches/:id', async (c) => {
    const one = await told(c.var.admin.switches[':id'].$get({ param: { id: c.req.param('id') } }));
    return c.html(page(c, `Switch ${one.id}: ${one.scope}`, detail(c, one)));
  });
  app.post('/console/switches/:id/readmit', async (c) => {
    const { form: posted } = c.var;
    const id = c.req.param('id');
    const scopes = [
      ...posted.all('cohort').map((name) => `cohort:${name}`),
      ...posted
        .one('testers')
        .split(/[\s,]+/)
        .filter(Boolean)
        .map((tester) => `tester:${tester}`),
    ];
    await told(
      c.var.once.switches[':id'].readmissions.$post({
        param: { id },
        json: { scopes, reason: posted.one('reason') },
      }),
    );
    return c.redirect(`/console/switches/${id}`, 303);
  });
  app.post('/console/switches/:id/release', async (c) => {
    const { form: posted } = c.var;
    await told(
      c.var.once.switches.release.$post({
        json: { scope: posted.one('scope'), reason: posted.one('reason') },
      }),
    );
    return c.redirect(`/console/switches/${c.req.param('id')}`, 303);
  });
}

export function switchTable(caption: string, switches: readonly Switch[]) {
  return table(
    caption,
    ['Switch', 'Scope', 'State', 'Since', 'By', 'Why', 'Released'],
    switches.map((one) => [
      html`<a href="/console/switches/${one.id}">${one.id}</a>`,
      html`<code>${one.scope}</code>`,
      stateOf(one),
      time(one.engagedAt),
      one.engagedBy,
      one.reason ?? one.note,
      one.releasedAt === null ? '–' : html`${time(one.releasedAt)} by ${one.releasedBy ?? 'nobody known'}`,
    ]),
  );
}

function stateOf({ effect, releasedAt }: Switch) {
  if (effect === 'revoke') return badge('revoked for good', 'plain');
  return releasedAt === null ? badge('engaged', 'bad') : badge('released', 'good');
}

function whoPanel(
  { may: n, mayNot, testers, next }: Standing,
  asked: { cohort?: string | undefined; may?: string | undefined },
) {
  const rows = testers.map(({ tester, cohort, may: free, why, readmittedThrough }) => [
    testerLink(tester),
    cohort,
    free ? badge('may call', 'good') : badge('may not', 'bad'),
    free && readmittedThrough.length > 0
      ? html`let back in through ${readmittedThrough.map((id, i) => html`${i > 0 ? ', ' : ''}<a href="/console/switches/${id}">switch ${id}</a>`)}`
      : html`${why.map((one, i) => html`${i > 0 ? '; ' : ''}${because(one)}`)}`,
  ]);
  return panel(
    'Who may call now, and why not',
    html`<form method="get" action="/console/switches" class="inline" id="who"><label>Cohort <input name="cohort" value="${asked.cohort ?? ''}" autocomplete="off"></label>
<label>Show <select name="may">${options(
      [
        ['', 'everybody'],
        ['true', 'who may'],
        ['false', 'who may not'],
      ],
      asked.may,
    )}</select></label><button>Show</button></form>
${rows.length > 0 ? table('Who may call', ['Tester', 'Cohort', 'Now', 'Why'], rows) : empty('Nobody is like that.', 'Choose another cohort, or everybody.')}
${next ? html`<p class="pages"><a class="button" href="${href('/console/switches', { ...asked, after: next })}#who">More</a></p>` : ''}`,
    html`<span class="quiet">${digits(n)} may, ${digits(mayNot)} may not</span>`,
  );
}

function because({
  because: what,
  switch: id,
  scope,
  reason,
}: Standing['testers'][number]['why'][number]): Cell {
  if (what === 'no-token') return 'no token in force';
  if (what === 'no-rules') return 'the cohort has no rules';
  return html`<a href="/console/switches/${id}">${scope}</a>${reason ? `: ${reason}` : ''}`;
}

function detail(c: Page, one: Detail) {
  const isOpen = one.effect === 'stop' && one.releasedAt === null;
  const canAct = isOpen && may(c.var.me, 'POST /admin/switches/release');
  return html`${panel(
    'The switch',
    facts([
      ['Scope', html`<code>${one.scope}</code>`],
      ['Engaged', html`${time(one.engagedAt)} by ${one.engagedBy}`],
      ['Reason, which testers read', one.reason],
      one.note === null ? null : ['Note', one.note],
      one.until === null ? null : ['Releases itself', time(one.until)],
      one.releasedAt === null
        ? null
        : [
            'Released',
            html`${time(one.releasedAt)} by ${one.releasedBy ?? 'nobody known'}: ${one.releaseReason ?? 'no reason'}`,
          ],
      one.jobs.waiting + one.jobs.cancelled + one.jobs.failed.length === 0
        ? null
        : [
            'Jobs',
            `${digits(one.jobs.cancelled)} cancelled, ${digits(one.jobs.waiting)} waiting, ${digits(one.jobs.failed.length)} failed`,
          ],
    ]),
    stateOf(one),
  )}
${one.readmitted.length > 0 || canAct ? panel('Let back in', readmitted(one)) : ''}
${canAct ? html`${stages(c, one)}${release(c, one)}` : ''}`;
}

function readmitted({ readmitted: rows }: Detail) {
  if (rows.length === 0) return empty('Nobody yet: the stop holds for everybody in its scope.');
  return table(
    'Let back in',
    ['Who', 'When', 'By', 'Why'],
    rows.map(({ scope, at, by, reason }) => [html`<code>${scope}</code>`, time(at), by, reason]),
  );
}

/** Only what is narrower than the stop can be let through it. */
function stages(c: Page, { id, scope }: Detail): Cell {
  if (scope.startsWith('tester:') || scope.startsWith('token:')) return '';
  return panel(
    'Let some back in',
    form(
      c,
      `/console/switches/${id}/readmit`,
      html`<div class="fields">${scope.startsWith('cohort:') ? '' : html`<label>A cohort <input name="cohort" autocomplete="off" spellcheck="false"></label>`}
<label>Testers, with commas between <input name="testers" autocomplete="off" spellcheck="false"></label>
<label class="wide">Reason <input name="reason" required maxlength="500" autocomplete="off"></label></div><button>Let back in</button>
<span class="quiet">The stop holds for the rest.</span>`,
    ),
  );
}

function release(c: Page, { id, scope }: Detail) {
  const others = scope === 'global' ? 'every call that the rules allow' : `calls of ${scope}`;
  return panel(
    'Release it',
    form(
      c,
      `/console/switches/${id}/release`,
      html`<input type="hidden" name="scope" value="${scope}"><div class="fields"><label class="wide">Reason <input name="reason" required maxlength="500" autocomplete="off"></label></div>
<button>Resume ${scope === 'global' ? 'everybody' : scope}</button> <span class="quiet">It lets ${others} pass again. Tokens that were revoked stay dead.</span>`,
    ),
  );
}
