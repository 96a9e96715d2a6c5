/** The portal: what a tester may see and do, on the gateway's listener, all of it under `/portal`. */
import { Hono, type MiddlewareHandler } from 'hono';
import { Refusal } from '../refusal.ts';
import { apiRoutes } from './api.ts';
import { assetRoutes, CSP } from './assets.ts';
import { entryRoutes } from './entry.ts';
import { answerFault } from './faults.ts';
import { pageRoutes } from './pages.ts';
import type { Portal, PortalEnv } from './portal.ts';
import { ownPages, visitors } from './visitor.ts';

/** @param realm of the Bearer challenge */
export function createPortal(portal: Portal, realm: string): Hono<PortalEnv> {
  const app = new Hono<PortalEnv>();
  app.onError((fault, c) => answerFault(fault, c, realm));
  app.notFound((c) => answerFault(new Refusal('route_unknown', 'portal'), c, realm));
  // Refusals are no Errors, and so pass Hono's own handler by.
  app.use(safeHeaders, (c, next) => next().catch((fault) => answerFault(fault, c, realm)));
  app.use(ownPages(portal));
  app.route('/', assetRoutes);
  app.route('/', entryRoutes(portal));
  // What stands below is for whoever is signed in, and tells of nobody else.
  app.use(visitors(portal));
  app.route('/', pageRoutes(portal));
  app.route('/', apiRoutes(portal));
  return app;
}

/** Of every answer: nothing runs or loads but our own files, nobody frames it, and no cache keeps it. */
const safeHeaders: MiddlewareHandler = async (c, next) => {
  c.header('Content-Security-Policy', CSP);
  c.header('X-Content-Type-Options', 'nosniff');
  c.header('X-Frame-Options', 'DENY');
  c.header('Referrer-Policy', 'same-origin');
  c.header('Cross-Origin-Opener-Policy', 'same-origin');
  c.header('Cross-Origin-Resource-Policy', 'same-origin');
  c.header('Cache-Control', 'no-store');
  await next();
};
