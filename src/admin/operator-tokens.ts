/** Bearer credentials of operators, for automation: made, listed, ended; each shown once and kept as a hash. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { and, desc, eq, isNull } from 'drizzle-orm';
import { uuidv7 } from 'uuidv7';
import type { Control } from '../control.ts';
import { iso, isoOrNull } from '../iso.ts';
import { makeSecret } from '../secret.ts';
import { operators, operatorTokens } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, noCredential, SECURED, Time } from './answer.ts';
import { hashSecret } from './credential.ts';
import { operatorUnknown } from './operator-rows.ts';
import { RoleText } from './operators.ts';
import { Problem } from './problem.ts';
import { reachOf } from './sessions.ts';

const DAY_MS = 86_400_000;

const OperatorToken = z
  .object({
    id: z.string(),
    operator: z.string(),
    label: z.string(),
    role: RoleText.nullable().openapi({ description: 'Null: that of its operator' }),
    createdAt: Time,
    expiresAt: Time.nullable().openapi({ description: 'Null: never, as that of the data directory' }),
    lastUsedAt: Time.nullable(),
    endedAt: Time.nullable(),
  })
  .openapi('OperatorToken');

const NewOperatorToken = z.strictObject({
  label: z
    .string()
    .min(1, 'say what it is for')
    .max(64, 'use at most 64 characters')
    .refine(noCredential, 'it holds a credential; say what it is for'),
  days: z.number().positive('use more than 0 days').max(366, 'use at most 366 days').default(90),
  role: RoleText.optional().openapi({
    description: 'Narrows what it may; the role of its operator if left out',
  }),
  operator: z.string().optional().openapi({ description: 'Whose it is: for admins only' }),
});

const list = createRoute({
  method: 'get',
  path: '/admin/operator-tokens',
  tags: ['operators'],
  security: SECURED,
  responses: answers(
    z.object({ tokens: z.array(OperatorToken) }),
    'Credentials, newest first, at most 1000: of admins all, of others their own',
  ),
});

const make = createRoute({
  method: 'post',
  path: '/admin/operator-tokens',
  tags: ['operators'],
  security: SECURED,
  request: { body: body(NewOperatorToken) },
  responses: answers(
    z
      .object({ credential: z.string(), id: z.string(), expiresAt: Time })
      .openapi('NewOperatorToken', { description: 'Shown here and never again' }),
    'A credential',
  ),
});

const Path = z.object({ id: z.string() });

const end = createRoute({
  method: 'delete',
  path: '/admin/operator-tokens/{id}',
  tags: ['operators'],
  security: SECURED,
  request: { params: Path },
  responses: answers(Path.openapi('OperatorTokenEnded'), 'Ended: the next request with it is refused'),
});

export function operatorTokenRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => c.json({ tokens: readTokens(control, reachOf(c.var)) }, 200))
    .openapi(make, async (c) => {
      const order = c.req.valid('json');
      const operator = order.operator ?? c.var.actor.operator;
      const reach = reachOf(c.var);
      if (reach !== null && operator !== reach)
        throw new Problem('role_forbidden', 'operator: only admins make credentials for others.');
      return c.json(await makeToken(control, { ...order, operator }, c.var.actor), 200);
    })
    .openapi(end, async (c) => {
      const { id } = c.req.valid('param');
      await endToken(control, c.var, id);
      return c.json({ id }, 200);
    });
}

function readTokens({ reader }: Control, operator: string | null) {
  const rows = reader
    .select()
    .from(operatorTokens)
    .where(operator === null ? undefined : eq(operatorTokens.operator, operator))
    .orderBy(desc(operatorTokens.createdAt))
    .limit(1000)
    .all();
  return rows.map(({ hash: _, createdAt, expiresAt, lastUsedAt, endedAt, ...row }) => ({
    ...row,
    createdAt: iso(createdAt),
    expiresAt: isoOrNull(expiresAt),
    lastUsedAt: isoOrNull(lastUsedAt),
    endedAt: isoOrNull(endedAt),
  }));
}

type Order = z.output<typeof NewOperatorToken> & { readonly operator: string };

async function makeToken(control: Control, { operator, label, days, role }: Order, actor: Asker['actor']) {
  const credential = makeSecret('pco_');
  const createdAt = control.now();
  const expiresAt = createdAt + Math.round(days * DAY_MS);
  const row = { id: uuidv7(), operator, label, role, createdAt, expiresAt };
  const hash = await hashSecret(credential);
  const isMade = await control.write(() => {
    const isKnown = and(eq(operators.name, operator), isNull(operators.removedAt));
    if (!control.writer.select().from(operators).where(isKnown).get()) return false;
    control.writer
      .insert(operatorTokens)
      .values({ ...row, hash })
      .run();
    recordAct(control, actor, 'operator-token.make', `operator:${operator} ${row.id}`, label);
    return true;
  });
  if (!isMade) throw operatorUnknown(operator);
  return { credential, id: row.id, expiresAt: iso(expiresAt) };
}

type Asker = AdminEnv['Variables'];

async function endToken(control: Control, asker: Asker, id: string): Promise<void> {
  const own = reachOf(asker);
  const isIts = and(
    eq(operatorTokens.id, id),
    isNull(operatorTokens.endedAt),
    own === null ? undefined : eq(operatorTokens.operator, own),
  );
  const operator = await control.write(() => {
    const endedAt = control.now();
    const ended = control.writer.update(operatorTokens).set({ endedAt }).where(isIts).returning().get();
    if (ended)
      recordAct(control, asker.actor, 'operator-token.end', `operator:${ended.operator} ${id}`, ended.label);
    return ended?.operator;
  });
  if (operator === undefined)
    throw new Problem('token_unknown', `No credential "${id}" of yours is good now.`);
}
