/** Terms: their versions, and who accepted which. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { iso, isoOrNull } from '../iso.ts';
import { acceptancesOf, allTerms, publish, type Terms, termsOf } from '../outputs/terms.ts';
import type { AdminEnv } from './access.ts';
import { answers, body, nameFaults, SECURED, Time } from './answer.ts';
import { Problem } from './problem.ts';
import { sha256Hex } from './sha256.ts';

/** With it the whole request stays within what the admin API reads. */
const MOST_CHARS = 15_000;
const MOST_GRACE_SECONDS = 366 * 86_400;

const Sha256 = z.string().openapi({ description: 'Of the text in UTF-8, lower-case hex' });
const version = z.number().int();

const Version = z
  .object({
    version,
    sha256: Sha256,
    at: Time,
    by: z.string(),
    graceUntil: Time.nullable().openapi({ description: 'Until then an older acceptance lets on' }),
    required: z.boolean().openapi({ description: 'The policy asks for this version' }),
    accepted: z.number().int().openapi({ description: 'Testers who accepted it' }),
  })
  .openapi('TermsVersion');
const Whole = Version.extend({ text: z.string() }).openapi('Terms');

const Acceptance = z
  .object({
    tester: z.string(),
    version,
    sha256: Sha256,
    at: Time,
    address: z.string().nullable(),
    how: z.string().openapi({ description: '`portal` or `api`' }),
  })
  .openapi('Acceptance');

const Path = z.object({ version: z.coerce.number<string>('use the number of a version').int().min(1) });

const list = createRoute({
  method: 'get',
  path: '/admin/terms',
  tags: ['terms'],
  security: SECURED,
  responses: answers(
    z.object({ required: version.nullable(), terms: z.array(Version) }),
    'The version that testers must have accepted, and all there are, the newest first',
  ),
});

const add = createRoute({
  method: 'post',
  path: '/admin/terms',
  tags: ['terms'],
  security: SECURED,
  request: {
    body: body(
      z.strictObject({
        text: z
          .string()
          .min(1, 'write them')
          .max(MOST_CHARS, `use at most ${MOST_CHARS} characters`)
          .refine((text) => text.isWellFormed() && text.trim() !== '', 'use text'),
        graceSeconds: z
          .number()
          .int('use whole seconds')
          .min(0)
          .max(MOST_GRACE_SECONDS, 'use at most a year')
          .default(0)
          .openapi({ description: 'How long whoever accepted an older version may go on' }),
      }),
    ),
  },
  responses: answers(Whole, 'The new version; it is asked for once the policy says so'),
});

const show = createRoute({
  method: 'get',
  path: '/admin/terms/{version}',
  tags: ['terms'],
  security: SECURED,
  request: { params: Path },
  responses: answers(Whole, 'The text of one version'),
});

const acceptances = createRoute({
  method: 'get',
  path: '/admin/terms/{version}/acceptances',
  tags: ['terms'],
  security: SECURED,
  request: {
    params: Path,
    query: z.strictObject({
      after: z.string().optional().openapi({ description: 'The tester to go on behind' }),
      limit: z.coerce.number<string>().int().min(1).max(1000).default(100),
    }),
  },
  responses: answers(
    z.object({ acceptances: z.array(Acceptance), next: z.string().nullable() }),
    'Who accepted this version, by tester',
  ),
});

export function termsRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => {
      const terms = allTerms(control).map((row) => versionBody(control, row));
      return c.json({ required: requiredIn(control), terms }, 200);
    })
    .openapi(add, async (c) => {
      const { text, graceSeconds } = c.req.valid('json');
      const publishing = { text, sha256: await sha256Hex(text), graceMs: graceSeconds * 1000 };
      return c.json(wholeBody(control, await publish(control, publishing, c.var.actor)), 200);
    })
    .openapi(show, (c) => c.json(wholeBody(control, known(control, c.req.valid('param').version)), 200))
    .openapi(acceptances, (c) => {
      const query = c.req.valid('query');
      const { version } = known(control, c.req.valid('param').version);
      const rows = acceptancesOf(control, version, query).map((row) => ({ ...row, at: iso(row.at) }));
      const next = rows.length === query.limit ? (rows.at(-1)?.tester ?? null) : null;
      return c.json({ acceptances: rows, next }, 200);
    });
}

function known(control: Control, version: number): Terms {
  const row = termsOf(control, version);
  if (!row) throw new Problem('terms_unknown', `Terms ${version} were never published.`);
  return row;
}

/** Null: none has to be accepted, or no policy can be read. */
function requiredIn({ policy }: Control): number | null {
  return policy()?.policy.terms || null;
}

function versionBody(control: Control, row: Terms & { accepted: number }) {
  const { version, sha256, at, by, graceUntil, accepted } = row;
  const required = requiredIn(control) === version;
  return { version, sha256, at: iso(at), by, graceUntil: isoOrNull(graceUntil), required, accepted };
}

function wholeBody(control: Control, row: Terms) {
  const accepted = allTerms(control).find(({ version }) => version === row.version)?.accepted ?? 0;
  return { ...versionBody(control, { ...row, accepted }), text: row.text };
}
