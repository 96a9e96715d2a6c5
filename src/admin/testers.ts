/** Testers: the people who may call, each in one cohort. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { Quotas } from '../policy/schema.ts';
import { REVIEW_STATES } from '../store/states.ts';
import type { AdminEnv } from './access.ts';
import { answers, body, nameFaults, noCredential, SECURED, Time, WITHOUT_CREDENTIAL } from './answer.ts';
import { Limit, Next } from './page.ts';
import { Reason, Switch } from './switch-shapes.ts';
import { readTesters } from './tester-list.ts';
import { createTester, forgetTester, readTester, updateTester } from './tester-rows.ts';

const ID = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;

const TesterId = z
  .string()
  .regex(ID, 'use 1 to 128 letters, digits, ".", "_", "@" or "-", a letter or digit first')
  .refine(noCredential, WITHOUT_CREDENTIAL);
const Line = z
  .string()
  .trim()
  .min(1, 'leave it out, or give at least one character')
  .max(200)
  .regex(/^\P{Cc}*$/u, 'use one line without control characters')
  .refine(noCredential, WITHOUT_CREDENTIAL);
const Bound = z.number().int().min(1, 'use a whole number from 1 up, or leave it out');
const Limits = z.strictObject({
  requestsPerSecond: Bound.optional(),
  requestsPerMinute: Bound.optional(),
  requestsPerDay: Bound.optional(),
  concurrent: Bound.optional(),
});

const Tester = z
  .object({
    id: z.string(),
    cohort: z.string(),
    review: z.enum(REVIEW_STATES),
    name: z.string().nullable(),
    email: z.string().nullable(),
    limits: Limits.nullable().openapi({ description: "Overrides of the cohort's limits" }),
    quotas: Quotas.nullable().openapi({ description: "Overrides of the cohort's quotas for one tester" }),
    createdAt: Time,
  })
  .openapi('Tester');

const TesterDetail = Tester.extend({
  tokens: z.number().int().openapi({ description: 'Access tokens issued so far' }),
  lastCallAt: Time.nullable(),
  usage: z.array(z.object({ unit: z.string(), today: z.number(), total: z.number() })).openapi({
    description: 'Units used, what is set aside for calls and jobs that have not ended included',
  }),
  switches: z.array(Switch).openapi({ description: 'Engaged switches that touch this tester' }),
}).openapi('TesterDetail');

const Cohort = z.string().min(1, 'name the cohort');
export const NewTester = z.strictObject({
  id: TesterId,
  cohort: Cohort,
  name: Line.optional(),
  email: z.email('use an e-mail address').optional(),
  limits: Limits.optional(),
  quotas: Quotas.optional(),
});
const Changes = z
  .strictObject({
    cohort: Cohort.optional(),
    name: Line.nullable().optional(),
    email: z.email('use an e-mail address, or null for none').nullable().optional(),
    limits: Limits.nullable().optional(),
    quotas: Quotas.nullable().optional(),
    reason: Reason.optional().openapi({ description: 'For the record; needed with limits and quotas' }),
  })
  .refine(
    ({ reason, ...changes }) => Object.keys(changes).length > 0,
    'give at least one of name, email, cohort, limits, quotas',
  )
  .refine(({ limits, quotas, reason }) => (limits === undefined && quotas === undefined) || reason, {
    path: ['reason'],
    message: 'say why: it is needed with limits and quotas',
  });

const ListedTester = Tester.extend({
  validTokens: z.number().int().openapi({ description: 'Access tokens of ours that are in force' }),
  lastUsedAt: Time.nullable().openapi({ description: 'Of the last of them; up to a minute late' }),
  callsToday: z.number().int().openapi({ description: 'Since midnight (UTC), refused ones included' }),
  mayCall: z.boolean().openapi({ description: 'GET /admin/standing says why not' }),
}).openapi('ListedTester');

const Listing = z.strictObject({
  q: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .openapi({ description: 'Part of the id, name, e-mail address or cohort' }),
  cohort: z.string().optional(),
  review: z.enum(REVIEW_STATES).optional(),
  after: z.string().optional(),
  limit: Limit,
});
export type Listing = z.output<typeof Listing>;

const Path = z.object({ id: z.string() });

const list = createRoute({
  method: 'get',
  path: '/admin/testers',
  tags: ['testers'],
  security: SECURED,
  request: { query: Listing },
  responses: answers(z.object({ testers: z.array(ListedTester), next: Next }), 'Testers, by id, a page'),
});

const create = createRoute({
  method: 'post',
  path: '/admin/testers',
  tags: ['testers'],
  security: SECURED,
  request: { body: body(NewTester) },
  responses: answers(Tester, 'The new tester'),
});

const show = createRoute({
  method: 'get',
  path: '/admin/testers/{id}',
  tags: ['testers'],
  security: SECURED,
  request: { params: Path },
  responses: answers(TesterDetail, 'The tester'),
});

const update = createRoute({
  method: 'patch',
  path: '/admin/testers/{id}',
  tags: ['testers'],
  security: SECURED,
  request: { params: Path, body: body(Changes) },
  responses: answers(Tester, 'The tester as it is now'),
});

const forget = createRoute({
  method: 'post',
  path: '/admin/testers/{id}/forget',
  tags: ['testers'],
  security: SECURED,
  request: { params: Path },
  responses: answers(
    z.object({ texts: z.number().int() }),
    "How many kept texts were destroyed: the tester's prompts and bodies. Rows and proofs stay",
  ),
});

export type NewTester = z.output<typeof NewTester>;
export type TesterChanges = z.output<typeof Changes>;

export function testerRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, async (c) => c.json(await readTesters(control, c.req.valid('query')), 200))
    .openapi(create, async (c) => {
      return c.json(await createTester(control, c.req.valid('json'), c.var.actor), 200);
    })
    .openapi(show, (c) => c.json(readTester(control, c.req.valid('param').id), 200))
    .openapi(forget, async (c) => {
      const { id } = c.req.valid('param');
      return c.json({ texts: await forgetTester(control, id, c.var.actor) }, 200);
    })
    .openapi(update, async (c) => {
      const { id } = c.req.valid('param');
      return c.json(await updateTester(control, id, c.req.valid('json'), c.var.actor), 200);
    });
}
