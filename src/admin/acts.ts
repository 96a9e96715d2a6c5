/** What operators did: written in the transaction of the act itself, read newest first. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { desc } from 'drizzle-orm';
import type { Actor, Control } from '../control.ts';
import { insertAct } from '../log/acts.ts';
import { acts } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { answers, iso, nameFaults, SECURED, Time } from './answer.ts';

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

const Query = z.strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(100) });

const list = createRoute({
  method: 'get',
  path: '/admin/acts',
  tags: ['acts'],
  security: SECURED,
  request: { query: Query },
  responses: answers(z.object({ acts: z.array(Act) }), 'Acts, newest first'),
});

export function actRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(list, (c) => {
    const { limit } = c.req.valid('query');
    const rows = control.reader.select().from(acts).orderBy(desc(acts.id)).limit(limit).all();
    return c.json({ acts: rows.map((row) => ({ ...row, at: iso(row.at) })) }, 200);
  });
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
