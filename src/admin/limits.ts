/** Limits and quotas: what a tester or a cohort may use, has used, and has left. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, asc, eq, gt, ne } from 'drizzle-orm';
import type { Bound, Bounded } from '../admission/room.ts';
import type { Control } from '../control.ts';
import { DRILL } from '../gateway/drill.ts';
import { isoOrNull } from '../iso.ts';
import { cohorts, testers } from '../store/schema.ts';
import { turn } from '../turn.ts';
import type { AdminEnv } from './access.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { cohortUnknown, testerUnknown } from './problem.ts';

/** Read in one turn: about two milliseconds. */
const TESTERS_A_TURN = 100;

const BoundBody = z
  .object({
    rule: z
      .string()
      .openapi({ description: 'As a refusal names it: "limit:minute", "quota:tester.tokens.day"' }),
    subject: z.string().openapi({ description: '"tester:ID", or "cohort:NAME" for what its testers share' }),
    unit: z.enum(['requests', 'videoSeconds', 'images', 'tokens', 'bytes']),
    span: z.enum(['second', 'minute', 'day', 'total', 'at-once']),
    limit: z.number(),
    used: z.number().openapi({ description: 'What is set aside for calls and jobs that go on included' }),
    left: z.number(),
    resetsAt: Time.nullable().openapi({ description: 'Null: no window runs, or it never ends by itself' }),
    from: z
      .enum(['rules', 'override'])
      .openapi({ description: "The cohort's rules, or the tester's override" }),
  })
  .openapi('Bound');

const Limits = z
  .object({
    bounds: z.array(BoundBody).openapi({
      description: "The tester's own and those that the cohort shares; of cohorts the shared ones",
    }),
    nearest: z.array(BoundBody).openapi({
      description: 'Not for one tester: of the testers that have used most, what is nearest its end',
    }),
  })
  .openapi('Limits');

const Query = z
  .strictObject({
    tester: z.string().optional(),
    cohort: z.string().optional(),
    limit: z.coerce
      .number<string>()
      .int()
      .min(1)
      .max(100)
      .default(10)
      .openapi({ description: 'How many testers are named in "nearest"' }),
  })
  .refine(({ tester, cohort }) => tester === undefined || cohort === undefined, 'give "tester" or "cohort"');

const limits = createRoute({
  method: 'get',
  path: '/admin/limits',
  tags: ['limits'],
  security: SECURED,
  request: { query: Query },
  responses: answers(
    Limits,
    'Limits and quotas with what is used and left: of a tester, a cohort, or all cohorts',
  ),
});

export function limitRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(limits, async (c) => {
    const { tester, cohort, limit } = c.req.valid('query');
    const [bounds, nearest] =
      tester === undefined
        ? [sharedBounds(control, cohort), await nearestBounds(control, cohort, limit)]
        : [boundsOf(control, tester), []];
    return c.json({ bounds: bounds.map(boundBody), nearest: nearest.map(boundBody) }, 200);
  });
}

function boundsOf({ reader, room }: Control, id: string): Bound[] {
  const row = reader.select().from(testers).where(eq(testers.id, id)).get();
  if (!row) throw testerUnknown(id);
  return [...room.ofTester(row), ...room.ofCohort(row.cohort)];
}

function sharedBounds({ reader, room }: Control, cohort: string | undefined): Bound[] {
  const wanted = and(ne(cohorts.name, DRILL), cohort === undefined ? undefined : eq(cohorts.name, cohort));
  const names = reader
    .select({ name: cohorts.name })
    .from(cohorts)
    .where(wanted)
    .orderBy(asc(cohorts.name))
    .all();
  if (cohort !== undefined && names.length === 0) throw cohortUnknown(cohort);
  return names.flatMap(({ name }) => room.ofCohort(name));
}

/** One for each tester, those first that have least left of what they may. */
async function nearestBounds(control: Control, cohort: string | undefined, most: number): Promise<Bound[]> {
  let nearest: Bound[] = [];
  for await (const some of inTurns(control, cohort)) {
    const found = some.flatMap((tester) => {
      const begun = control.room.ofTester(tester).filter(({ used }) => used > 0);
      return byShare(begun).slice(0, 1);
    });
    nearest = byShare([...nearest, ...found]).slice(0, most);
  }
  return nearest;
}

/** Calls go first: thousands of testers are read a few at a time. */
async function* inTurns({ reader }: Control, cohort: string | undefined): AsyncGenerator<Bounded[]> {
  const inCohort = cohort === undefined ? ne(testers.id, DRILL) : eq(testers.cohort, cohort);
  for (let after = ''; ; ) {
    const rows = reader
      .select({ id: testers.id, cohort: testers.cohort, limits: testers.limits, quotas: testers.quotas })
      .from(testers)
      .where(and(inCohort, gt(testers.id, after)))
      .orderBy(asc(testers.id))
      .limit(TESTERS_A_TURN)
      .all();
    yield rows;
    const last = rows.at(-1);
    if (!last || rows.length < TESTERS_A_TURN) return;
    after = last.id;
    await turn();
  }
}

function byShare(bounds: readonly Bound[]): Bound[] {
  const share = ({ used, limit }: Bound) => (limit === 0 ? 1 : used / limit);
  return bounds.toSorted((a, b) => share(b) - share(a));
}

function boundBody({ resetsAt, ...bound }: Bound) {
  return { ...bound, resetsAt: isoOrNull(resetsAt) };
}
