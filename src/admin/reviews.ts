/** Review of testers after something went wrong: a state for each, with dated notes. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { desc, eq } from 'drizzle-orm';
import type { Actor, Control } from '../control.ts';
import { iso } from '../iso.ts';
import { harmless } from '../printable.ts';
import { reviews, testers } from '../store/schema.ts';
import { REVIEW_STATES } from '../store/states.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, SECURED, Time } from './answer.ts';
import { testerUnknown } from './problem.ts';
import { Reason } from './switch-shapes.ts';

export const ReviewState = z.enum(REVIEW_STATES);

const Review = z.object({ state: ReviewState, note: z.string(), at: Time, by: z.string() }).openapi('Review');
const Path = z.object({ id: z.string() });
const History = z.object({ tester: z.string(), state: ReviewState, history: z.array(Review) });

const show = createRoute({
  method: 'get',
  path: '/admin/testers/{id}/reviews',
  tags: ['testers'],
  security: SECURED,
  request: { params: Path },
  responses: answers(History.openapi('ReviewHistory'), 'The state of review and its notes, newest first'),
});

const set = createRoute({
  method: 'post',
  path: '/admin/testers/{id}/reviews',
  tags: ['testers'],
  security: SECURED,
  request: {
    params: Path,
    body: body(
      z.strictObject({
        state: ReviewState,
        note: Reason.openapi({ description: 'Why; with "removed" the tester reads it' }),
      }),
    ),
  },
  responses: answers(
    History.openapi('ReviewHistory'),
    'The state now. "removed" also stops the tester and revokes the tokens; no other state frees anybody',
  ),
});

export function reviewRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(show, (c) => c.json(readReviews(control, c.req.valid('param').id), 200))
    .openapi(set, async (c) => {
      const { id } = c.req.valid('param');
      const { state, note } = c.req.valid('json');
      readReviews(control, id);
      await review(control, [id], { state, note }, c.var.actor);
      return c.json(readReviews(control, id), 200);
    });
}

interface Told {
  readonly state: (typeof REVIEW_STATES)[number];
  readonly note: string;
}

/** Whoever is removed is stopped first: a crash in between leaves nobody let in. */
export async function review(
  control: Control,
  ids: readonly string[],
  { state, note }: Told,
  actor: Actor,
): Promise<void> {
  if (state === 'removed')
    await Promise.all(
      ids.map((id) =>
        control.stop({ scope: `tester:${id}`, effect: 'stop', reason: note, revokeTokens: true }, actor),
      ),
    );
  const at = control.now();
  await control.write(() => {
    for (const tester of ids) {
      const row = { tester, state, note: harmless(note), at, by: actor.operator };
      control.writer.insert(reviews).values(row).run();
      control.writer.update(testers).set({ review: state }).where(eq(testers.id, tester)).run();
      recordAct(control, actor, 'tester.review', `tester:${tester}`, `${state}: ${note}`);
    }
  });
}

function readReviews({ reader }: Control, id: string) {
  const row = reader.select().from(testers).where(eq(testers.id, id)).get();
  if (!row) throw testerUnknown(id);
  const history = reader
    .select()
    .from(reviews)
    .where(eq(reviews.tester, id))
    .orderBy(desc(reviews.id))
    .limit(1000)
    .all()
    .map(({ state, note, at, by }) => ({ state, note, at: iso(at), by }));
  return { tester: id, state: row.review, history };
}
