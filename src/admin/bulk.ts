/** Acts on many testers at once: asked first whom they touch, and done only if that is still so. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, asc, eq, inArray, ne, notInArray } from 'drizzle-orm';
import type { Actor, Control } from '../control.ts';
import { DRILL } from '../gateway/drill.ts';
import { testers } from '../store/schema.ts';
import { turn } from '../turn.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, SECURED } from './answer.ts';
import { csvLine } from './csv.ts';
import { Problem } from './problem.ts';
import { ReviewState, review } from './reviews.ts';
import { sha256Hex } from './sha256.ts';
import { Reason } from './switch-shapes.ts';

const MOST = 10_000;
/** Each token is a commit of its own. */
const MOST_TOKENS = 1_000;
const AT_ONCE = 100;

const Ids = z.array(z.string().min(1)).max(MOST, `use at most ${MOST} ids`);
const Filter = z
  .strictObject({
    cohort: z.string().optional(),
    review: ReviewState.optional(),
    ids: Ids.optional(),
    except: Ids.optional().openapi({ description: 'Whom to leave out' }),
  })
  .refine(
    ({ cohort, review: state, ids }) => cohort !== undefined || state !== undefined || ids !== undefined,
    'say whom: give "cohort", "review" or "ids"',
  );
const Digest = z.string().regex(/^[0-9a-f]{64}$/, 'use the "digest" of the dry run');

const Touched = z
  .object({
    count: z.number().int(),
    testers: z.array(z.string()),
    digest: z.string().openapi({ description: 'Of exactly these testers: the real run asks for it' }),
    done: z.boolean(),
  })
  .openapi('Touched');

const bulk = createRoute({
  method: 'post',
  path: '/admin/testers/bulk',
  tags: ['testers'],
  security: SECURED,
  request: {
    body: body(
      z
        .strictObject({
          filter: Filter,
          act: z.enum(['suspend', 'resume', 'revoke', 'review']),
          state: ReviewState.optional().openapi({ description: 'With "review"' }),
          reason: Reason,
          dryRun: z.boolean().default(false),
          digest: Digest.optional(),
        })
        .refine(({ act, state }) => (act === 'review') === (state !== undefined), {
          path: ['state'],
          message: 'give it with "review", and only then',
        }),
    ),
  },
  responses: answers(Touched, 'Whom it touched, or with dryRun would touch'),
});

const reissue = createRoute({
  method: 'post',
  path: '/admin/testers/reissue',
  tags: ['testers'],
  security: SECURED,
  request: {
    body: body(
      z.strictObject({
        filter: Filter,
        reason: Reason,
        lifetimeDays: z.number().positive().max(3650).optional(),
        dryRun: z.boolean().default(false),
        digest: Digest.optional(),
      }),
    ),
  },
  responses: answers(
    Touched.extend({ csv: z.string().nullable() }).openapi('Reissued'),
    'New tokens as CSV (tester, cohort, name, email, token, expires), this once. Tokens of before stay as they are',
  ),
});

export function bulkRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(bulk, async (c) => {
      const { filter, act, state, reason, dryRun, digest } = c.req.valid('json');
      const chosen = await choose(control, filter, MOST);
      if (dryRun) return c.json({ ...told(chosen), done: false }, 200);
      checkSame(chosen, digest);
      const ids = chosen.rows.map(({ id }) => id);
      for (let i = 0; i < ids.length; i += AT_ONCE) {
        await doAct(control, ids.slice(i, i + AT_ONCE), { act, state, reason }, c.var.actor);
        await turn();
      }
      await record(control, c.var.actor, `tester.${act}`, filter, ids.length, reason);
      return c.json({ ...told(chosen), done: true }, 200);
    })
    .openapi(reissue, async (c) => {
      const { filter, reason, lifetimeDays = null, dryRun, digest } = c.req.valid('json');
      const chosen = await choose(control, filter, MOST_TOKENS);
      if (dryRun) return c.json({ ...told(chosen), done: false, csv: null }, 200);
      checkSame(chosen, digest);
      const lines = [csvLine(['tester', 'cohort', 'name', 'email', 'token', 'expires'])];
      for (const { id, cohort, name, email } of chosen.rows) {
        const { token, expiresAt } = await control.issueToken(id, lifetimeDays, c.var.actor);
        lines.push(csvLine([id, cohort, name, email, token, expiresAt]));
      }
      await record(control, c.var.actor, 'tester.reissue', filter, chosen.rows.length, reason);
      return c.json({ ...told(chosen), done: true, csv: lines.join('') }, 200);
    });
}

type Row = typeof testers.$inferSelect;
interface Chosen {
  readonly rows: readonly Row[];
  readonly digest: string;
}

async function choose(control: Control, filter: z.output<typeof Filter>, most: number): Promise<Chosen> {
  const { cohort, review: state, ids, except = [] } = filter;
  const rows = control.reader
    .select()
    .from(testers)
    .where(
      and(
        ne(testers.id, DRILL),
        cohort === undefined ? undefined : eq(testers.cohort, cohort),
        state && eq(testers.review, state),
        ids && inArray(testers.id, ids),
        except.length > 0 ? notInArray(testers.id, except) : undefined,
      ),
    )
    .orderBy(asc(testers.id))
    .limit(most + 1)
    .all();
  checkKnown(control, [...(ids ?? []), ...except]);
  if (rows.length > most)
    throw new Problem('request_invalid', `filter: it touches more than ${most} testers; narrow it.`);
  return { rows, digest: await sha256Hex(rows.map(({ id }) => id).join('\n')) };
}

/** A misspelt exception must not be passed over. */
function checkKnown({ reader }: Control, ids: readonly string[]): void {
  const known = reader.$client.prepare<[string]>('select 1 from testers where id = ?');
  const unknown = ids.filter((id) => known.get(id) === undefined);
  if (unknown.length > 0)
    throw new Problem(
      'tester_unknown',
      `There is no tester ${unknown
        .slice(0, 5)
        .map((id) => `"${id}"`)
        .join(', ')}.`,
    );
}

function checkSame({ digest }: Chosen, asked: string | undefined): void {
  if (asked === undefined)
    throw new Problem(
      'request_invalid',
      'digest: ask with "dryRun": true first, and send the digest that it gives.',
    );
  if (asked !== digest)
    throw new Problem(
      'selection_changed',
      'Other testers are touched now than in the dry run; ask once more.',
    );
}

interface Told {
  readonly act: 'suspend' | 'resume' | 'revoke' | 'review';
  readonly state: z.output<typeof ReviewState> | undefined;
  readonly reason: string;
}

async function doAct(control: Control, ids: readonly string[], told: Told, actor: Actor): Promise<void> {
  const { act, state, reason } = told;
  if (act === 'review') return review(control, ids, { state: state ?? 'none', note: reason }, actor);
  // Together: they share a commit.
  await Promise.all(
    ids.map((id): Promise<unknown> => {
      const scope = `tester:${id}` as const;
      if (act === 'resume') return control.release(scope, reason, actor);
      return control.stop({ scope, effect: act === 'revoke' ? 'revoke' : 'stop', reason }, actor);
    }),
  );
}

function record(control: Control, actor: Actor, act: string, filter: object, count: number, reason: string) {
  const subject = `${count} testers: ${JSON.stringify(filter)}`.slice(0, 1_000);
  return control.write(() => recordAct(control, actor, `${act}.bulk`, subject, reason));
}

function told({ rows, digest }: Chosen) {
  return { count: rows.length, testers: rows.map(({ id }) => id), digest };
}
