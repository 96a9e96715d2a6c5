/** What testers say: feedback on calls and outputs, and appeals against stops and reviews. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, asc, desc, eq, gt, lt } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import { appeals, feedback } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { LINE_FORMATS, sendLines } from './lines.ts';
import { AfterId, Limit, Next, pageOf } from './page.ts';

const id = z.number().int();

const Feedback = z
  .object({
    id,
    tester: z.string(),
    at: Time,
    rating: z.number().int().openapi({ description: '1 to 5' }),
    text: z.string(),
    request: z.string().nullable().openapi({ description: 'The call that it is about' }),
    object: z.string().nullable().openapi({ description: 'The output that it is about' }),
  })
  .openapi('Feedback');
const Appeal = z.object({ id, tester: z.string(), at: Time, text: z.string() }).openapi('Appeal');

export const Page = z.strictObject({ tester: z.string().optional(), after: AfterId, limit: Limit });

const list = createRoute({
  method: 'get',
  path: '/admin/feedback',
  tags: ['feedback'],
  security: SECURED,
  request: { query: Page },
  responses: answers(z.object({ feedback: z.array(Feedback), next: Next }), 'Feedback, newest first'),
});

const exported = createRoute({
  method: 'get',
  path: '/admin/feedback/export',
  tags: ['feedback'],
  security: SECURED,
  request: { query: z.strictObject({ format: z.enum(LINE_FORMATS).default('jsonl') }) },
  responses: answers(
    z.string(),
    'All feedback, the oldest first; what a spreadsheet would run begins with an apostrophe',
  ),
});

const listAppeals = createRoute({
  method: 'get',
  path: '/admin/appeals',
  tags: ['feedback'],
  security: SECURED,
  request: { query: Page },
  responses: answers(z.object({ appeals: z.array(Appeal), next: Next }), 'Appeals, newest first'),
});

const ROWS_AT_ONCE = 500;
const COLUMNS = ['id', 'tester', 'at', 'rating', 'text', 'request', 'object'];

export function feedbackRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => c.json(readFeedback(control, c.req.valid('query')), 200))
    .openapi(exported, async (c) => {
      const { format } = c.req.valid('query');
      await control.write(() => recordAct(control, c.var.actor, 'feedback.export', 'everything', format));
      return sendLines(c, format, COLUMNS, allFeedback(control)) as never;
    })
    .openapi(listAppeals, (c) => c.json(readAppeals(control, c.req.valid('query')), 200));
}

/** Newest first. */
function readFeedback({ reader }: Control, { tester, after, limit }: z.output<typeof Page>) {
  const where = and(
    tester === undefined ? undefined : eq(feedback.tester, tester),
    after === undefined ? undefined : lt(feedback.id, after),
  );
  const rows = reader.select().from(feedback).where(where).orderBy(desc(feedback.id));
  const { page, next } = pageOf(rows.limit(limit + 1).all(), limit, ({ id: last }) => last);
  return { feedback: page.map(dated), next };
}

/** Newest first. */
function readAppeals({ reader }: Control, { tester, after, limit }: z.output<typeof Page>) {
  const where = and(
    tester === undefined ? undefined : eq(appeals.tester, tester),
    after === undefined ? undefined : lt(appeals.id, after),
  );
  const rows = reader.select().from(appeals).where(where).orderBy(desc(appeals.id));
  const { page, next } = pageOf(rows.limit(limit + 1).all(), limit, ({ id: last }) => last);
  return { appeals: page.map(dated), next };
}

function* allFeedback({ reader }: Control) {
  for (let after = 0; ; ) {
    const rows = reader
      .select()
      .from(feedback)
      .where(gt(feedback.id, after))
      .orderBy(asc(feedback.id))
      .limit(ROWS_AT_ONCE)
      .all();
    yield rows.map(dated);
    const last = rows.at(-1);
    if (!last || rows.length < ROWS_AT_ONCE) return;
    after = last.id;
  }
}

function dated<Row extends { readonly at: number }>(row: Row): Omit<Row, 'at'> & { at: string } {
  return { ...row, at: iso(row.at) };
}
