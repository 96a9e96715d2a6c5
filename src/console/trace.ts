/** Whose clip is this? A file goes through to the admin API as it comes, by script or by a plain form, and is kept nowhere. */
import { Hono } from 'hono';
import { html } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { page } from './layout.ts';
import { type Html, panel } from './parts.ts';
import {
  type AdminFetch,
  type ConsoleEnv,
  callerOf,
  mustBeAllowed,
  type Page,
  Refused,
  refusal,
  told,
} from './session.ts';
import { marksPart, type Traced, tracedPart } from './traced.ts';
import { openUpload } from './upload.ts';

const BYTES = 'application/octet-stream';
const ROUTE = 'POST /admin/trace';

export function tracePages(app: Hono<ConsoleEnv>): void {
  app.get('/console/trace', async (c) => {
    mustBeAllowed(c.var, ROUTE);
    const code = c.req.query('code')?.trim();
    return c.html(tracePage(c, code ? await byCode(c, code) : undefined));
  });
}

/** Stands before what reads and bounds forms: the admin API bounds the file. */
export function traceUpload(admin: AdminFetch, asset: (name: string) => string) {
  return new Hono<ConsoleEnv>().post('/console/trace', async (c) => {
    // Nothing of the file is read for somebody who is not known.
    const known = callerOf(c, admin).admin;
    const [me, status] = await Promise.all([told(known.me.$get()), told(known.status.$get())]);
    c.set('me', me);
    c.set('status', status);
    c.set('asset', asset);
    mustBeAllowed(c.var, ROUTE);
    const byScript = c.req.header('content-type') === BYTES;
    const shown = (part: Html) => (byScript ? part : tracePage(c, part));
    try {
      return c.html(shown(tracedPart(c, await traced(c, admin, byScript))));
    } catch (fault) {
      if (!(fault instanceof Refused)) throw fault;
      const part = html`<p class="fault" role="alert">${fault.title}. ${fault.message}</p>`;
      return c.html(shown(part), fault.status as ContentfulStatusCode);
    }
  });
}

/** @throws Refused */
async function traced(c: Page, admin: AdminFetch, byScript: boolean): Promise<Traced> {
  const upload = byScript ? null : await openUpload(c.req.raw);
  const csrf = upload ? upload.fields.get('csrf') : c.req.header('x-csrf-token');
  const answer = await callerOf(c, admin, { 'x-csrf-token': csrf }).call('/admin/trace', {
    ...{ method: 'POST', headers: { 'content-type': BYTES } },
    ...{ body: upload ? upload.file : c.req.raw.body, duplex: 'half' },
  } as RequestInit);
  const broken = upload?.fault();
  if (broken) throw broken;
  if (!answer.ok) throw await refusal(answer);
  return (await answer.json()) as Traced;
}

/** What was burnt into the picture of a cohort's clips, as it can be read. */
async function byCode(c: Page, code: string): Promise<Html> {
  const param = { code: encodeURIComponent(code) };
  return marksPart(c, (await told(c.var.admin.trace.codes[':code'].$get({ param }))).marks);
}

function tracePage(c: Page, found: Html = html``) {
  const ask = html`<form method="post" action="/console/trace" enctype="multipart/form-data" id="trace" class="drop">
<input type="hidden" name="csrf" value="${c.var.me.csrf ?? ''}">
<label>A clip, as it was found <input type="file" name="file" required></label><button class="primary">Whose is it?</button>
<p class="quiet">By its very bytes first, else by what its frames look like. The file is looked at and kept nowhere; that you asked is an act.<span class="with-script"> It can be dropped here, too.</span></p></form>`;
  return page(
    c,
    'Whose clip is this?',
    html`${panel('The file', ask)}${panel('Or the code in its picture', codeForm(c))}<div id="traced" aria-live="polite">${found}</div>
<script type="module" src="${c.var.asset('trace.js')}"></script>`,
  );
}

function codeForm(c: Page) {
  return html`<form method="get" action="/console/trace" class="inline" role="search"><label>Code, with ? for what cannot be read <input name="code" value="${c.req.query('code') ?? ''}" required maxlength="16" autocomplete="off" spellcheck="false"></label><button>Look it up</button></form>`;
}
