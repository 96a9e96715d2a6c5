/** Releases: what testers ask to show outside; whoever waits longest stands first. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { contentOf, ownerOf } from './clips.ts';
import { page } from './layout.ts';
import { badge, type Cell, empty, href, panel, type Tone, table, time } from './parts.ts';
import { type ConsoleEnv, type Page, told } from './session.ts';

export type Release = InferResponseType<AdminClient['releases']['$get']>['releases'][number];
type State = Release['state'];

const PAGE = 24;
const TABS = [
  ['asked', 'Waiting'],
  ['approved', 'Approved'],
  ['rejected', 'Rejected'],
  ['withdrawn', 'Withdrawn'],
  ['all', 'All'],
] as const;
const WORDS: Readonly<Record<State, readonly [string, Tone]>> = {
  asked: ['waiting', 'warn'],
  approved: ['approved', 'good'],
  rejected: ['rejected', 'bad'],
  withdrawn: ['withdrawn', 'plain'],
};

export function releasesPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/releases', async (c) => {
    const { state = 'asked', tester, object, after } = c.req.query();
    const query = {
      limit: String(PAGE),
      ...(state === 'all' ? {} : { state: state as State }),
      ...(tester ? { tester } : {}),
      ...(object ? { object } : {}),
      ...(after ? { after } : {}),
    };
    const { releases, next } = await told(c.var.admin.releases.$get({ query }));
    const asked = { state, tester, object };
    const content = html`${tabs(asked)}
<form method="get" action="/console/releases" class="inline panel" role="search"><input type="hidden" name="state" value="${state}">
<label>Tester <input name="tester" value="${tester ?? ''}" autocomplete="off" spellcheck="false"></label>
<label>Output <input name="object" value="${object ?? ''}" autocomplete="off" spellcheck="false"></label><button>Show</button></form>
${releases.length > 0 ? panel(titleOf(state), releaseTable(c, 'Releases', releases)) : nothing(state)}
${next === null ? '' : html`<p class="pages"><a class="button" href="${href('/console/releases', { ...asked, after: next })}">Later</a></p>`}`;
    return c.html(page(c, 'Releases', content));
  });
}

function tabs(asked: Readonly<Record<'state' | 'tester' | 'object', string | undefined>>) {
  return html`<nav class="tabs" aria-label="States">${TABS.map(
    ([state, name]) =>
      html`<a href="${href('/console/releases', { ...asked, state })}"${state === asked.state ? html` aria-current="page"` : ''}>${name}</a>`,
  )}</nav>`;
}

function titleOf(state: string): string {
  return state === 'asked' ? 'Waiting, the longest first' : 'The oldest first';
}

function nothing(state: string): Cell {
  return state === 'asked'
    ? empty(
        'Nothing waits for a decision.',
        'What testers ask to show outside, in their portal, stands here.',
      )
    : empty('There is no such release.', 'Look at another state, or clear the filter.');
}

export function stateBadge(state: State): Cell {
  return badge(...WORDS[state]);
}

export function releaseTable(c: Page, caption: string, releases: readonly Release[]) {
  return table(
    caption,
    ['Release', 'Clip', 'Tester', 'Purpose', 'Where', 'Asked', 'State'],
    releases.map((one) => [
      html`<a href="/console/releases/${one.id}">Release ${one.id}</a>`,
      html`<a class="thumb" href="/console/releases/${one.id}" tabindex="-1" aria-hidden="true"><img src="${contentOf(one.object, 'thumbnail')}" alt="" loading="lazy" width="112" height="63"></a>`,
      html`<div>${ownerOf(c, one.tester)}${one.cohort === null ? '' : html` <span class="quiet">${one.cohort}</span>`}</div>`,
      one.purpose,
      one.place,
      time(one.at),
      html`<div>${stateBadge(one.state)}${one.state === 'asked' && one.needed > 1 ? html` <span class="quiet">${one.approvals} of ${one.needed}</span>` : ''}</div>`,
    ]),
  );
}
