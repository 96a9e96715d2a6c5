/** Who may call which route: one table, and a route that is not in it is refused. */
import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Actor, Control } from '../control.ts';
import type { Role } from '../store/states.ts';
import type { Attempts } from './attempts.ts';
import { authenticate, type Shown } from './authenticate.ts';
import { Problem } from './problem.ts';
import { checkCsrf } from './session-cookie.ts';
import { requireFresh, type SignIn } from './sign-in.ts';

export interface AdminEnv {
  Variables: { actor: Actor; role: Role; roles: readonly Role[]; shown: Shown };
}

const ACT: readonly Role[] = ['operator', 'admin'];
const ADMIN: readonly Role[] = ['admin'];
const READ: readonly Role[] = ['operator', 'admin', 'auditor'];
const REVIEW: readonly Role[] = ['operator', 'admin', 'reviewer'];
const ALL: readonly Role[] = ['operator', 'admin', 'auditor', 'reviewer'];

export const ALLOWED: Readonly<Record<string, readonly Role[] | 'anyone'>> = {
  'GET /admin/openapi.json': 'anyone',
  'GET /admin/docs': 'anyone',
  'GET /admin/docs.css': 'anyone',
  'POST /admin/sessions': 'anyone',
  'POST /admin/sessions/passkey/options': 'anyone',
  'POST /admin/sessions/passkey': 'anyone',
  'GET /admin/sign-in': 'anyone',
  'GET /admin/me': ALL,
  'GET /admin/sessions': ALL,
  'DELETE /admin/sessions/current': ALL,
  'DELETE /admin/sessions/:id': ALL,
  'GET /admin/passkeys': ALL,
  'POST /admin/passkeys/options': ALL,
  'POST /admin/passkeys': ALL,
  'DELETE /admin/passkeys/:id': ALL,
  'GET /admin/operator-tokens': ALL,
  'POST /admin/operator-tokens': ALL,
  'DELETE /admin/operator-tokens/:id': ALL,
  'GET /admin/operators': READ,
  'POST /admin/operators': ADMIN,
  'PATCH /admin/operators/:name': ADMIN,
  'POST /admin/operators/:name/links': ADMIN,
  'POST /admin/operators/:name/sign-out': ADMIN,
  'POST /admin/operators/:name/remove': ADMIN,
  'GET /admin/status': ALL,
  'GET /admin/metrics': READ,
  'GET /admin/series': READ,
  'GET /admin/series/testers': READ,
  'GET /admin/events': READ,
  'GET /admin/settings': READ,
  'GET /admin/cohorts': READ,
  'POST /admin/cohorts': ACT,
  'GET /admin/testers': READ,
  'POST /admin/testers': ACT,
  'GET /admin/testers/:id': READ,
  'PATCH /admin/testers/:id': ACT,
  'POST /admin/testers/:id/forget': ACT,
  'POST /admin/testers/:id/portal-link': ACT,
  'GET /admin/testers/:id/reviews': READ,
  'GET /admin/testers/:id/seen': READ,
  'POST /admin/testers/:id/reviews': ACT,
  'POST /admin/testers/bulk': ACT,
  'POST /admin/testers/reissue': ACT,
  'POST /admin/testers/import': ACT,
  'GET /admin/limits': READ,
  'GET /admin/tokens': READ,
  'POST /admin/tokens': ACT,
  'POST /admin/tokens/:jti/renew': ACT,
  'POST /admin/tokens/:jti/revoke': ACT,
  'GET /admin/keys': READ,
  'POST /admin/keys/rotate': ACT,
  'POST /admin/keys/:kid/withdraw': ACT,
  'GET /admin/switches': READ,
  'POST /admin/switches': ACT,
  'GET /admin/switches/reach': READ,
  'GET /admin/switches/:id': READ,
  'POST /admin/switches/:id/readmissions': ACT,
  'GET /admin/standing': READ,
  'GET /admin/policy': READ,
  'POST /admin/policy': ACT,
  'GET /admin/policy/versions': READ,
  'GET /admin/policy/versions/:version': READ,
  'POST /admin/policy/replay': ACT,
  'GET /admin/drills': READ,
  'POST /admin/drills': ACT,
  'GET /admin/alerts': READ,
  'POST /admin/alerts/test': ACT,
  'POST /admin/switches/release': ACT,
  'GET /admin/requests': READ,
  'GET /admin/requests/:id': READ,
  'GET /admin/requests/:id/way': READ,
  'GET /admin/objects': ALL,
  'GET /admin/objects/:id': ALL,
  'GET /admin/objects/:id/content': ALL,
  'POST /admin/objects/give': ACT,
  'GET /admin/terms': ALL,
  'POST /admin/terms': ACT,
  'GET /admin/terms/:version': ALL,
  'GET /admin/terms/:version/acceptances': READ,
  'GET /admin/releases': ALL,
  'GET /admin/releases/:id': ALL,
  'POST /admin/releases/:id/decision': REVIEW,
  'GET /admin/releases/:id/links': ALL,
  'POST /admin/releases/:id/links': REVIEW,
  'POST /admin/links/:id/revoke': REVIEW,
  'POST /admin/trace': REVIEW,
  'GET /admin/trace/codes/:code': REVIEW,
  'GET /admin/feedback': READ,
  'GET /admin/feedback/export': READ,
  'GET /admin/appeals': READ,
  'GET /admin/findings': READ,
  'GET /admin/findings/export': READ,
  'GET /admin/findings/:id': READ,
  'GET /admin/findings/:id/attachments/:attachment': READ,
  'POST /admin/findings/:id/status': ACT,
  'GET /admin/log': READ,
  'GET /admin/log/counts': READ,
  'GET /admin/log/top': READ,
  'GET /admin/log/export': READ,
  'GET /admin/log/text/:request': READ,
  'GET /admin/log/search': READ,
  'GET /admin/log/outputs': READ,
  'GET /admin/log/checkpoint': READ,
  'GET /admin/log/tile/*': READ,
  'GET /admin/log/bundle': READ,
  'GET /admin/log/proof/:request': READ,
  'GET /admin/log/consistency': READ,
  'GET /admin/acts': READ,
};

/**
 * What gives power away, or makes it last: a session that was left open, or a token that was stolen, is not enough. The
 * release of a global stop is such an act too; it is found by its body.
 */
const FRESH: ReadonlySet<string> = new Set([
  'POST /admin/passkeys/options',
  'POST /admin/passkeys',
  'POST /admin/operator-tokens',
  'POST /admin/operators',
  'PATCH /admin/operators/:name',
  'POST /admin/operators/:name/links',
  'POST /admin/operators/:name/remove',
  'POST /admin/policy',
]);

/** The methods that some route of this path takes. */
export type MethodsOf = (path: string) => readonly string[];

/** Lets a call on only with a known credential whose role is in the table for the route that will answer. */
export function access(
  control: Control,
  signIn: SignIn,
  attempts: Attempts,
  methodsOf: MethodsOf,
): MiddlewareHandler<AdminEnv> {
  return async (c, next) => {
    const route = routeOf(c);
    const allowed = route ? ALLOWED[route] : undefined;
    if (allowed !== 'anyone') {
      const { actor, role, roles, ...shown } = await authenticate(control, c, signIn, attempts);
      if (!route) throw routeUnknown(c, methodsOf(c.req.path));
      if (!allowed || !roles.every((one) => allowed.includes(one)))
        throw new Problem('role_forbidden', `The role "${role}" may not call ${route}.`);
      if (shown.session && !isSafe(c.req.method))
        await checkCsrf(c.req.header('x-csrf-token'), shown.session.csrf);
      c.set('actor', actor);
      c.set('role', role);
      c.set('roles', roles);
      c.set('shown', shown);
      if (FRESH.has(route)) requireFresh(control, c, signIn);
    }
    await next();
  };
}

function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** Every route that whoever has these roles may call: an operator's, and that of the token. */
export function routesOf(asked: readonly Role[]): string[] {
  return Object.entries(ALLOWED)
    .filter(([, roles]) => roles === 'anyone' || asked.every((role) => roles.includes(role)))
    .map(([route]) => route);
}

/** A known path says which methods it takes (RFC 9110, 15.5.6). */
function routeUnknown(c: Context, known: readonly string[]): Problem {
  if (known.length === 0) return new Problem('route_unknown', 'GET /admin/openapi.json lists the routes.');
  const allowed = known.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
  c.header('Allow', allowed);
  return new Problem('method_not_allowed', `It takes ${allowed}; GET /admin/openapi.json lists the routes.`);
}

/** The registered route that will answer, middleware left out. */
export function routeOf(c: Context): string | undefined {
  const answering = matchedRoutes(c).findLast(({ method }) => method !== 'ALL');
  return answering && `${answering.method} ${answering.path}`;
}
