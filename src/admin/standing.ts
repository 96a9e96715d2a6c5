/** Who may call now, who may not, and why. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import type { AdminEnv } from './access.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { Limit, Next } from './page.ts';
import { readStanding } from './standing-rows.ts';

const count = z.number().int();

const Why = z.object({
  because: z.enum(['switch', 'no-token', 'no-rules']),
  switch: count.nullable(),
  scope: z.string().nullable(),
  reason: z.string().nullable(),
});

const Standing = z
  .object({
    now: Time,
    may: count,
    mayNot: count,
    testers: z.array(
      z.object({
        tester: z.string(),
        cohort: z.string(),
        may: z.boolean(),
        why: z.array(Why).openapi({ description: 'All that stands in the way; empty: nothing' }),
        readmittedThrough: z
          .array(count)
          .openapi({ description: 'Engaged stops that let this tester through' }),
      }),
    ),
    next: Next,
  })
  .openapi('Standing');

const Query = z.strictObject({
  cohort: z.string().optional(),
  may: z.enum(['true', 'false']).optional(),
  after: z.string().optional().openapi({ description: 'Id of the last tester of the page before' }),
  limit: Limit,
});

const standing = createRoute({
  method: 'get',
  path: '/admin/standing',
  tags: ['testers'],
  security: SECURED,
  request: { query: Query },
  responses: answers(Standing, 'Who may call now, who may not, and why'),
});

export function standingRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(standing, (c) =>
    c.json(readStanding(control, c.req.valid('query')), 200),
  );
}
