/** Who the credential belongs to. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { AdminEnv } from './access.ts';
import { answers, SECURED } from './answer.ts';

const Me = z
  .object({ operator: z.string(), role: z.enum(['operator', 'auditor', 'reviewer', 'admin']) })
  .openapi('Me');

const me = createRoute({
  method: 'get',
  path: '/admin/me',
  tags: ['me'],
  security: SECURED,
  responses: answers(Me, 'The operator behind the credential'),
});

export function meRoutes() {
  return new OpenAPIHono<AdminEnv>().openapi(me, (c) =>
    c.json({ operator: c.var.actor.operator, role: c.var.role }, 200),
  );
}
