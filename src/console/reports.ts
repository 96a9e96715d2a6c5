/** What testers report in their portal: findings, appeals against stops, feedback; the newest first. */
import type { Hono } from 'hono';
import type { InferResponseType } from 'hono/client';
import { html } from 'hono/html';
import type { AdminClient } from '../admin/client.ts';
import { callLink, ownerOf } from './clips.ts';
import { page } from './layout.ts';
import { badge, type Cell, empty, href, options, panel, type Tone, table, time } from './parts.ts';
import { type ConsoleEnv, type Page, told } from './session.ts';

export type Finding = InferResponseType<AdminClient['findings']['$get']>['findings'][number];
type Appeal = InferResponseType<AdminClient['appeals']['$get']>['appeals'][number];
type Feedback = InferResponseType<AdminClient['feedback']['$get']>['feedback'][number];

export const STATES = ['new', 'triaged', 'accepted', 'fixed', 'declined', 'duplicate'] as const;
const SEVERITIES = ['critical', 'high', 'medium', 'low'] as const;
const TONES: Readonly<Record<Finding['severity'] | Finding['status'], Tone>> = {
  ...{ critical: 'bad', high: 'bad', medium: 'warn', low: 'plain' },
  ...{
    new: 'warn',
    triaged: 'plain',
    accepted: 'plain',
    fixed: 'good',
    declined: 'plain',
    duplicate: 'plain',
  },
};

const PAGE = '50';
const FINDINGS = '/console/reports';
const APPEALS = '/console/reports/appeals';
const FEEDBACK = '/console/reports/feedback';
const TABS = [
  [FINDINGS, 'Findings'],
  [APPEALS, 'Appeals'],
  [FEEDBACK, 'Feedback'],
] as const;

export function reportPages(app: Hono<ConsoleEnv>): void {
  app.get(FINDINGS, async (c) => {
    const { tester, status, severity, after } = c.req.query();
    const filters = { tester, status, severity };
    const query = { limit: PAGE, ...given({ ...filters, after }) };
    const { findings, next } = await told(c.var.admin.findings.$get({ query }));
    const content = html`<form method="get" action="${FINDINGS}" class="inline panel" role="search">
<label>State <select name="status">${options([['', 'any'], ...STATES], status)}</select></label>
<label>Severity <select name="severity">${options([['', 'any'], ...SEVERITIES], severity)}</select></label>${testerField(tester)}<button>Show</button></form>
${findings.length > 0 ? panel('Newest first', findingTable(c, findings), exportsOf('findings')) : empty('No finding.', 'What testers file under Findings in their portal stands here.')}
${earlier(FINDINGS, filters, next)}`;
    return c.html(reportsPage(c, FINDINGS, content));
  });
  app.get(APPEALS, async (c) => {
    const { tester, after } = c.req.query();
    const { appeals, next } = await told(
      c.var.admin.appeals.$get({ query: { limit: PAGE, ...given({ tester, after }) } }),
    );
    const content = html`${searchBy(APPEALS, tester)}
${appeals.length > 0 ? panel('Newest first', appealTable(c, appeals)) : empty('No appeal.', 'What a tester says against a stop or a review stands here.')}
${earlier(APPEALS, { tester }, next)}`;
    return c.html(reportsPage(c, APPEALS, content));
  });
  app.get(FEEDBACK, async (c) => {
    const { tester, after } = c.req.query();
    const { feedback, next } = await told(
      c.var.admin.feedback.$get({ query: { limit: PAGE, ...given({ tester, after }) } }),
    );
    const content = html`${searchBy(FEEDBACK, tester)}
${feedback.length > 0 ? panel('Newest first', feedbackTable(c, feedback), exportsOf('feedback')) : empty('No feedback yet.', 'What testers say of calls and outputs in their portal stands here.')}
${earlier(FEEDBACK, { tester }, next)}`;
    return c.html(reportsPage(c, FEEDBACK, content));
  });
}

/** What somebody typed goes to the admin API as it is, and comes back with the fault's name. */
function given(parameters: Readonly<Record<string, string | undefined>>) {
  return Object.fromEntries(Object.entries(parameters).filter(([, value]) => value));
}

function reportsPage(c: Page, at: string, content: unknown) {
  const tabs = TABS.map(
    ([path, name]) => html`<a href="${path}"${path === at ? html` aria-current="page"` : ''}>${name}</a>`,
  );
  return page(c, 'Reports', html`<nav class="tabs" aria-label="Reports">${tabs}</nav>${content}`);
}

function testerField(tester: string | undefined): Cell {
  return html`<label>Tester <input name="tester" value="${tester ?? ''}" autocomplete="off" spellcheck="false"></label>`;
}

function searchBy(path: string, tester: string | undefined): Cell {
  return html`<form method="get" action="${path}" class="inline panel" role="search">${testerField(tester)}<button>Show</button></form>`;
}

function earlier(
  path: string,
  filters: Readonly<Record<string, string | undefined>>,
  next: string | null,
): Cell {
  if (next === null) return '';
  return html`<p class="pages"><a class="button" href="${href(path, { ...filters, after: next })}">Earlier</a></p>`;
}

function exportsOf(what: 'findings' | 'feedback'): Cell {
  const links = ['csv', 'jsonl'].map(
    (format) =>
      html` <a href="${href(`/admin/${what}/export`, { format })}" download="${what}.${format}">${format}</a>`,
  );
  return html`<span><span class="quiet">Export everything:</span>${links}</span>`;
}

export function findingTable(c: Page, findings: readonly Finding[]) {
  return table(
    'Findings',
    ['Finding', 'Severity', 'Category', 'Tester', 'Filed', 'State'],
    findings.map(({ id, title, severity, category, tester, at, status }) => [
      html`<a href="${FINDINGS}/${id}">${title}</a>`,
      severityBadge(severity),
      category,
      ownerOf(c, tester),
      time(at),
      badge(status, TONES[status]),
    ]),
  );
}

export function severityBadge(severity: Finding['severity']): Cell {
  return badge(severity, TONES[severity]);
}

export function statusBadge(status: Finding['status']): Cell {
  return badge(status, TONES[status]);
}

export function appealTable(c: Page, appeals: readonly Appeal[]) {
  return table(
    'Appeals',
    ['Tester', 'When', 'What was said'],
    appeals.map(({ tester, at, text }) => [ownerOf(c, tester), time(at), said(text)]),
  );
}

function feedbackTable(c: Page, feedback: readonly Feedback[]) {
  return table(
    'Feedback',
    ['Tester', 'When', 'Rating', 'What was said', 'About'],
    feedback.map(({ tester, at, rating, text, request, object }) => [
      ownerOf(c, tester),
      time(at),
      `${rating} of 5`,
      said(text),
      aboutOf(c, request, object),
    ]),
  );
}

function said(text: string): Cell {
  return html`<p class="said">${text}</p>`;
}

/** The output and the call that it is about, whichever were named. */
export function aboutOf(c: Page, request: string | null, object: string | null): Cell {
  const output =
    object && html`<a href="/console/outputs/${encodeURIComponent(object)}"><code>${object}</code></a>`;
  const call = request && callLink(c, request);
  if (!output && !call) return null;
  return html`<div>${output}${output && call ? html`<br>` : ''}${call}</div>`;
}
