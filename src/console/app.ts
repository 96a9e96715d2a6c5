/** The console: pages for operators, auditors and reviewers under `/console`, a client of the admin API and nothing more. */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { html } from 'hono/html';
import { type Assets, assetAddress, assetRoutes } from './assets.ts';
import { cohortPages } from './cohorts.ts';
import { answerFault } from './faults.ts';
import { findingPages } from './finding.ts';
import { FORM_BYTES, readForm } from './forms.ts';
import { securityHeaders } from './headers.ts';
import { page } from './layout.ts';
import { linkPages } from './links.ts';
import { nowPages } from './now.ts';
import { operatorPages, ownPages } from './operators.ts';
import { outputPages } from './outputs.ts';
import { releasePages } from './release.ts';
import { releasesPages } from './releases.ts';
import { reportPages } from './reports.ts';
import { requestPages } from './request.ts';
import { requestsPages } from './requests.ts';
import { type AdminFetch, type ConsoleEnv, callerOf, Refused, told } from './session.ts';
import { settingsPages } from './settings.ts';
import { signInRoutes } from './sign-in.ts';
import { stopPages } from './stop.ts';
import { switchesPages } from './switches.ts';
import { testerPages } from './tester.ts';
import { testersPages } from './testers.ts';
import { tracePages, traceUpload } from './trace.ts';

export interface ConsoleOptions {
  /** The admin API in this process. */
  readonly admin: AdminFetch;
  readonly assets: Assets;
  /** Hears of every fault that is ours. */
  readonly onFault?: (fault: unknown) => void;
}

export function createConsole({ admin, assets, onFault = console.error }: ConsoleOptions): Hono<ConsoleEnv> {
  const app = new Hono<ConsoleEnv>();
  const asset = assetAddress(assets);
  app.use('/console/*', securityHeaders);
  app.route('/', assetRoutes(assets));
  app.onError((fault, c) => answerFault(fault, c, asset, onFault));
  app.route('/', traceUpload(admin, asset));
  app.use('/console/*', bodyLimit({ maxSize: FORM_BYTES }));
  app.route('/', signInRoutes(admin, asset));
  app.use('/console/*', async (c, next) => {
    c.set('asset', asset);
    const more: Record<string, string | undefined> = {};
    const form = c.req.method === 'POST' ? await readForm(c.req.raw) : null;
    if (c.req.method === 'POST' && !form)
      throw new Refused(415, { title: 'This is no form', detail: 'Send a form.' });
    if (form) {
      c.set('form', form);
      more['x-csrf-token'] = form.optional('csrf');
    }
    const caller = callerOf(c, admin, more);
    c.set('admin', caller.admin);
    c.set('call', caller.call);
    c.set('once', callerOf(c, admin, { ...more, 'idempotency-key': form?.optional('key') }).admin);
    await next();
  });
  app.use('/console/*', async (c, next) => {
    const [me, status] = await Promise.all([told(c.var.admin.me.$get()), told(c.var.admin.status.$get())]);
    c.set('me', me);
    c.set('status', status);
    await next();
  });
  nowPages(app);
  stopPages(app);
  requestsPages(app);
  requestPages(app);
  switchesPages(app);
  testersPages(app);
  testerPages(app);
  cohortPages(app);
  outputPages(app);
  releasesPages(app);
  releasePages(app);
  linkPages(app);
  tracePages(app);
  reportPages(app);
  findingPages(app);
  settingsPages(app);
  operatorPages(app);
  ownPages(app);
  app.get('/console/*', (c) => {
    const nothing = html`<p>There is no such page. The pages are listed beside this text.</p>`;
    return c.html(page(c, 'Not found', nothing), 404);
  });
  return app;
}
