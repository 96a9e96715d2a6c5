/** What operators did: written in the transaction of the act itself, read newest first. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, desc, eq, gte, lt } from 'drizzle-orm';
import type { Actor, Control } from '../control.ts';
import { iso } from '../iso.ts';
import { insertAct } from '../log/acts.ts';
import { acts } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { instantMs, isInstant } from './instant.ts';
import { AfterId, contains, Limit, Next, pageOf } from './page.ts';

const Act = z
  .object({
    id: z.number().int(),
    at: Time,
    operator: z.string(),
    act: z.string(),
    subject: z.string(),
    reason: z.string().nullable(),
    address: z.string().nullable(),
  })
  .openapi('Act');

const Since = z
  .string()
  .refine(isInstant, 'use ISO 8601 with a zone, or how long ago: 15m, 2h, 7d')
  .optional();
const Query = z.strictObject({
  operator: z.string().optional(),
  act: z.string().optional().openapi({ description: '"switch.engage", "tester.update", …' }),
  subject: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .openapi({ description: 'Part of the subject: "tester:ada"' }),
  since: Since,
  until: Since.openapi({ description: 'Not included' }),
  after: AfterId,
  limit: Limit,
});

const list = createRoute({
  method: 'get',
  path: '/admin/acts',
  tags: ['acts'],
  security: SECURED,
  request: { query: Query },
  responses: answers(z.object({ acts: z.array(Act), next: Next }), 'Acts, newest first, a page'),
});

export function actRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(list, (c) =>
    c.json(readActs(control, c.req.valid('query')), 200),
  );
}

function readActs({ reader, now }: Control, query: z.output<typeof Query>) {
  const { operator, act, subject, since, until, after, limit } = query;
  const conditions = [
    operator === undefined ? undefined : eq(acts.operator, operator),
    act === undefined ? undefined : eq(acts.act, act),
    subject === undefined ? undefined : contains([acts.subject], subject),
    since === undefined ? undefined : gte(acts.at, instantMs(since, now())),
    until === undefined ? undefined : lt(acts.at, instantMs(until, now())),
    after === undefined ? undefined : lt(acts.id, after),
  ];
  const rows = reader
    .select()
    .from(acts)
    .where(and(...conditions))
    .orderBy(desc(acts.id))
    .limit(limit + 1)
    .all();
  const { page, next } = pageOf(rows, limit, ({ id }) => id);
  return { acts: page.map(({ leaf, ...row }) => ({ ...row, at: iso(row.at) })), next };
}

/** To be called inside a job of the writer, next to the change it tells of. */
export function recordAct(
  { writer, now }: Control,
  actor: Actor,
  act: string,
  subject: string,
  reason: string | null = null,
): void {
  insertAct(writer, actor, { at: now(), act, subject, reason });
}
