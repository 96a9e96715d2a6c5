/** Cohorts: the groups that rules are written for. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, asc, count, eq, gt, ne } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { DRILL, isReserved } from '../gateway/drill.ts';
import { iso } from '../iso.ts';
import { cohorts, testers } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, noCredential, SECURED, Time, WITHOUT_CREDENTIAL } from './answer.ts';
import { Limit, Next, pageOf } from './page.ts';
import { Problem } from './problem.ts';

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const CohortName = z
  .string()
  .regex(NAME, 'use 1 to 64 lower-case letters, digits, ".", "_" or "-", a letter or digit first')
  .refine(noCredential, WITHOUT_CREDENTIAL);

const Cohort = z
  .object({
    name: z.string(),
    createdAt: Time,
    testers: z.number().int(),
    hasRules: z
      .boolean()
      .openapi({ description: 'False: the policy says nothing of it, so nothing is allowed' }),
  })
  .openapi('Cohort');

const list = createRoute({
  method: 'get',
  path: '/admin/cohorts',
  tags: ['cohorts'],
  security: SECURED,
  request: { query: z.strictObject({ after: z.string().optional(), limit: Limit }) },
  responses: answers(z.object({ cohorts: z.array(Cohort), next: Next }), 'Cohorts, by name, a page'),
});

const create = createRoute({
  method: 'post',
  path: '/admin/cohorts',
  tags: ['cohorts'],
  security: SECURED,
  request: { body: body(z.strictObject({ name: CohortName })) },
  responses: answers(Cohort, 'The new cohort'),
});

export function cohortRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => c.json(readCohorts(control, c.req.valid('query')), 200))
    .openapi(create, async (c) => {
      const { name } = c.req.valid('json');
      if (isReserved(name)) throw new Problem('request_invalid', `name: "${name}" is the gate's own.`);
      const created = await createCohort(control, name, c.var.actor);
      return c.json(created, 200);
    });
}

function readCohorts(control: Control, { after = '', limit }: { after?: string | undefined; limit: number }) {
  const rows = control.reader
    .select({ name: cohorts.name, createdAt: cohorts.createdAt, testers: count(testers.id) })
    .from(cohorts)
    .leftJoin(testers, eq(testers.cohort, cohorts.name))
    .where(and(ne(cohorts.name, DRILL), gt(cohorts.name, after)))
    .groupBy(cohorts.name)
    .orderBy(asc(cohorts.name))
    .limit(limit + 1)
    .all();
  const { page, next } = pageOf(rows, limit, ({ name }) => name);
  const body = (row: (typeof rows)[number]) => ({
    ...row,
    createdAt: iso(row.createdAt),
    hasRules: hasRules(control, row.name),
  });
  return { cohorts: page.map(body), next };
}

async function createCohort(control: Control, name: string, actor: AdminEnv['Variables']['actor']) {
  const row = await control.write(() => {
    const created = control.writer
      .insert(cohorts)
      .values({ name, createdAt: control.now() })
      .onConflictDoNothing()
      .returning()
      .get();
    if (created) recordAct(control, actor, 'cohort.create', `cohort:${name}`);
    return created;
  });
  if (!row) throw new Problem('cohort_exists', `The cohort "${name}" exists already.`);
  return { name, createdAt: iso(row.createdAt), testers: 0, hasRules: hasRules(control, name) };
}

function hasRules(control: Control, name: string): boolean {
  return control.policy()?.policy.cohort(name) != null;
}
