/** Who asks, how they showed it, and what a page of ours needs to act for them. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { iso } from '../iso.ts';
import { ROLES } from '../store/states.ts';
import { type AdminEnv, routesOf } from './access.ts';
import { answers, SECURED, Time } from './answer.ts';
import type { SignIn } from './sign-in.ts';

const Me = z
  .object({
    operator: z.string(),
    role: z.enum(ROLES),
    may: z.array(z.string()).openapi({ description: 'The routes that you may call, as "GET /admin/me"' }),
    via: z.enum(['credential', 'session']),
    csrf: z.string().nullable().openapi({ description: 'For the header X-CSRF-Token, in a session' }),
    session: z
      .object({
        id: z.string(),
        method: z.enum(['link', 'passkey', 'oidc']),
        authenticatedAt: Time,
        expiresAt: Time,
        freshUntil: Time.openapi({ description: 'Until then guarded acts want no other sign-in' }),
      })
      .nullable(),
  })
  .openapi('Me');

const me = createRoute({
  method: 'get',
  path: '/admin/me',
  tags: ['me'],
  security: SECURED,
  responses: answers(Me, 'The operator behind the credential or the session'),
});

/** What a sign-in page offers. */
const Ways = z
  .object({
    oidc: z.object({ label: z.string(), path: z.string() }).nullable(),
  })
  .openapi('SignInWays');

const ways = createRoute({
  method: 'get',
  path: '/admin/sign-in',
  tags: ['sessions'],
  responses: answers(Ways, 'How operators sign in, beside one-time links and passkeys'),
});

export function meRoutes({ freshMs }: SignIn, oidc: { label: string; path: string } | null) {
  return new OpenAPIHono<AdminEnv>()
    .openapi(me, (c) => {
      const { actor, role, shown } = c.var;
      const told = { operator: actor.operator, role, may: routesOf(c.var.roles) };
      return c.json({ ...told, ...showing(shown.session, freshMs) }, 200);
    })
    .openapi(ways, (c) => c.json({ oidc }, 200));
}

function showing(session: AdminEnv['Variables']['shown']['session'], freshMs: number) {
  if (!session) return { via: 'credential' as const, csrf: null, session: null };
  const { id, method, authenticatedAt, expiresAt } = session.row;
  return {
    via: 'session' as const,
    csrf: session.csrf,
    session: {
      ...{ id, method },
      authenticatedAt: iso(authenticatedAt),
      expiresAt: iso(expiresAt),
      freshUntil: iso(authenticatedAt + freshMs),
    },
  };
}
