/** The way of one call, step by step: which step decided, by which rule, and when; and what the log's tree says of its row. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import type { RefusalCode } from '../refusal.ts';
import type { AdminEnv } from './access.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { Problem } from './problem.ts';
import { recordQuery } from './query-acts.ts';
import { readRequest } from './request-rows.ts';

const STEPS = ['guard', 'authenticate', 'describe', 'judge', 'admit', 'forward', 'stream'] as const;
type Step = (typeof STEPS)[number];

/** Where each refusal is decided. */
const DECIDED_BY: Readonly<Record<RefusalCode, Step>> = {
  ...{ invalid_request: 'guard', path_not_canonical: 'guard', body_not_expected: 'guard' },
  ...{ headers_too_large: 'guard', address_limited: 'guard', token_missing: 'authenticate' },
  ...{ token_invalid: 'authenticate', token_expired: 'authenticate', insufficient_scope: 'authenticate' },
  ...{ issuer_unavailable: 'authenticate', body_malformed: 'describe', body_ambiguous: 'describe' },
  ...{ route_unknown: 'describe', method_not_allowed: 'describe', body_timeout: 'describe' },
  ...{ body_too_large: 'describe', media_type_unsupported: 'describe', upgrade_required: 'describe' },
  ...{ operation_not_allowed: 'judge', model_not_allowed: 'judge', seconds_over_cap: 'judge' },
  ...{ size_over_cap: 'judge', parameter_unreadable: 'judge', cohort_unknown: 'judge' },
  ...{ not_at_this_time: 'judge', rule_broken: 'judge', moderation_flagged: 'judge' },
  ...{ policy_unavailable: 'judge', moderation_unavailable: 'judge' },
  ...{ access_ended: 'authenticate', link_invalid: 'authenticate', form_expired: 'authenticate' },
  ...{ storage_full: 'admit', link_unknown: 'authenticate', terms_required: 'admit', output_held: 'admit' },
  ...{ output_unmarked: 'admit', marking_failed: 'stream' },
  ...{ token_revoked: 'admit', tester_unknown: 'admit', programme_stopped: 'admit' },
  ...{ access_suspended: 'admit', object_unknown: 'admit', rate_limited: 'admit', quota_exceeded: 'admit' },
  ...{
    concurrency_limited: 'admit',
    store_unavailable: 'admit',
    authority_unreachable: 'admit',
    gateway_busy: 'forward',
  },
  ...{ gateway_fault: 'forward', upstream_unreachable: 'forward', upstream_timeout: 'forward' },
  ...{ upstream_refused_us: 'forward', upstream_error: 'stream', upstream_answer_refused: 'forward' },
};

const ms = z.number();
const Way = z
  .object({
    steps: z.array(
      z.object({
        step: z.enum(STEPS),
        state: z.enum(['passed', 'refused', 'ended', 'open', 'not-reached']),
      }),
    ),
    rule: z.string().nullable().openapi({ description: 'What decided' }),
    spans: z
      .array(z.object({ name: z.enum(['first-byte', 'answer', 'refused']), fromMs: ms, toMs: ms }))
      .openapi({ description: 'From the arrival: until the first byte of the answer, and the answer' }),
    log: z
      .object({
        size: z.number().int().openapi({ description: 'Entries under the signed checkpoint' }),
        at: Time.openapi({ description: 'When that was signed' }),
        entries: z.array(
          z.object({
            index: z.number().int(),
            unchanged: z.boolean().openapi({ description: 'The row says what it said when it was written' }),
            included: z
              .boolean()
              .openapi({ description: 'Its proof leads to the root that the checkpoint signs' }),
          }),
        ),
      })
      .nullable()
      .openapi({ description: 'Null: no checkpoint signs it yet' }),
  })
  .openapi('Way');

const show = createRoute({
  method: 'get',
  path: '/admin/requests/{id}/way',
  tags: ['requests'],
  security: SECURED,
  request: { params: z.object({ id: z.guid('use the id of a request') }) },
  responses: answers(Way, 'The way of the call'),
});

export function wayRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(show, async (c) => {
    const { id } = c.req.valid('param');
    await recordQuery(control, c.var.actor, { request: id });
    const row = readRequest(control, id);
    if (!row) throw new Problem('request_unknown', `The log has no request "${id}".`);
    const checked = await control.log.check(id);
    const log = checked && { ...checked, at: iso(checked.at), entries: [...checked.entries] };
    return c.json({ steps: stepsOf(row), rule: row.rule, spans: spansOf(row), log }, 200);
  });
}

type Row = NonNullable<ReturnType<typeof readRequest>>;

function stepsOf({ decision, outcome }: Row) {
  const refusedAt = decision === 'refused' ? (DECIDED_BY[outcome as RefusalCode] ?? 'guard') : null;
  const last = STEPS.indexOf(refusedAt ?? 'stream');
  return STEPS.map((step, i) => {
    if (i < last) return { step, state: 'passed' as const };
    if (i > last) return { step, state: 'not-reached' as const };
    if (refusedAt) return { step, state: 'refused' as const };
    return { step, state: outcome === null ? ('open' as const) : ('ended' as const) };
  });
}

function spansOf({ decision, firstByteMs, durationMs }: Row) {
  if (durationMs === null) return [];
  if (decision === 'refused') return [{ name: 'refused' as const, fromMs: 0, toMs: durationMs }];
  const first = firstByteMs ?? durationMs;
  const waited = { name: 'first-byte' as const, fromMs: 0, toMs: first };
  return firstByteMs === null
    ? [waited]
    : [waited, { name: 'answer' as const, fromMs: first, toMs: durationMs }];
}
