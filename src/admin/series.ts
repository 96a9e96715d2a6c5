/** What charts are made of: the last hour by minutes, and the last day of some testers by hours. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import { MOST_MINUTES, openAtEnds } from '../log/series.ts';
import type { AdminEnv } from './access.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';

const count = z.number().int();
const HOUR_MS = 3_600_000;
const MOST_TESTERS = 200;

const series = createRoute({
  method: 'get',
  path: '/admin/series',
  tags: ['status'],
  security: SECURED,
  request: {
    query: z.strictObject({ minutes: z.coerce.number<string>().int().min(1).max(MOST_MINUTES).default(60) }),
  },
  responses: answers(
    z.object({
      minutes: z
        .array(
          z.object({
            at: Time,
            calls: count,
            refusals: z.record(z.string(), count).openapi({ description: 'By code' }),
            open: count.openapi({
              description: 'At the end of the minute, of the calls that began in the time that is shown',
            }),
            units: z.object({
              videoSeconds: z.number(),
              images: z.number(),
              tokens: z.number(),
              bytes: z.number(),
            }),
          }),
        )
        .openapi({ description: 'The oldest first; the last is not over' }),
    }),
    'Calls, refusals, open calls and units of the last minutes',
  ),
});

const use = createRoute({
  method: 'get',
  path: '/admin/series/testers',
  tags: ['status'],
  security: SECURED,
  request: {
    query: z.strictObject({
      ids: z
        .string()
        .min(1)
        .max(30_000)
        .openapi({ description: `Up to ${MOST_TESTERS} ids with commas between` }),
      hours: z.coerce.number<string>().int().min(1).max(168).default(24),
    }),
  },
  responses: answers(
    z.object({
      since: Time,
      use: z.array(z.object({ tester: z.string(), calls: z.array(count) })),
    }),
    'Calls of each tester in each hour, the oldest first. Hours are shared out evenly where the index is coarser than they are',
  ),
});

export function seriesRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(series, async (c) => {
      const minutes = await control.log.series.minutes(control.now(), c.req.valid('query').minutes);
      const open = openAtEnds(minutes);
      const body = minutes.map(({ at, calls, refusals, units }, i) => {
        return { at: iso(at), calls, refusals: { ...refusals }, units: { ...units }, open: open[i] ?? 0 };
      });
      return c.json({ minutes: body }, 200);
    })
    .openapi(use, async (c) => {
      const { ids, hours } = c.req.valid('query');
      const testers = [...new Set(ids.split(','))].slice(0, MOST_TESTERS);
      const now = control.now();
      const since = now - (now % HOUR_MS) - (hours - 1) * HOUR_MS;
      const calls = await control.log.find.use(testers, since, HOUR_MS, hours);
      const body = testers.map((tester) => ({ tester, calls: (calls.get(tester) ?? []).map(Math.round) }));
      return c.json({ since: iso(since), use: body }, 200);
    });
}
