/** The usage policy over HTTP: what is in force, its versions, a new one, and what a proposed one would change. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { desc, eq, lt } from 'drizzle-orm';
import { stream } from 'hono/streaming';
import type { Control } from '../control.ts';
import { diffOf } from '../control-policy.ts';
import { iso } from '../iso.ts';
import { PolicyError } from '../policy/policy.ts';
import { policies } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, SECURED, Time } from './answer.ts';
import { instantMs, isInstant } from './instant.ts';
import { Problem } from './problem.ts';
import { replay } from './replay.ts';

const MOST_CHARS = 262_144;

const Text = z
  .string()
  .min(1)
  .max(MOST_CHARS, `use at most ${MOST_CHARS} characters`)
  .openapi({ description: 'The policy, in YAML' });

const Version = z
  .object({
    version: z.number().int(),
    at: Time,
    by: z.string(),
    source: z
      .enum(['config', 'api'])
      .openapi({ description: '`config`: taken up from the configuration; `api`: loaded by an operator' }),
    sha256: z.string().openapi({ description: 'Of the text, in hex' }),
    diff: z.string().openapi({ description: 'A unified diff against the version before' }),
  })
  .openapi('PolicyVersion');
const Whole = Version.extend({ text: z.string() }).openapi('Policy');

const show = createRoute({
  method: 'get',
  path: '/admin/policy',
  tags: ['policy'],
  security: SECURED,
  responses: answers(Whole, 'The version in force'),
});

const versions = createRoute({
  method: 'get',
  path: '/admin/policy/versions',
  tags: ['policy'],
  security: SECURED,
  request: {
    query: z.strictObject({
      before: z.coerce.number<string>().int().positive().optional(),
      limit: z.coerce.number<string>().int().min(1).max(100).default(20),
    }),
  },
  responses: answers(z.object({ versions: z.array(Version) }), 'Versions, the newest first'),
});

const one = createRoute({
  method: 'get',
  path: '/admin/policy/versions/{version}',
  tags: ['policy'],
  security: SECURED,
  request: { params: z.object({ version: z.coerce.number<string>().int().positive() }) },
  responses: answers(Whole, 'The version'),
});

const load = createRoute({
  method: 'post',
  path: '/admin/policy',
  tags: ['policy'],
  security: SECURED,
  request: {
    body: body(
      z.strictObject({
        text: Text,
        reason: z.string().min(1).max(500).optional(),
        dryRun: z.boolean().default(false).openapi({ description: 'Check it, and show the diff only' }),
      }),
    ),
  },
  responses: answers(
    z.object({
      version: z.number().int().openapi({ description: 'The version in force now' }),
      changed: z
        .boolean()
        .openapi({ description: 'False: this text is in force already, or it was a dry run' }),
      diff: z.string(),
    }),
    'Calls are judged by it from now on, in every process; a policy with a fault changes nothing',
  ),
});

const replayed = createRoute({
  method: 'post',
  path: '/admin/policy/replay',
  tags: ['policy'],
  security: SECURED,
  request: {
    body: body(
      z.strictObject({
        text: Text,
        since: z.string().refine(isInstant, 'use ISO 8601 or how long ago (7d)').default('7d'),
        until: z.string().refine(isInstant, 'use ISO 8601 or how long ago (1d)').optional(),
      }),
    ),
  },
  responses: answers(
    z.string(),
    'JSON lines: `progress`, each `call` that would be decided otherwise, at the end `done`. Nothing is changed.',
  ),
});

export function policyRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(show, (c) => c.json(whole(newestRow(control)), 200))
    .openapi(versions, (c) => {
      const { before, limit } = c.req.valid('query');
      const rows = control.reader
        .select()
        .from(policies)
        .where(before === undefined ? undefined : lt(policies.id, before))
        .orderBy(desc(policies.id))
        .limit(limit);
      return c.json({ versions: rows.all().map(versionOf) }, 200);
    })
    .openapi(one, (c) => {
      const { version } = c.req.valid('param');
      return c.json(whole(control.reader.select().from(policies).where(eq(policies.id, version)).get()), 200);
    })
    .openapi(load, async (c) => {
      const { text, reason = null, dryRun } = c.req.valid('json');
      if (!dryRun) {
        const order = { text, source: 'api', reason } as const;
        return c.json(await faultless(() => control.loadPolicy(order, c.var.actor)), 200);
      }
      await faultless(() => control.checkPolicy(text));
      const row = newestRow(control);
      const diff = row?.text === text ? '' : diffOf(row, text);
      return c.json({ version: row?.id ?? 0, changed: false, diff }, 200);
    })
    .openapi(replayed, async (c) => {
      const { text, since, until } = c.req.valid('json');
      const policy = await faultless(() => control.checkPolicy(text));
      const now = control.now();
      const span = {
        since: instantMs(since, now),
        until: until === undefined ? null : instantMs(until, now),
      };
      await control.write(() => recordAct(control, c.var.actor, 'policy.replay', `since=${iso(span.since)}`));
      c.header('Content-Type', 'application/jsonl');
      return stream(c, async (out) => {
        for await (const line of replay(control, policy, span)) {
          if (out.aborted) return;
          await out.write(`${JSON.stringify(line)}\n`);
        }
      }) as never;
    });
}

type Row = typeof policies.$inferSelect;

function newestRow({ reader }: Control): Row | undefined {
  return reader.select().from(policies).orderBy(desc(policies.id)).limit(1).get();
}

function versionOf({ id, at, by, source, sha256, diff }: Row) {
  return { version: id, at: iso(at), by, source, sha256, diff };
}

function whole(row: Row | undefined) {
  if (!row) throw new Problem('policy_unknown', 'GET /admin/policy/versions lists the versions.');
  return { ...versionOf(row), text: row.text };
}

/** Faults are told with their places: `7:24` is line 7, column 24. */
async function faultless<T>(act: () => T | Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (fault) {
    if (!(fault instanceof PolicyError)) throw fault;
    const errors = fault.faults.map(({ line, col, message }) => ({ field: `${line}:${col}`, message }));
    throw new Problem('policy_faulty', fault.message, errors);
  }
}
