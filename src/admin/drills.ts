/** Drills: running one, and what became of the earlier ones. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { desc } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { ARMED_STATES, type Armed as ArmedState, type Drill } from '../drills.ts';
import { iso, isoOrNull } from '../iso.ts';
import { drills } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { Problem } from './problem.ts';

const ms = z.number().int().nullable();

const DrillBody = z
  .object({
    id: z.number().int(),
    at: Time,
    by: z.string(),
    node: z.string(),
    outcome: z.enum(['ok', 'failed', 'not-run']),
    streams: z.number().int(),
    commitMs: ms.openapi({ description: 'From the order to its commit' }),
    lastByteMs: ms.openapi({
      description: 'From the order to the last byte that a client got on any stream',
    }),
    firstRefusalMs: ms.openapi({ description: 'From the order to the answer of the first call behind it' }),
    fault: z.string().nullable().openapi({ description: 'What is broken, or why it was not run' }),
  })
  .openapi('Drill');

export const Armed = z
  .object({
    state: z.enum(ARMED_STATES),
    at: Time.nullable(),
    lastByteMs: ms,
    fault: z.string().nullable(),
  })
  .openapi('Armed', { description: 'Whether the last drill showed that a stop works' });

const Query = z.strictObject({ limit: z.coerce.number().int().min(1).max(1000).default(100) });

const list = createRoute({
  method: 'get',
  path: '/admin/drills',
  tags: ['drills'],
  security: SECURED,
  request: { query: Query },
  responses: answers(z.object({ drills: z.array(DrillBody) }), 'Drills, newest first'),
});

const run = createRoute({
  method: 'post',
  path: '/admin/drills',
  tags: ['drills'],
  security: SECURED,
  responses: answers(DrillBody, 'The drill that was run; a failed one is answered 200 too'),
});

export function drillRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => {
      const { limit } = c.req.valid('query');
      const rows = control.reader.select().from(drills).orderBy(desc(drills.id)).limit(limit).all();
      return c.json({ drills: rows.map(drillBody) }, 200);
    })
    .openapi(run, async (c) => {
      if (control.drills.running) throw new Problem('drill_running', 'Wait until it is over.');
      return c.json(drillBody(await control.drills.run(c.var.actor)), 200);
    });
}

function drillBody(row: Drill) {
  return { ...row, at: iso(row.at) };
}

export function armedBody(armed: ArmedState) {
  return { ...armed, at: isoOrNull(armed.at) };
}
