/** Counts over time, the most frequent values, and exports of the request log. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { stream } from 'hono/streaming';
import type { Control } from '../control.ts';
import { contentType, exportRows, FORMATS } from '../log/export.ts';
import { FACET_NAMES } from '../log/facets.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, iso, nameFaults, SECURED, Time } from './answer.ts';
import { durationMs } from './instant.ts';
import { recordQuery, subjectOf } from './query-acts.ts';
import { questionOf } from './request-rows.ts';
import { FILTERS } from './requests.ts';

const MOST_STEPS = 10_000;
const TOP_COLUMNS = FACET_NAMES.filter((name) => name !== 'object' && name !== 'output');
const calls = z.number().int();

const Step = z
  .string()
  .refine((text) => (durationMs(text) ?? 0) >= 1000, 'use a duration of a second or more: 1m, 1h, 1d')
  .default('1h');

const counts = createRoute({
  method: 'get',
  path: '/admin/log/counts',
  tags: ['log'],
  security: SECURED,
  request: { query: z.strictObject({ ...FILTERS, step: Step }) },
  responses: answers(
    z.object({ step: z.string(), counts: z.array(z.object({ at: Time, calls })) }),
    'Calls in each step of time that has any, the oldest first; steps begin at multiples of their length (UTC)',
  ),
});

const top = createRoute({
  method: 'get',
  path: '/admin/log/top',
  tags: ['log'],
  security: SECURED,
  request: {
    query: z.strictObject({
      ...FILTERS,
      by: z.enum(TOP_COLUMNS),
      limit: z.coerce.number<string>().int().min(1).max(1000).default(10),
    }),
  },
  responses: answers(
    z.object({ by: z.string(), top: z.array(z.object({ value: z.string(), calls })) }),
    'The values that most calls have',
  ),
});

const Export = z.strictObject({ ...FILTERS, format: z.enum(FORMATS).default('jsonl') });
const exported = createRoute({
  method: 'get',
  path: '/admin/log/export',
  tags: ['log'],
  security: SECURED,
  request: { query: Export },
  responses: answers(z.string(), 'Rows, the oldest first, as they are at the moment of the export'),
});

export function questionRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(counts, async (c) => {
      const { step, ...query } = c.req.valid('query');
      await recordQuery(control, c.var.actor, { counts: step, ...query });
      const found = control.log.find.counts(questionOf(query, control.now()), durationMs(step) ?? 3_600_000);
      const counted = found.slice(-MOST_STEPS).map((one) => ({ ...one, at: iso(one.at) }));
      return c.json({ step, counts: counted }, 200);
    })
    .openapi(top, async (c) => {
      const { by, limit, ...query } = c.req.valid('query');
      await recordQuery(control, c.var.actor, { top: by, ...query });
      return c.json({ by, top: control.log.find.top(questionOf(query, control.now()), by, limit) }, 200);
    })
    .openapi(exported, async (c) => {
      const { format, ...query } = c.req.valid('query');
      const subject = subjectOf({ format, ...query });
      await control.write(() => recordAct(control, c.var.actor, 'log.export', subject));
      const asked = questionOf(query, control.now());
      c.header('Content-Type', contentType(format));
      return stream(c, async (out) => {
        for (const part of exportRows(control.log.find, asked, format)) {
          if (out.aborted) return;
          await out.write(part);
        }
      }) as never;
    });
}
