/** One release: the clip, what is asked and why, what was said, the decision, and its links. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { c2paWords, callLink, ownerOf, player } from './clips.ts';
import { form } from './forms.ts';
import { page } from './layout.ts';
import { linksPanel } from './links.ts';
import { badge, bytes, type Cell, digits, empty, facts, panel, plural, table, time } from './parts.ts';
import { releaseTable, stateBadge } from './releases.ts';
import { type ConsoleEnv, may, type Page, told } from './session.ts';

export type Whole = InferResponseType<AdminClient['releases'][':id']['$get']>;

const DECISIONS = ['approve', 'reject', 'withdraw'] as const;
const SAID = {
  approve: ['approved', 'good'],
  reject: ['rejected', 'bad'],
  withdraw: ['withdrew', 'plain'],
} as const;

export function releasePages(app: Hono<ConsoleEnv>): void {
  app.get('/console/releases/:id', async (c) => {
    const param = { id: c.req.param('id') };
    const [release, { links }] = await Promise.all([
      told(c.var.admin.releases[':id'].$get({ param })),
      told(c.var.admin.releases[':id'].links.$get({ param })),
    ]);
    const made = await told(c.var.admin.objects[':id'].$get({ param: { id: release.object } }));
    const content = html`${made.deletedAt === null ? player(made) : empty('The clip was deleted upstream.', 'Nobody can look at it any more.')}
<div class="columns">${panel('What is asked', asked(c, release), stateBadge(release.state))}${decisionPanel(c, release)}</div>
${panel('What was said', votes(release))}
${release.state === 'approved' || links.length > 0 ? linksPanel(c, release, links) : ''}
<div class="columns">${panel('The clip', about(c, release))}${panel('Files that the gate has seen', files(release))}</div>
${release.earlier.length > 0 ? panel('Asked of this clip at other times', releaseTable(c, 'Other releases', release.earlier)) : ''}`;
    return c.html(page(c, `Release ${release.id}`, content));
  });
  for (const decision of DECISIONS)
    app.post(`/console/releases/:id/${decision}`, async (c) => {
      const id = c.req.param('id');
      const json = { decision, reason: c.var.form.optional('reason') };
      await told(c.var.once.releases[':id'].decision.$post({ param: { id }, json }));
      return c.redirect(`/console/releases/${encodeURIComponent(id)}`, 303);
    });
}

function asked(c: Page, release: Whole) {
  const { tester, cohort, purpose, place, at, state, stateAt } = release;
  return html`${facts([
    [
      'Tester',
      html`${ownerOf(c, tester)}${cohort === null ? '' : html` <span class="quiet">${cohort}</span>`}`,
    ],
    ['Purpose', purpose],
    ['Where it will be shown', place],
    ['Asked', time(at)],
    state === 'asked' ? null : ['Decided', time(stateAt)],
  ])}<h3>The prompt</h3>${promptOf(release)}`;
}

/** Only what this person may do, and what changes anything now. */
function decisionPanel(c: Page, release: Whole): Cell {
  const { state, approvals, needed, votes: said } = release;
  const count = html`<span class="quiet">${approvals} of ${plural(needed, 'approval')}</span>`;
  if (!may(c.var.me, 'POST /admin/releases/:id/decision') || (state !== 'asked' && state !== 'approved'))
    return panel('Decision', html`<p>${stateWords(release)}</p>`, count);
  if (state === 'approved')
    return panel(
      'Withdraw it',
      html`<p class="quiet">Its links end at once, and whatever streams is cut.</p>${decide(c, release, 'withdraw')}`,
      count,
    );
  const isMine = said.some(({ by, vote }) => by === c.var.me.operator && vote === 'approve');
  const approve = isMine
    ? html`<p>You have approved it; ${plural(needed - approvals, 'other person', 'other people')} must too.</p>`
    : decide(c, release, 'approve');
  return panel('Decide', html`<div class="choices">${approve}${decide(c, release, 'reject')}</div>`, count);
}

function stateWords({ state, approvals, needed }: Whole): string {
  if (state === 'asked') return `It waits for ${plural(needed - approvals, 'more approval')}.`;
  return {
    approved: 'It may be shown outside.',
    rejected: 'It may not be shown outside. The tester may ask again.',
    withdrawn: 'It may not be shown outside any more.',
  }[state];
}

const ACTS = {
  approve: ['Approve', 'primary', 'Note, for the record', ''],
  reject: ['Reject', '', 'Reason, which the tester reads', ' required'],
  withdraw: ['Withdraw', 'danger', 'Reason, which the tester reads', ' required'],
} as const;

function decide(c: Page, { id }: Whole, decision: (typeof DECISIONS)[number]) {
  const [name, tone, label, required] = ACTS[decision];
  return form(
    c,
    `/console/releases/${id}/${decision}`,
    html`<label>${label} <input name="reason" maxlength="500" autocomplete="off"${required}></label><button class="${tone}">${name}</button>`,
    'decision',
  );
}

function promptOf({ prompt, request }: Whole): Cell {
  if (prompt !== null) return html`<pre>${prompt}</pre>`;
  return request === null
    ? empty('No call made this clip: an operator entered it.')
    : empty('The prompt was not kept.', 'Where the rules of a cohort say so (capture), it stands here.');
}

function votes({ votes: said, needed }: Whole): Cell {
  if (said.length === 0)
    return empty('Nothing yet.', `${plural(needed, 'person', 'different people')} must approve.`);
  return table(
    'What was said',
    ['Who', 'Word', 'Why', 'When'],
    said.map(({ vote, by, reason, at }) => [by, badge(SAID[vote][0], SAID[vote][1]), reason, time(at)]),
  );
}

function about(c: Page, { object, model, seconds, request }: Whole) {
  return facts([
    ['Output', html`<a href="/console/outputs/${encodeURIComponent(object)}"><code>${object}</code></a>`],
    ['Model', model],
    ['Length', seconds === null ? null : `${digits(seconds)} s`],
    ['By the call', request === null ? 'an operator entered it' : callLink(c, request)],
  ]);
}

function files({ outputs }: Whole): Cell {
  if (outputs.length === 0) return empty('None yet.', 'A file is known once it passed whole.');
  return html`<ul class="lines">${outputs.map(
    ({ variant, sha256, bytes: size, mediaType, c2pa }) =>
      html`<li>${variant}, ${bytes(size)}${mediaType ? html`, ${mediaType}` : ''}; ${c2paWords(c2pa)}<br><span class="quiet">SHA-256</span> <code>${sha256}</code></li>`,
  )}</ul>`;
}
