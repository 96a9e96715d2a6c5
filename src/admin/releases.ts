/** Releases for reviewers: the queue, one with all that is known of it, and the decision. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { decideRelease, findRelease } from '../outputs/releases.ts';
import { RELEASE_STATES } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { answers, body, nameFaults, SECURED, Time } from './answer.ts';
import { Problem } from './problem.ts';
import { recordHourly } from './query-acts.ts';
import { readRelease, readReleases } from './release-rows.ts';
import { Reason } from './switch-shapes.ts';

export const ReleaseId = z.object({
  id: z.coerce.number<string>('use the number of a release').int().min(1).max(Number.MAX_SAFE_INTEGER),
});
const State = z.enum(RELEASE_STATES);
const number = z.number().int();

const Output = z
  .object({
    variant: z.string(),
    sha256: z.string(),
    bytes: number,
    mediaType: z.string().nullable(),
    at: Time,
    c2pa: z
      .boolean()
      .nullable()
      .openapi({ description: 'Whether a C2PA manifest is in the file; not whether it is valid' }),
  })
  .openapi('Output');

const Release = z
  .object({
    id: number,
    object: z.string(),
    tester: z.string(),
    cohort: z.string().nullable(),
    purpose: z.string(),
    place: z.string().openapi({ description: 'Where it will be shown' }),
    at: Time,
    state: State,
    stateAt: Time,
    approvals: number.openapi({ description: 'People who have approved it' }),
    needed: number.openapi({ description: 'How many different people must' }),
  })
  .openapi('Release');

const Vote = z.object({
  vote: z.enum(['approve', 'reject', 'withdraw']),
  by: z.string(),
  reason: z.string().nullable(),
  at: Time,
});

const Whole = Release.extend({
  model: z.string().nullable(),
  seconds: z.number().nullable(),
  request: z.string().nullable().openapi({ description: 'The call that made it' }),
  prompt: z.string().nullable().openapi({ description: 'Where the cohort’s rules keep it' }),
  outputs: z.array(Output),
  votes: z.array(Vote),
  earlier: z.array(Release).openapi({ description: 'Other releases that were asked for of the same video' }),
}).openapi('WholeRelease');

const Decision = z
  .strictObject({
    decision: z.enum(['approve', 'reject', 'withdraw']),
    reason: Reason.optional().openapi({ description: 'The tester reads it' }),
  })
  .refine(({ decision, reason }) => decision === 'approve' || reason !== undefined, {
    path: ['reason'],
    message: 'say why: the tester reads it',
  })
  .openapi('Decision');

const list = createRoute({
  method: 'get',
  path: '/admin/releases',
  tags: ['releases'],
  security: SECURED,
  request: {
    query: z.strictObject({
      state: State.optional(),
      tester: z.string().optional(),
      object: z.string().optional(),
      after: z.coerce.number<string>().int().min(0).optional(),
      limit: z.coerce.number<string>().int().min(1).max(1000).default(100),
    }),
  },
  responses: answers(
    z.object({ releases: z.array(Release), next: number.nullable() }),
    'Releases, the oldest first; with `state=asked` the queue',
  ),
});

const show = createRoute({
  method: 'get',
  path: '/admin/releases/{id}',
  tags: ['releases'],
  security: SECURED,
  request: { params: ReleaseId },
  responses: answers(Whole, 'The release, and what a reviewer has to know'),
});

const decide = createRoute({
  method: 'post',
  path: '/admin/releases/{id}/decision',
  tags: ['releases'],
  security: SECURED,
  request: { params: ReleaseId, body: body(Decision) },
  responses: answers(
    Release,
    'The release now. Where two people must approve, the first leaves it `asked`; `withdraw` ends its links at once',
  ),
});

export function releaseRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => {
      const query = c.req.valid('query');
      const releases = readReleases(control, query);
      const next = releases.length === query.limit ? (releases.at(-1)?.id ?? null) : null;
      return c.json({ releases, next }, 200);
    })
    .openapi(show, async (c) => {
      const { id } = c.req.valid('param');
      const release = findRelease(control, id);
      if (!release) throw new Problem('release_unknown', `There is no release ${id}.`);
      // It shows the tester's words.
      await recordHourly(control, c.var.actor, 'release.read', `release:${id}`);
      return c.json(readRelease(control, release), 200);
    })
    .openapi(decide, async (c) => {
      const { id } = c.req.valid('param');
      const { decision: vote, reason = null } = c.req.valid('json');
      const { approvals } = control.releasing;
      const release = await decideRelease(control, { id, vote, reason, actor: c.var.actor, approvals });
      const [told] = readReleases(control, { after: release.id - 1, limit: 1 });
      if (!told) throw new Problem('release_unknown', `There is no release ${id}.`);
      return c.json(told, 200);
    });
}
