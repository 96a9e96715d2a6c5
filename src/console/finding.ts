/** One finding: what was found and how to see it again, its files, where it stands, and what its tester is told. */
import type { Hono } from 'hono';
import { html } from 'hono/html';
import { ownerOf } from './clips.ts';
import { form } from './forms.ts';
import { page } from './layout.ts';
import { bytes, type Cell, empty, facts, options, panel, table, time } from './parts.ts';
import { aboutOf, type Finding, STATES, severityBadge, statusBadge } from './reports.ts';
import { type ConsoleEnv, may, type Page, told } from './session.ts';

export function findingPages(app: Hono<ConsoleEnv>): void {
  app.get('/console/reports/:id{[0-9]+}', async (c) => {
    const finding = await told(c.var.admin.findings[':id'].$get({ param: { id: c.req.param('id') } }));
    const content = html`<div class="columns">${panel('What was found', about(c, finding), severityBadge(finding.severity))}${standing(c, finding)}</div>
${panel('How to see it again', html`<pre>${finding.reproduction}</pre>`)}
${panel('Files', files(finding))}`;
    return c.html(page(c, finding.title, content));
  });
  app.post('/console/reports/:id{[0-9]+}/status', async (c) => {
    const id = c.req.param('id');
    const json = {
      status: c.var.form.one('status') as Finding['status'],
      answer: c.var.form.optional('answer'),
    };
    await told(c.var.once.findings[':id'].status.$post({ param: { id }, json }));
    return c.redirect(`/console/reports/${id}`, 303);
  });
}

function about(c: Page, { tester, at, category, request, object }: Finding) {
  return facts([
    ['Tester', ownerOf(c, tester)],
    ['Category', category],
    ['Filed', time(at)],
    ['About', aboutOf(c, request, object) ?? 'no call or output in particular'],
  ]);
}

function standing(c: Page, { id, status, answer, statusAt, statusBy }: Finding): Cell {
  const now = facts([
    statusAt === null
      ? ['Since', 'it was filed']
      : ['Since', html`${time(statusAt)} <span class="quiet">by ${statusBy}</span>`],
    ['What the tester reads', answer ?? html`<span class="quiet">nothing yet</span>`],
  ]);
  const change = may(c.var.me, 'POST /admin/findings/:id/status')
    ? form(
        c,
        `/console/reports/${id}/status`,
        html`<label>State <select name="status">${options(STATES, status)}</select></label>
<label>Answer, which the tester reads; empty: as it was <input name="answer" maxlength="500" autocomplete="off"></label><button class="primary">Save</button>`,
        'decision',
      )
    : '';
  return panel('Where it stands', html`${now}${change}`, statusBadge(status));
}

/** Testers chose them: they are saved and never shown here. */
function files({ id, attachments }: Finding): Cell {
  if (attachments.length === 0) return empty('None.', 'Testers may add files to a finding.');
  return table(
    'Files',
    ['File', 'Type', { name: 'Size', number: true }, 'SHA-256'],
    attachments.map(({ id: file, name, type, bytes: size, sha256 }) => [
      html`<a href="/admin/findings/${id}/attachments/${file}" download>${name}</a>`,
      type,
      bytes(size),
      html`<code>${sha256}</code>`,
    ]),
  );
}
