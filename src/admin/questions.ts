/** Counts over time, the most frequent values, and exports of the request log. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { stream } from 'hono/streaming';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import { contentType, exportRows, FORMATS } from '../log/export.ts';
import { FACET_NAMES } from '../log/facets.ts';
import { turn } from '../turn.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { durationMs } from './instant.ts';
import { Problem } from './problem.ts';
import { recordQuery, subjectOf } from './query-acts.ts';
import { questionOf, readRequest } from './request-rows.ts';
import { FILTERS, LoggedRequest } from './requests.ts';

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

const outputs = createRoute({
  method: 'get',
  path: '/admin/log/outputs',
  tags: ['log'],
  security: SECURED,
  request: {
    query: z.strictObject({
      objects: z.string().min(1).max(20_000).openapi({ description: 'Up to 100 ids with commas between' }),
    }),
  },
  responses: answers(
    z.object({ outputs: z.array(z.object({ object: z.string(), sha256: z.string() })) }),
    'SHA-256 of each output as it was last given out whole; those that never were are left out',
  ),
});

const text = createRoute({
  method: 'get',
  path: '/admin/log/text/{request}',
  tags: ['log'],
  security: SECURED,
  request: { params: z.object({ request: z.guid('use the id of a request') }) },
  responses: answers(
    z.object({
      part: z.string().openapi({ description: '`prompt`, `request` (the whole body), `hash`' }),
      commitment: z
        .string()
        .openapi({ description: 'SHA-256 over the salt and the text, in hex; it stands in the tree' }),
      salt: z.string().nullable(),
      text: z.string().nullable().openapi({ description: 'Null when it was forgotten or not kept' }),
    }),
    "What was kept of the call's text (`cohorts.NAME.capture`)",
  ),
});

const search = createRoute({
  method: 'get',
  path: '/admin/log/search',
  tags: ['log'],
  security: SECURED,
  request: {
    query: z.strictObject({
      words: z.string().min(1).max(500).openapi({ description: 'All of them must be in the prompt' }),
      limit: z.coerce.number<string>().int().min(1).max(1000).default(100),
    }),
  },
  responses: answers(
    z.object({ requests: z.array(LoggedRequest) }),
    'Calls whose kept prompts hold the words, newest first',
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
      const found = await control.log.find.counts(
        questionOf(query, control.now()),
        durationMs(step) ?? 3_600_000,
      );
      const counted = found.slice(-MOST_STEPS).map((one) => ({ ...one, at: iso(one.at) }));
      return c.json({ step, counts: counted }, 200);
    })
    .openapi(top, async (c) => {
      const { by, limit, ...query } = c.req.valid('query');
      await recordQuery(control, c.var.actor, { top: by, ...query });
      return c.json(
        { by, top: await control.log.find.top(questionOf(query, control.now()), by, limit) },
        200,
      );
    })
    .openapi(outputs, async (c) => {
      const ids = [...new Set(c.req.valid('query').objects.split(','))].slice(0, 100);
      await recordQuery(control, c.var.actor, { outputs: ids.join(',') });
      const found = await control.log.find.outputs(ids);
      return c.json({ outputs: [...found].map(([object, sha256]) => ({ object, sha256 })) }, 200);
    })
    .openapi(text, async (c) => {
      const { request } = c.req.valid('param');
      await recordQuery(control, c.var.actor, { text: request });
      const kept = control.log.capture(request);
      if (!kept) throw new Problem('request_unknown', `Of request "${request}" no text was kept.`);
      return c.json(kept, 200);
    })
    .openapi(search, async (c) => {
      const { words, limit } = c.req.valid('query');
      await recordQuery(control, c.var.actor, { words });
      const found = control.log.prompts(words, limit).map((id) => readRequest(control, id));
      return c.json({ requests: found.filter((one) => one !== undefined) }, 200);
    })
    .openapi(exported, async (c) => {
      const { format, ...query } = c.req.valid('query');
      const subject = subjectOf({ format, ...query });
      const parts = exportRows(control.log.find, questionOf(query, control.now()), format);
      await control.write(() => recordAct(control, c.var.actor, 'log.export', subject));
      c.header('Content-Type', contentType(format));
      return stream(c, async (out) => {
        for (const part of parts) {
          if (out.aborted) return;
          await out.write(part as string);
          await turn();
        }
      }) as never;
    });
}
