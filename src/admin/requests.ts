/** The request log over HTTP: read only. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import type { AdminEnv } from './access.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { isInstant } from './instant.ts';
import { Problem } from './problem.ts';
import { recordQuery } from './query-acts.ts';
import { readRequest, readRequests } from './request-rows.ts';

const text = z.string().nullable();
const integer = z.number().int().nullable();

const units = z.record(z.string(), z.number()).nullable();

export const LoggedRequest = z
  .object({
    id: z.string().openapi({ description: 'UUIDv7: in order of time' }),
    at: Time,
    tester: text,
    cohort: text,
    token: text.openapi({ description: 'The jti' }),
    clientId: text,
    clientRequestId: text,
    method: z.string(),
    path: z.string(),
    operation: text,
    model: text,
    seconds: z.number().nullable(),
    size: text,
    n: integer,
    address: text,
    agent: text,
    decision: z.enum(['allowed', 'refused']),
    rule: text,
    outcome: text.openapi({ description: 'Null while the call is open' }),
    detail: text,
    status: integer,
    upstreamStatus: integer,
    upstreamRequestId: text,
    firstByteMs: z.number().nullable(),
    durationMs: z.number().nullable(),
    bytesIn: z.number().int(),
    bytesOut: z.number().int(),
    objects: z.array(z.string()).openapi({ description: 'Ids that the call named or made' }),
    outputHash: text.openapi({ description: 'SHA-256 of the output, where it is a file' }),
    reserved: units.openapi({ description: 'Units set aside' }),
    used: units.openapi({ description: 'Units used' }),
    policy: integer.openapi({ description: 'The version of the policy that judged it' }),
    shadow: z.array(z.string()).openapi({ description: 'Rules in shadow that would have refused it' }),
    brokenRules: z
      .array(z.object({ name: z.string(), message: z.string() }))
      .openapi({ description: 'The rules that a refused call broke, as its tester was told' }),
    repeats: z.number().int(),
  })
  .openapi('LoggedRequest');

const Instant = z
  .string()
  .refine(isInstant, 'use ISO 8601 (2026-05-04 or 2026-05-04T10:00:00Z) or how long ago (15m, 2h, 7d)')
  .openapi({ example: '15m' });
const Id = z.guid('use the id of a request');

export const FILTERS = {
  tester: z.string().optional(),
  cohort: z.string().optional(),
  token: z.string().optional().openapi({ description: 'The jti' }),
  operation: z.string().optional(),
  model: z.string().optional(),
  outcome: z
    .string()
    .optional()
    .openapi({ description: 'A refusal\'s code, or how it ended; "open" for calls that have not' }),
  status: z.coerce.number<string>('use an HTTP status').int().min(100).max(599).optional(),
  decision: z.enum(['allowed', 'refused']).optional(),
  rule: z.string().optional().openapi({ description: 'What decided: `switch:7`, `limit:minute`, …' }),
  address: z.string().optional(),
  shadow: z.string().optional().openapi({ description: 'A rule in shadow that would have refused it' }),
  object: z
    .string()
    .optional()
    .openapi({ description: 'The id of a video, file, … that the call named or made' }),
  output: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'use a SHA-256 in lower-case hex')
    .optional()
    .openapi({ description: 'SHA-256 of an output: who was given this clip?' }),
  since: Instant.optional(),
  until: Instant.optional(),
};

const Query = z.strictObject({
  ...FILTERS,
  before: Id.optional(),
  after: Id.optional().openapi({ description: 'Turns the order: oldest first' }),
  limit: z.coerce.number<string>().int().min(1).max(1000).default(100),
});

const list = createRoute({
  method: 'get',
  path: '/admin/requests',
  tags: ['requests'],
  security: SECURED,
  request: { query: Query },
  responses: answers(
    z.object({
      requests: z.array(LoggedRequest),
      next: text.openapi({ description: 'The cursor of the next page; null when this one is not full' }),
    }),
    'Requests, newest first; oldest first with `after`',
  ),
});

const show = createRoute({
  method: 'get',
  path: '/admin/requests/{id}',
  tags: ['requests'],
  security: SECURED,
  request: { params: z.object({ id: Id }) },
  responses: answers(LoggedRequest, 'The request'),
});

export function requestRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, async (c) => {
      const query = c.req.valid('query');
      await recordQuery(control, c.var.actor, query);
      const rows = readRequests(control, query);
      const next = rows.length === query.limit ? (rows.at(-1)?.id ?? null) : null;
      return c.json({ requests: rows, next }, 200);
    })
    .openapi(show, async (c) => {
      const { id } = c.req.valid('param');
      await recordQuery(control, c.var.actor, { request: id });
      const row = readRequest(control, id);
      if (!row) throw new Problem('request_unknown', `The log has no request "${id}".`);
      return c.json(row, 200);
    });
}
