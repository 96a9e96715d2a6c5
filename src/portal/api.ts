/** The portal as JSON: the same reading and the same acts as its pages. */
import { type Context, Hono } from 'hono';
import { isoOrNull } from '../iso.ts';
import { accept, UPLOAD_BYTES } from './attachments.ts';
import { readCall, readCalls } from './calls.ts';
import { readDays } from './days.ts';
import { appeal, giveFeedback, readAppeals, readFeedback } from './feedback.ts';
import { fileFinding, readFinding, readFindings } from './findings.ts';
import {
  AppealInput,
  FeedbackInput,
  FindingInput,
  type Given,
  numberIn,
  PageInput,
  ReleaseInput,
  readInput,
  shaped,
  TermsInput,
  Unfit,
} from './input.ts';
import { readObject, readObjects } from './outputs.ts';
import { boundsOf } from './pages.ts';
import type { Portal, PortalEnv } from './portal.ts';
import { readReleases, requestRelease, withdrawRelease } from './releases.ts';
import { readNotices, readStanding, rowOf } from './standing.ts';
import { daysOf, readStatement, signStatement } from './statement.ts';
import { acceptTerms, readTerms } from './terms.ts';
import { checkForm } from './visitor.ts';

/** The type of a typed client: `hc<PortalApi>(url)`. */
export type PortalApi = ReturnType<typeof apiRoutes>;

export function apiRoutes(portal: Portal) {
  return new Hono<PortalEnv>()
    .get('/portal/api/standing', (c) => {
      const { visitor } = c.var;
      const { csrf, expiresAt } = visitor;
      const session = { csrf, expiresAt: new Date(expiresAt).toISOString() };
      return c.json({ ...readStanding(portal, visitor), notices: readNotices(portal, visitor), session });
    })
    .get('/portal/api/limits', async (c) => {
      const bounds = boundsOf(portal, c.var.visitor);
      const told = bounds.map(({ resetsAt, ...bound }) => ({ ...bound, resetsAt: isoOrNull(resetsAt) }));
      return c.json({ bounds: told, days: await readDays(portal, c.var.visitor) });
    })
    .get('/portal/api/calls', (c) => {
      const { limit, before, outcome } = shaped(PageInput, c.req.query());
      return c.json(readCalls(portal, c.var.visitor, { outcome, before }, limit));
    })
    .get('/portal/api/calls/:call', (c) => c.json(readCall(portal, c.var.visitor, c.req.param('call'))))
    .get('/portal/api/outputs', (c) => {
      const { limit, before, kind } = shaped(PageInput, c.req.query());
      return c.json(readObjects(portal, c.var.visitor, { before, kind }, limit));
    })
    .get('/portal/api/outputs/:object', (c) =>
      c.json(readObject(portal, c.var.visitor, c.req.param('object'))),
    )
    .get('/portal/api/feedback', (c) => c.json({ feedback: readFeedback(portal, c.var.visitor) }))
    .post('/portal/api/feedback', async (c) => {
      const { fields } = await handedIn(c);
      const input = shaped(FeedbackInput, fields);
      return c.json(await giveFeedback(portal, c.var.visitor, addressOf(c), input), 201);
    })
    .get('/portal/api/appeals', (c) => c.json({ appeals: readAppeals(portal, c.var.visitor) }))
    .post('/portal/api/appeals', async (c) => {
      const { fields } = await handedIn(c);
      return c.json(await appeal(portal, c.var.visitor, addressOf(c), shaped(AppealInput, fields)), 201);
    })
    .get('/portal/api/findings', (c) => c.json({ findings: readFindings(portal, c.var.visitor) }))
    .post('/portal/api/findings', async (c) => {
      const { fields, files } = await handedIn(c, UPLOAD_BYTES);
      const input = shaped(FindingInput, fields);
      const attachments = await accept(files, portal);
      return c.json(await fileFinding(portal, c.var.visitor, addressOf(c), input, attachments), 201);
    })
    .get('/portal/api/findings/:finding', (c) =>
      c.json(readFinding(portal, c.var.visitor, numberIn(c.req.param('finding')))),
    )
    .get('/portal/api/terms', (c) => c.json(readTerms(portal, c.var.visitor)))
    .post('/portal/api/terms', async (c) => {
      const { fields } = await handedIn(c);
      await acceptTerms(portal, c.var.visitor, addressOf(c), shaped(TermsInput, fields), 'api');
      return c.json(readTerms(portal, c.var.visitor), 201);
    })
    .get('/portal/api/releases', (c) => c.json({ releases: readReleases(portal, c.var.visitor) }))
    .post('/portal/api/releases', async (c) => {
      const { fields } = await handedIn(c);
      const input = shaped(ReleaseInput, fields);
      return c.json(await requestRelease(portal, c.var.visitor, addressOf(c), input), 201);
    })
    .post('/portal/api/releases/:release/withdraw', async (c) => {
      await handedIn(c);
      const id = numberIn(c.req.param('release'));
      return c.json(await withdrawRelease(portal, c.var.visitor, addressOf(c), id));
    })
    .get('/portal/api/statement', async (c) => {
      const { from, to } = c.req.query();
      const days = daysOf({ from, to }, rowOf(portal, c.var.visitor.tester).createdAt, portal.now());
      if (!days) throw new Unfit({ from: 'use YYYY-MM-DD, and an end that is not before the beginning' });
      const statement = await readStatement(portal, c.var.visitor, days);
      return c.json({ statement, jws: await signStatement(portal, statement) });
    });
}

/** @throws Refusal */
async function handedIn(c: Context<PortalEnv>, limitBytes?: number): Promise<Given> {
  return checkForm(c, await readInput(c, limitBytes), c.var.visitor.csrf);
}

function addressOf(c: Context<PortalEnv>): string {
  return c.env.visit.frame.address;
}
