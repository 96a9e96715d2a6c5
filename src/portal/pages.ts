/** The portal's pages: each shows what the API of the same name tells, and its forms do what the API does. */
import { type Context, Hono } from 'hono';
import { accept, downloadHeaders, readAttachment, UPLOAD_BYTES } from './attachments.ts';
import { readCall, readCalls } from './calls.ts';
import { readDays } from './days.ts';
import { signOut } from './entry.ts';
import { appeal, giveFeedback, readAppeals, readFeedback } from './feedback.ts';
import { fileFinding, readFinding, readFindings } from './findings.ts';
import {
  AppealInput,
  FeedbackInput,
  FindingInput,
  type Given,
  numberIn,
  ReleaseInput,
  readInput,
  shaped,
  TermsInput,
  Unfit,
} from './input.ts';
import { playing, readObject, readObjects } from './outputs.ts';
import { callPage, callsPage } from './pages/calls.ts';
import { type Filled, feedbackPage } from './pages/feedback.ts';
import { findingPage, findingsPage } from './pages/findings.ts';
import type { Reader } from './pages/layout.ts';
import { limitsPage } from './pages/limits.ts';
import { outputPage, outputsPage } from './pages/outputs.ts';
import { overviewPage } from './pages/overview.ts';
import { releasesPage } from './pages/releases.ts';
import { statementPage } from './pages/statement.ts';
import { termsPage } from './pages/terms.ts';
import type { Portal, PortalEnv, Visitor } from './portal.ts';
import { readReleases, requestRelease, withdrawRelease } from './releases.ts';
import { readNotices, readStanding, rowOf } from './standing.ts';
import { daysOf, readStatement, signStatement } from './statement.ts';
import { acceptTerms, readTerms } from './terms.ts';
import { checkForm } from './visitor.ts';

const PAGE = 30;
type Page = Context<PortalEnv>;

export function pageRoutes(portal: Portal): Hono<PortalEnv> {
  return new Hono<PortalEnv>()
    .get('/portal', async (c) => c.html(overviewPage(readerOf(c), await overview(portal, c.var.visitor))))
    .post('/portal/sign-out', signOut(portal))
    .post('/portal/appeals', async (c) => {
      const given = await handedIn(c);
      return orAgain(
        given,
        async () => {
          await appeal(portal, c.var.visitor, addressOf(c), shaped(AppealInput, given.fields));
          return c.redirect('/portal', 303);
        },
        async (filled, faults) => {
          const shown = await overview(portal, c.var.visitor);
          return c.html(overviewPage(readerOf(c), { ...shown, faults, text: filled.text ?? '' }), 400);
        },
      );
    })
    .get('/portal/limits', async (c) =>
      c.html(limitsPage(readerOf(c), boundsOf(portal, c.var.visitor), await readDays(portal, c.var.visitor))),
    )
    .get('/portal/calls', (c) => {
      const { visitor } = c.var;
      const outcome = c.req.query('outcome') || undefined;
      const calls = readCalls(portal, visitor, { outcome, before: c.req.query('before') }, PAGE);
      return c.html(callsPage(readerOf(c), calls, outcome));
    })
    .get('/portal/calls/:call', (c) =>
      c.html(callPage(readerOf(c), readCall(portal, c.var.visitor, c.req.param('call')))),
    )
    .get('/portal/outputs', (c) => {
      const { objects, next } = readObjects(portal, c.var.visitor, { before: c.req.query('before') }, PAGE);
      return c.html(outputsPage(readerOf(c), objects, next));
    })
    .get('/portal/outputs/:object', (c) =>
      c.html(outputPage(readerOf(c), readObject(portal, c.var.visitor, c.req.param('object')))),
    )
    .get('/portal/outputs/:object/content', async (c) => {
      const isDownload = c.req.query('download') === '1';
      await c.env.visit.call(playing(portal, c.var.visitor, c.req.param('object'), isDownload));
      // The call has answered.
      return c.body(null);
    })
    .get('/portal/feedback', (c) =>
      c.html(feedbackPage(readerOf(c), readFeedback(portal, c.var.visitor), aboutIn(c))),
    )
    .post('/portal/feedback', async (c) => {
      const { visitor } = c.var;
      const given = await handedIn(c);
      return orAgain(
        given,
        async () => {
          await giveFeedback(portal, visitor, addressOf(c), shaped(FeedbackInput, given.fields));
          return c.redirect('/portal/feedback', 303);
        },
        (filled, faults) =>
          c.html(feedbackPage(readerOf(c), readFeedback(portal, visitor), filled, faults), 400),
      );
    })
    .get('/portal/findings', (c) =>
      c.html(findingsPage(readerOf(c), readFindings(portal, c.var.visitor), aboutIn(c))),
    )
    .post('/portal/findings', async (c) => {
      const { visitor } = c.var;
      const given = await handedIn(c, UPLOAD_BYTES);
      return orAgain(
        given,
        async () => {
          const input = shaped(FindingInput, given.fields);
          const files = await accept(given.files, portal);
          const { id } = await fileFinding(portal, visitor, addressOf(c), input, files);
          return c.redirect(`/portal/findings/${id}`, 303);
        },
        (filled, faults) =>
          c.html(findingsPage(readerOf(c), readFindings(portal, visitor), filled, faults), 400),
      );
    })
    .get('/portal/findings/:finding', (c) =>
      c.html(findingPage(readerOf(c), readFinding(portal, c.var.visitor, numberIn(c.req.param('finding'))))),
    )
    .get('/portal/findings/:finding/attachments/:attachment', (c) => {
      const [finding, id] = [numberIn(c.req.param('finding')), numberIn(c.req.param('attachment'))];
      const file = readAttachment(portal, c.var.visitor, finding, id);
      return c.body(Uint8Array.from(file.data), 200, downloadHeaders(file));
    })
    .get('/portal/terms', (c) => c.html(termsPage(readerOf(c), readTerms(portal, c.var.visitor))))
    .post('/portal/terms', async (c) => {
      const { fields } = await handedIn(c);
      await acceptTerms(portal, c.var.visitor, addressOf(c), shaped(TermsInput, fields), 'portal');
      return c.redirect('/portal/terms', 303);
    })
    .get('/portal/releases', (c) =>
      c.html(releasesPage(readerOf(c), readReleases(portal, c.var.visitor), aboutIn(c))),
    )
    .post('/portal/releases', async (c) => {
      const { visitor } = c.var;
      const given = await handedIn(c);
      return orAgain(
        given,
        async () => {
          await requestRelease(portal, visitor, addressOf(c), shaped(ReleaseInput, given.fields));
          return c.redirect('/portal/releases', 303);
        },
        (filled, faults) =>
          c.html(releasesPage(readerOf(c), readReleases(portal, visitor), filled, faults), 400),
      );
    })
    .post('/portal/releases/:release/withdraw', async (c) => {
      await handedIn(c);
      await withdrawRelease(portal, c.var.visitor, addressOf(c), numberIn(c.req.param('release')));
      return c.redirect('/portal/releases', 303);
    })
    .get('/portal/statement', async (c) => {
      const asked = { from: c.req.query('from'), to: c.req.query('to') };
      const joined = rowOf(portal, c.var.visitor.tester).createdAt;
      const days = daysOf(asked, joined, portal.now());
      const shown = days ?? daysOf({}, joined, portal.now());
      if (!shown) throw new Unfit({ from: 'the clock is behind the day on which you joined' });
      const statement = await readStatement(portal, c.var.visitor, shown);
      const jws = await signStatement(portal, statement);
      const fault = days ? undefined : 'These are no days, or end before they begin.';
      return c.html(statementPage(readerOf(c), statement, jws, fault), days ? 200 : 400);
    })
    .get('/portal/statement/download', async (c) => {
      const { tester } = c.var.visitor;
      const asked = { from: c.req.query('from'), to: c.req.query('to') };
      const days = daysOf(asked, rowOf(portal, tester).createdAt, portal.now());
      if (!days) throw new Unfit({ from: 'use YYYY-MM-DD, and an end that is not before the beginning' });
      const statement = await readStatement(portal, c.var.visitor, days);
      const name = `contribution-${days.from}-${days.to}.json`;
      c.header('Content-Disposition', `attachment; filename="${name}"`);
      return c.json({ statement, jws: await signStatement(portal, statement) });
    });
}

export function boundsOf(portal: Portal, { tester }: Visitor) {
  const row = rowOf(portal, tester);
  return [...portal.room.ofTester(row), ...portal.room.ofCohort(row.cohort)];
}

async function overview(portal: Portal, visitor: Visitor) {
  return {
    standing: readStanding(portal, visitor),
    notices: readNotices(portal, visitor),
    bounds: boundsOf(portal, visitor),
    days: await readDays(portal, visitor),
    appeals: readAppeals(portal, visitor),
  };
}

/** A form of ours, or nothing. @throws Refusal */
async function handedIn(c: Page, limitBytes?: number): Promise<Given> {
  return checkForm(c, await readInput(c, limitBytes), c.var.visitor.csrf);
}

/** What does not fit is shown again as it was filled in, with its faults. */
async function orAgain(
  given: Given,
  act: () => Promise<Response>,
  again: (filled: Filled, faults: Unfit['faults']) => Response | Promise<Response>,
): Promise<Response> {
  try {
    return await act();
  } catch (fault) {
    if (!(fault instanceof Unfit)) throw fault;
    return again(textsIn(given), fault.faults);
  }
}

function textsIn({ fields }: Given): Filled {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? value : undefined]),
  );
}

/** What a form is opened for. */
function aboutIn(c: Page): Filled {
  return { call: c.req.query('call'), object: c.req.query('object') };
}

function readerOf(c: Page): Reader {
  const { tester, csrf } = c.var.visitor;
  return { tester, csrf: csrf ?? '' };
}

function addressOf(c: Page): string {
  return c.env.visit.frame.address;
}
