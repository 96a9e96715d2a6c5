/** Who may call which route: one table, and a route that is not in it is refused. */
import { eq } from 'drizzle-orm';
import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Actor, Control } from '../control.ts';
import { operators } from '../store/schema.ts';
import { hashCredential, isCredential } from './credential.ts';
import { Problem } from './problem.ts';

export type Role = (typeof operators.$inferSelect)['role'];

export interface AdminEnv {
  Variables: { actor: Actor; role: Role };
}

const ACT: readonly Role[] = ['operator', 'admin'];
const READ: readonly Role[] = ['operator', 'admin', 'auditor'];
const ALL: readonly Role[] = ['operator', 'admin', 'auditor', 'reviewer'];

const ALLOWED: Readonly<Record<string, readonly Role[] | 'anyone'>> = {
  'GET /admin/openapi.json': 'anyone',
  'GET /admin/docs': 'anyone',
  'GET /admin/docs.css': 'anyone',
  'GET /admin/me': ALL,
  'GET /admin/status': ALL,
  'GET /admin/metrics': READ,
  'GET /admin/cohorts': READ,
  'POST /admin/cohorts': ACT,
  'GET /admin/testers': READ,
  'POST /admin/testers': ACT,
  'GET /admin/testers/:id': READ,
  'PATCH /admin/testers/:id': ACT,
  'POST /admin/testers/:id/forget': ACT,
  'GET /admin/testers/:id/reviews': READ,
  'POST /admin/testers/:id/reviews': ACT,
  'POST /admin/testers/bulk': ACT,
  'POST /admin/testers/reissue': ACT,
  'POST /admin/testers/import': ACT,
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
  'GET /admin/drills': READ,
  'POST /admin/drills': ACT,
  'GET /admin/alerts': READ,
  'POST /admin/alerts/test': ACT,
  'POST /admin/switches/release': ACT,
  'GET /admin/requests': READ,
  'GET /admin/requests/:id': READ,
  'GET /admin/objects': READ,
  'GET /admin/objects/:id': READ,
  'POST /admin/objects/give': ACT,
  'GET /admin/log': READ,
  'GET /admin/log/counts': READ,
  'GET /admin/log/top': READ,
  'GET /admin/log/export': READ,
  'GET /admin/log/text/:request': READ,
  'GET /admin/log/search': READ,
  'GET /admin/log/checkpoint': READ,
  'GET /admin/log/tile/*': READ,
  'GET /admin/log/bundle': READ,
  'GET /admin/log/proof/:request': READ,
  'GET /admin/log/consistency': READ,
  'GET /admin/acts': READ,
};

/** Lets a call on only with a known credential whose role is in the table for the route that will answer. */
export function access(control: Control): MiddlewareHandler<AdminEnv> {
  return async (c, next) => {
    const route = routeOf(c);
    const allowed = route ? ALLOWED[route] : undefined;
    if (allowed !== 'anyone') {
      const operator = await operatorOf(control, c.req.header('authorization'));
      if (!route) throw new Problem('route_unknown', 'GET /admin/openapi.json lists the routes.');
      if (!allowed?.includes(operator.role))
        throw new Problem('role_forbidden', `The role "${operator.role}" may not call ${route}.`);
      c.set('actor', { operator: operator.name, address: peerOf(c.env) });
      c.set('role', operator.role);
    }
    await next();
  };
}

/** The registered route that will answer, middleware left out. */
export function routeOf(c: Context): string | undefined {
  const answering = matchedRoutes(c).findLast(({ method }) => method !== 'ALL');
  return answering && `${answering.method} ${answering.path}`;
}

async function operatorOf(control: Control, authorization: string | undefined) {
  if (authorization === undefined)
    throw new Problem('credential_missing', 'Send the operator credential as "Authorization: Bearer pco_…".');
  const credential = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  // Found by its hash: what a comparison of hashes leaks says nothing about a credential.
  const operator =
    credential !== undefined && isCredential(credential)
      ? findOperator(control, await hashCredential(credential))
      : undefined;
  if (!operator) throw new Problem('credential_invalid', 'No operator has this credential.');
  return operator;
}

function findOperator(control: Control, hash: string) {
  return control.reader.select().from(operators).where(eq(operators.credentialHash, hash)).get();
}

/** The peer of the connection where the runtime tells it, as `@hono/node-server` does. */
function peerOf(env: unknown): string | null {
  const bindings = env as { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
  return bindings?.incoming?.socket?.remoteAddress ?? null;
}
