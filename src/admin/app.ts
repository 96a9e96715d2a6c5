/** The admin API, all of it under `/admin`, for the control listener only. */
import { OpenAPIHono } from '@hono/zod-openapi';
import manifest from '../../package.json' with { type: 'json' };
import type { Control } from '../control.ts';
import { type AdminEnv, access } from './access.ts';
import { actRoutes } from './acts.ts';
import { alertRoutes } from './alerts.ts';
import { bulkRoutes } from './bulk.ts';
import { cohortRoutes } from './cohorts.ts';
import { type ApiDocument, DOCS_CSP, DOCS_CSS, docsPage } from './docs-page.ts';
import { drillRoutes } from './drills.ts';
import { guard } from './guard.ts';
import { idempotent } from './idempotency.ts';
import { importRoutes } from './import.ts';
import { keyRoutes } from './keys.ts';
import { logRoutes } from './log.ts';
import { meRoutes } from './me.ts';
import { metricRoutes } from './metrics.ts';
import { objectRoutes } from './objects.ts';
import { answerFault } from './problem.ts';
import { questionRoutes } from './questions.ts';
import { readBody } from './read-body.ts';
import { requestRoutes } from './requests.ts';
import { reviewRoutes } from './reviews.ts';
import { standingRoutes } from './standing.ts';
import { statusRoutes } from './status.ts';
import { switchRoutes } from './switches.ts';
import { testerRoutes } from './testers.ts';
import { tokenRoutes } from './tokens.ts';

const BODY_LIMIT_BYTES = 64 * 1024;
/** Lists of testers: 10,000 of them have room. */
const LARGE = { paths: ['/admin/testers/import', '/admin/testers/bulk'], limitBytes: 4 * 1024 * 1024 };

export interface AdminOptions {
  /** Names the control listener is reached by, beyond IP addresses and localhost. */
  readonly allowedHosts?: readonly string[];
  /** Hears of every fault that is ours. */
  readonly onFault?: (fault: unknown) => void;
}

/** The type of the typed client. */
export type AdminApi = ReturnType<typeof routesOf>;

export function createAdmin(control: Control, options: AdminOptions = {}): OpenAPIHono<AdminEnv> {
  const { allowedHosts = [], onFault = console.error } = options;
  const app = new OpenAPIHono<AdminEnv>();
  app.onError((fault, c) => answerFault(fault, c, onFault));
  app.use('/admin/*', guard(allowedHosts), access(control), readBody(BODY_LIMIT_BYTES, LARGE));
  app.use('/admin/*', idempotent(control));
  routesOf(app, control);
  app.openAPIRegistry.registerComponent('securitySchemes', 'operator', { type: 'http', scheme: 'bearer' });
  const about = {
    openapi: '3.1.0',
    info: { title: 'Portcullis admin API', version: manifest.version },
  };
  app.doc31('/admin/openapi.json', about);
  // Anybody may ask for it: it is made once.
  let page: ReturnType<typeof docsPage> | undefined;
  app.get('/admin/docs', (c) => {
    c.header('Content-Security-Policy', DOCS_CSP);
    page ??= docsPage(app.getOpenAPI31Document(about) as ApiDocument);
    return c.html(page);
  });
  app.get('/admin/docs.css', (c) => c.body(DOCS_CSS, 200, { 'content-type': 'text/css; charset=utf-8' }));
  return app;
}

/** Separate, for its type tells the client every route. */
function routesOf(app: OpenAPIHono<AdminEnv>, control: Control) {
  return app
    .route('/', cohortRoutes(control))
    .route('/', testerRoutes(control))
    .route('/', tokenRoutes(control))
    .route('/', keyRoutes(control))
    .route('/', switchRoutes(control))
    .route('/', standingRoutes(control))
    .route('/', reviewRoutes(control))
    .route('/', bulkRoutes(control))
    .route('/', importRoutes(control))
    .route('/', metricRoutes(control))
    .route('/', drillRoutes(control))
    .route('/', alertRoutes(control))
    .route('/', requestRoutes(control))
    .route('/', objectRoutes(control))
    .route('/', logRoutes(control))
    .route('/', questionRoutes(control))
    .route('/', actRoutes(control))
    .route('/', statusRoutes(control, manifest.version))
    .route('/', meRoutes());
}
