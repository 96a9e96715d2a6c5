/** Switches: engaging a stop or a revocation, releasing a stop, and reading what is engaged. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { desc, eq, isNotNull, isNull } from 'drizzle-orm';
import { isScope, type Scope } from '../admission/scope.ts';
import { instantOf } from '../admission/switches.ts';
import type { Control, Stopped } from '../control.ts';
import { harmless } from '../printable.ts';
import { cohorts, switches, testers } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import {
  answers,
  body,
  iso,
  isoOrNull,
  nameFaults,
  noCredential,
  SECURED,
  Time,
  WITHOUT_CREDENTIAL,
} from './answer.ts';
import { cohortUnknown, Problem, testerUnknown } from './problem.ts';

const MEND = 'use "global", "cohort:NAME", "tester:ID", "token:JTI" or "model:NAME"';
const ScopeText = z
  .string()
  .refine(isScope, MEND)
  .refine(noCredential, WITHOUT_CREDENTIAL)
  .openapi({ example: 'cohort:alpha' });
export const Reason = z
  .string()
  .max(500, 'use at most 500 characters')
  .regex(/^[^\p{Cc}]*$/u, 'use one line without control characters');
const Effect = z.enum(['stop', 'revoke']);

export const Switch = z
  .object({
    id: z.number().int(),
    scope: z.string(),
    effect: Effect,
    reason: z.string().nullable(),
    engagedAt: Time,
    engagedBy: z.string(),
    releasedAt: Time.nullable(),
    releasedBy: z.string().nullable(),
    releaseReason: z.string().nullable(),
  })
  .openapi('Switch');

export const StoppedBody = z
  .object({
    id: z
      .number()
      .int()
      .nullable()
      .openapi({ description: 'Null: held in memory only, the store took no write' }),
    scope: z.string(),
    effect: Effect,
    reason: z.string().nullable(),
    requestedAt: Time,
    committedAt: Time,
    durable: z.boolean(),
    nodes: z.array(
      z.object({
        node: z.string(),
        confirmedAt: Time.nullable().openapi({ description: 'Null: it did not answer within 2 s' }),
        callsRefusedInFlight: z.number().int(),
        streamsCut: z.number().int(),
      }),
    ),
  })
  .openapi('Stopped', { description: 'Given when nothing in the scope is dispatched any more' });

const ReleasedBody = z
  .object({ scope: z.string(), ids: z.array(z.number().int()), releasedAt: Time })
  .openapi('Released');

const list = createRoute({
  method: 'get',
  path: '/admin/switches',
  tags: ['switches'],
  security: SECURED,
  request: { query: z.strictObject({ engaged: z.enum(['true', 'false']).optional() }) },
  responses: answers(z.object({ switches: z.array(Switch) }), 'Switches, newest first, at most 1000'),
});

const engage = createRoute({
  method: 'post',
  path: '/admin/switches',
  tags: ['switches'],
  security: SECURED,
  request: {
    body: body(
      z.strictObject({ scope: ScopeText, effect: Effect.default('stop'), reason: Reason.optional() }),
    ),
  },
  responses: answers(StoppedBody, 'The acknowledgement of the stop'),
});

const release = createRoute({
  method: 'post',
  path: '/admin/switches/release',
  tags: ['switches'],
  security: SECURED,
  request: { body: body(z.strictObject({ scope: ScopeText, reason: Reason.optional() })) },
  responses: answers(ReleasedBody, 'The released switches'),
});

export function switchRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => c.json({ switches: readSwitches(control, c.req.valid('query').engaged) }, 200))
    .openapi(engage, async (c) => {
      const { scope, effect, reason = null } = c.req.valid('json');
      checkExists(control, scope);
      return c.json(
        stoppedBody(await control.stop({ scope, effect, reason: reason && harmless(reason) }, c.var.actor)),
        200,
      );
    })
    .openapi(release, async (c) => {
      const { scope, reason = null } = c.req.valid('json');
      const { ids, heldInMemory, releasedAt } = await control.release(scope, reason, c.var.actor);
      if (ids.length + heldInMemory === 0)
        throw new Problem('switch_not_engaged', `No stop of "${scope}" is engaged.`);
      return c.json({ scope, ids: [...ids], releasedAt: iso(releasedAt) }, 200);
    });
}

function readSwitches(control: Control, engaged: 'true' | 'false' | undefined) {
  const state = { true: isNull(switches.releasedAt), false: isNotNull(switches.releasedAt) };
  const rows = control.reader
    .select()
    .from(switches)
    .where(engaged && state[engaged])
    .orderBy(desc(switches.id))
    .limit(1000);
  return rows.all().map(switchBody);
}

export function switchBody(row: typeof switches.$inferSelect) {
  return { ...row, engagedAt: engagedIso(row.engagedAt), releasedAt: releasedIso(row.releasedAt) };
}

/** Rows are written by hand, too; one that says no time counts as engaged since ever. */
export function engagedIso(engagedAt: unknown): string {
  const unixMs = instantOf(engagedAt);
  return iso(Number.isFinite(unixMs) ? unixMs : 0);
}

function releasedIso(releasedAt: unknown): string | null {
  return releasedAt === null ? null : engagedIso(releasedAt);
}

export function stoppedBody(stopped: Stopped) {
  return {
    ...stopped,
    requestedAt: iso(stopped.requestedAt),
    committedAt: iso(stopped.committedAt),
    nodes: stopped.nodes.map((node) => ({ ...node, confirmedAt: isoOrNull(node.confirmedAt) })),
  };
}

/** A stop of nobody must not look like success. When the store cannot tell, the stop goes ahead. */
function checkExists({ reader }: Control, scope: Scope): void {
  const id = scope.slice(scope.indexOf(':') + 1);
  try {
    if (scope.startsWith('cohort:') && !reader.select().from(cohorts).where(eq(cohorts.name, id)).get())
      throw cohortUnknown(id);
    if (scope.startsWith('tester:') && !reader.select().from(testers).where(eq(testers.id, id)).get())
      throw testerUnknown(id);
  } catch (fault) {
    if (fault instanceof Problem) throw fault;
  }
}
