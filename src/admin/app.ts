/** The admin API, all of it under `/admin`, for the control listener only. */
import { OpenAPIHono } from '@hono/zod-openapi';
import manifest from '../../package.json' with { type: 'json' };
import type { Control } from '../control.ts';
import { type AdminEnv, access, type MethodsOf } from './access.ts';
import { actRoutes } from './acts.ts';
import { alertRoutes } from './alerts.ts';
import { type AttemptLimits, type Attempts, attemptLimits } from './attempts.ts';
import { bulkRoutes } from './bulk.ts';
import { cohortRoutes } from './cohorts.ts';
import { contentRoutes } from './content.ts';
import { describeApi } from './description.ts';
import { DOCS_CSP, DOCS_CSS, docsPage } from './docs-page.ts';
import { drillRoutes } from './drills.ts';
import { eventRoutes } from './events.ts';
import { feedbackRoutes } from './feedback.ts';
import { findingRoutes } from './findings.ts';
import { guard, guardHost } from './guard.ts';
import { idempotent } from './idempotency.ts';
import { importRoutes } from './import.ts';
import { keyRoutes } from './keys.ts';
import { limitRoutes } from './limits.ts';
import { linkRoutes } from './links.ts';
import { logRoutes } from './log.ts';
import { meRoutes } from './me.ts';
import { metricRoutes } from './metrics.ts';
import { objectRoutes } from './objects.ts';
import { OIDC_START, type OidcOptions, oidcRoutes } from './oidc.ts';
import { operatorTokenRoutes } from './operator-tokens.ts';
import { operatorRoutes } from './operators.ts';
import { passkeyRoutes } from './passkeys.ts';
import { policyRoutes } from './policy.ts';
import { portalLinkRoutes } from './portal-links.ts';
import { answerFault } from './problem.ts';
import { questionRoutes } from './questions.ts';
import { readBody } from './read-body.ts';
import { releaseRoutes } from './releases.ts';
import { requestRoutes } from './requests.ts';
import { reviewRoutes } from './reviews.ts';
import { seenRoutes } from './seen.ts';
import { seriesRoutes } from './series.ts';
import { sessionRoutes } from './sessions.ts';
import { settingRoutes } from './settings.ts';
import type { SignIn } from './sign-in.ts';
import { standingRoutes } from './standing.ts';
import { statusRoutes } from './status.ts';
import { switchRoutes } from './switches.ts';
import { termsRoutes } from './terms.ts';
import { testerRoutes } from './testers.ts';
import { tokenRoutes } from './tokens.ts';
import { traceRoutes } from './trace.ts';
import { codeRoutes } from './trace-codes.ts';
import { wayRoutes } from './way.ts';

const BODY_LIMIT_BYTES = 64 * 1024;
/** Lists of testers: 10,000 of them have room. Policies. */
const LARGE = {
  paths: ['/admin/testers/import', '/admin/testers/bulk', '/admin/policy', '/admin/policy/replay'],
  limitBytes: 4 * 1024 * 1024,
};

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

export interface AdminOptions {
  /** Names the control listener is reached by, beyond IP addresses and localhost. */
  readonly allowedHosts?: readonly string[];
  readonly signIn?: SignIn;
  readonly attempts?: AttemptLimits;
  /** Null: no outside provider. */
  readonly oidc?: OidcOptions | null;
  /** Hears of every fault that is ours. */
  readonly onFault?: (fault: unknown) => void;
}

const HOUR_MS = 3_600_000;
const SIGN_IN: SignIn = { sessionMs: 12 * HOUR_MS, idleMs: 2 * HOUR_MS, freshMs: HOUR_MS / 6 };
const ATTEMPTS = { signInsPerMinute: 30, failuresPerMinute: 600 };

/** What the routes are made of. */
interface Parts {
  readonly control: Control;
  readonly signIn: SignIn;
  readonly attempts: Attempts;
  readonly oidc: OidcOptions | null;
}

/** The type of the typed client. */
export type AdminApi = ReturnType<typeof routesOf>;

export function createAdmin(control: Control, options: AdminOptions = {}): OpenAPIHono<AdminEnv> {
  const { allowedHosts = [], onFault = console.error, signIn = SIGN_IN, oidc = null } = options;
  const attempts = attemptLimits(options.attempts ?? ATTEMPTS);
  const app = new OpenAPIHono<AdminEnv>();
  app.onError((fault, c) => answerFault(fault, c, onFault));
  app.use(
    '/admin/*',
    guard(allowedHosts),
    access(control, signIn, attempts, methodsIn(app)),
    readBody(BODY_LIMIT_BYTES, LARGE),
  );
  app.use('/admin/*', idempotent(control));
  routesOf(app, { control, signIn, attempts, oidc });
  if (oidc) {
    // The provider sends browsers here from its own pages, so the origin says nothing; state and cookie do.
    app.use('/console/oidc/*', guardHost(allowedHosts));
    app.route('/', oidcRoutes(control, oidc, signIn, attempts));
  }
  app.openAPIRegistry.registerComponent('securitySchemes', 'operator', { type: 'http', scheme: 'bearer' });
  // Anybody may ask for them: they are made once.
  const document = describeApi(app);
  const page = docsPage(document);
  app.get('/admin/openapi.json', (c) => c.json(document));
  app.get('/admin/docs', (c) => {
    c.header('Content-Security-Policy', DOCS_CSP);
    return c.html(page);
  });
  app.get('/admin/docs.css', (c) => c.body(DOCS_CSS, 200, { 'content-type': 'text/css; charset=utf-8' }));
  return app;
}

function methodsIn(app: OpenAPIHono<AdminEnv>): MethodsOf {
  const takes = (method: string, path: string) =>
    app.router.match(method, path)[0].some(([[, route]]) => route.method === method);
  return (path) => METHODS.filter((method) => takes(method, path));
}

/** Separate, for its type tells the client every route. */
function routesOf(app: OpenAPIHono<AdminEnv>, { control, signIn, attempts, oidc }: Parts) {
  return app
    .route('/', cohortRoutes(control))
    .route('/', testerRoutes(control))
    .route('/', limitRoutes(control))
    .route('/', tokenRoutes(control))
    .route('/', keyRoutes(control))
    .route('/', switchRoutes(control, signIn))
    .route('/', standingRoutes(control))
    .route('/', reviewRoutes(control))
    .route('/', bulkRoutes(control))
    .route('/', importRoutes(control))
    .route('/', metricRoutes(control))
    .route('/', policyRoutes(control))
    .route('/', drillRoutes(control))
    .route('/', alertRoutes(control))
    .route('/', requestRoutes(control))
    .route('/', wayRoutes(control))
    .route('/', seenRoutes(control))
    .route('/', seriesRoutes(control))
    .route('/', eventRoutes(control))
    .route('/', settingRoutes(control))
    .route('/', objectRoutes(control))
    .route('/', contentRoutes(control))
    .route('/', termsRoutes(control))
    .route('/', releaseRoutes(control))
    .route('/', linkRoutes(control))
    .route('/', traceRoutes(control))
    .route('/', codeRoutes(control))
    .route('/', portalLinkRoutes(control))
    .route('/', feedbackRoutes(control))
    .route('/', findingRoutes(control))
    .route('/', logRoutes(control))
    .route('/', questionRoutes(control))
    .route('/', actRoutes(control))
    .route('/', statusRoutes(control, manifest.version))
    .route('/', operatorRoutes(control))
    .route('/', operatorTokenRoutes(control))
    .route('/', passkeyRoutes(control, signIn, attempts))
    .route('/', sessionRoutes(control, signIn, attempts))
    .route('/', meRoutes(signIn, oidc && { label: oidc.label, path: OIDC_START }));
}
