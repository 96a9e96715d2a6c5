/** What the configuration says, to look at: the file rules, and is changed in the file. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { ROUTES } from '../gateway/routes.ts';
import { type CohortPolicy, matches } from '../policy/policy.ts';
import { Grant } from '../policy/schema.ts';
import type { AdminEnv } from './access.ts';
import { answers, SECURED } from './answer.ts';

const { capture, limits, quotas, sharedQuotas } = Grant.shape;
const Rules = z
  .object({
    ...{ capture, limits, quotas, sharedQuotas },
    allow: z.array(z.object({ operations: z.array(z.string()), models: z.array(z.string()).optional() })),
    caps: z.object({ seconds: z.number().optional(), size: z.string().optional() }),
    rules: z.array(z.object({ name: z.string(), message: z.string(), enforced: z.boolean() })),
  })
  .openapi('CohortRules');
const days = z.number().nullable();

const Settings = z
  .object({
    policy: z
      .number()
      .int()
      .nullable()
      .openapi({ description: 'Version in force; null: none, and nothing is allowed' }),
    cohorts: z
      .record(z.string(), Rules)
      .openapi({ description: 'Of the policy in force; "*" stands for every cohort that is not named' }),
    upstream: z.string().nullable().openapi({ description: 'Origin of the model API; null: the demo' }),
    publicUrl: z.string().nullable(),
    issuers: z.array(z.string()),
    routes: z.array(
      z.object({ operation: z.string(), method: z.string(), path: z.string(), offered: z.boolean() }),
    ),
    tokens: z.object({ lifetimeDays: z.number(), maxLifetimeDays: z.number() }),
    retention: z
      .object({ keepDays: days, keepRows: days, keepTextDays: days })
      .openapi({ description: 'Null: kept without end' }),
    checkpoints: z.object({
      seconds: z.number(),
      file: z.string().nullable(),
      hook: z.string().nullable().openapi({ description: 'Its origin' }),
    }),
    drills: z.object({ everyHours: z.number(), required: z.boolean() }),
  })
  .openapi('Settings');

const show = createRoute({
  method: 'get',
  path: '/admin/settings',
  tags: ['status'],
  security: SECURED,
  responses: answers(Settings, 'What the configuration says, without its secrets'),
});

export function settingRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>().openapi(show, (c) => c.json(settingsBody(control), 200));
}

function settingsBody({ settings: { log, operationsOff, ...rest }, policy }: Control) {
  const inForce = policy();
  const named = (inForce?.policy.cohorts ?? []).flatMap((name) => {
    const rules = inForce?.policy.cohort(name);
    return rules ? [[name, rulesBody(rules)] as const] : [];
  });
  const { keepDays = null, keepRows = null, keepTextDays = null } = log;
  const { checkpointSeconds: seconds, checkpointFile: file = null, checkpointHook: hook = null } = log;
  return {
    ...rest,
    policy: inForce?.version ?? null,
    cohorts: Object.fromEntries(named),
    issuers: [...rest.issuers],
    tokens: { ...rest.tokens },
    routes: ROUTES.map(({ operation, method, path }) => {
      return { operation, method, path, offered: !operationsOff.some((one) => matches(one, operation)) };
    }),
    retention: { keepDays, keepRows, keepTextDays },
    checkpoints: { seconds, file, hook },
  };
}

function rulesBody({ allow, caps = {}, capture, limits, quotas, sharedQuotas, rules }: CohortPolicy) {
  return {
    ...{ caps: { ...caps }, capture, limits, quotas, sharedQuotas },
    allow: allow.map(({ operations, models }) => ({
      operations: [...operations],
      ...(models ? { models: [...models] } : {}),
    })),
    rules: rules.map(({ name, message, enforced }) => ({ name, message, enforced })),
  };
}
