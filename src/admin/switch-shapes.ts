/** What requests and answers about switches look like. */
import { z } from '@hono/zod-openapi';
import { MOST_NODES } from '../admission/acknowledgement.ts';
import { isScope } from '../admission/scope.ts';
import { noCredential, Time, WITHOUT_CREDENTIAL } from './answer.ts';

const MEND = 'use "global", "cohort:NAME", "tester:ID", "token:JTI" or "model:NAME"';

export const ScopeText = z
  .string()
  .refine(isScope, MEND)
  .refine(noCredential, WITHOUT_CREDENTIAL)
  .openapi({ example: 'cohort:alpha' });

export const Reason = z
  .string()
  .trim()
  .min(1, 'say why, in a few words')
  .max(500, 'use at most 500 characters')
  .regex(/^[^\p{Cc}]*$/u, 'use one line without control characters');

const Effect = z.enum(['stop', 'revoke']);

const Until = z.iso
  .datetime({ offset: true, error: 'use a time such as 2026-01-31T18:00:00Z' })
  .openapi({ description: 'A stop releases itself then; a revocation never does' });

export const Order = z
  .strictObject({
    scope: ScopeText,
    effect: Effect.default('stop'),
    reason: Reason.optional().openapi({ description: 'Shown to testers' }),
    note: Reason.optional().openapi({ description: 'For operators only' }),
    until: Until.optional(),
    revokeTokens: z
      .boolean()
      .optional()
      .openapi({ description: 'End the tokens in the scope too, for good' }),
    cancelUpstream: z.boolean().optional().openapi({
      description: 'Delete running video jobs of the scope at upstream, and hand out nothing made under it',
    }),
  })
  .superRefine(({ effect, reason, note, until, revokeTokens, cancelUpstream }, fault) => {
    const at = (path: string, message: string) => fault.addIssue({ code: 'custom', path: [path], message });
    if (reason === undefined && note === undefined)
      at('reason', 'say why: in "reason", which testers read, or in "note", which operators read');
    if (effect === 'stop') return;
    if (until !== undefined) at('until', 'a revocation is never released; leave it out, or use a stop');
    if (revokeTokens !== undefined) at('revokeTokens', 'it is a revocation already; leave it out');
    if (cancelUpstream !== undefined)
      at('cancelUpstream', 'jobs are cancelled by a stop; use "effect": "stop"');
  });

export const Switch = z
  .object({
    id: z.number().int(),
    scope: z.string(),
    effect: Effect,
    reason: z.string().nullable(),
    note: z.string().nullable(),
    until: Time.nullable(),
    cancelsUpstream: z.boolean(),
    engagedAt: Time,
    engagedBy: z.string(),
    releasedAt: Time.nullable(),
    releasedBy: z.string().nullable(),
    releaseReason: z.string().nullable(),
  })
  .openapi('Switch');

export const SwitchDetail = Switch.extend({
  readmitted: z
    .array(z.object({ scope: z.string(), at: Time, by: z.string(), reason: z.string().nullable() }))
    .openapi({ description: 'Who is let through while it holds for the rest' }),
  jobs: z
    .object({
      waiting: z.number().int(),
      cancelled: z.number().int(),
      failed: z.array(z.object({ object: z.string(), upstreamStatus: z.number().int().nullable() })),
    })
    .openapi({ description: 'Jobs that it cancels at upstream' }),
}).openapi('SwitchDetail');

export const StoppedBody = z
  .object({
    id: z
      .number()
      .int()
      .nullable()
      .openapi({ description: 'Null: held in memory only, the store took no write' }),
    epoch: z.number().int().nullable().openapi({
      description: 'Index of its entry in the log: a later change of any switch has a greater one',
    }),
    scope: z.string(),
    effect: Effect,
    reason: z.string().nullable(),
    note: z.string().nullable(),
    until: Time.nullable(),
    revocation: z
      .number()
      .int()
      .nullable()
      .openapi({ description: 'Id of the revocation that came with it' }),
    jobs: z.number().int().openapi({ description: 'Jobs that are being cancelled at upstream' }),
    requestedAt: Time,
    committedAt: Time,
    durable: z.boolean(),
    nodes: z
      .array(
        z.object({
          node: z.string(),
          confirmedAt: Time.nullable().openapi({ description: 'Null: it did not answer in time' }),
          lapsedAt: Time.nullable().openapi({
            description:
              'When a silent one had lost its lease: it looks at the switches before it lets anything pass',
          }),
          callsRefusedInFlight: z.number().int(),
          streamsCut: z.number().int(),
        }),
      )
      .openapi({
        description: `Who lets calls pass; of more than ${MOST_NODES} the one that answers, and who is silent or cut something`,
      }),
    confirmed: z.number().int().openapi({ description: 'How many confirmed, listed or not' }),
    lapsed: z.number().int().openapi({ description: 'How many did not, and have lost their lease' }),
    cut: z.number().int().openapi({ description: 'Calls in flight and streams together, everywhere' }),
    ms: z.number().int().openapi({ description: 'From the order to the last confirmation' }),
    lastByteMs: z.number().int().nullable().openapi({
      description: 'From the order to the last byte of a stream that it cut; null: none was cut',
    }),
  })
  .openapi('Stopped', { description: 'Given when nothing in the scope is dispatched any more' });

export const Released = z
  .object({ scope: z.string(), ids: z.array(z.number().int()), releasedAt: Time })
  .openapi('Released');

const Narrow = z
  .string()
  .regex(/^(?:cohort|tester):[\x21-\x7e]{1,200}$/, 'use "cohort:NAME" or "tester:ID"')
  .refine(noCredential, WITHOUT_CREDENTIAL);

export const Readmission = z.strictObject({
  scopes: z.array(Narrow).min(1, 'name at least one scope').max(1000, 'use at most 1000 at once'),
  reason: Reason,
});

export const Reach = z
  .object({
    scope: z.string(),
    testers: z.number().int(),
    tokens: z.number().int().openapi({ description: 'Access tokens of theirs that are valid now' }),
    calls: z.number().int().openapi({ description: 'Calls in flight in the process that answers' }),
    streams: z.number().int().openapi({ description: 'Streams open in the process that answers' }),
    jobs: z.number().int().openapi({ description: 'Video jobs that upstream works on' }),
    some: z.array(z.string()).openapi({ description: 'The first 100 testers, by id' }),
    node: z.string(),
  })
  .openapi('Reach');
