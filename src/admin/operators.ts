/** Operators: who may act on the gate, and in which role. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { eq } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import { makeSecret } from '../secret.ts';
import { operators, signInLinks } from '../store/schema.ts';
import { ROLES } from '../store/states.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, noCredential, SECURED, Time, WITHOUT_CREDENTIAL } from './answer.ts';
import { hashSecret } from './credential.ts';
import { addOperator, changeRole, operatorUnknown, readOperators, remove, signOut } from './operator-rows.ts';
import { Reason } from './switch-shapes.ts';

const HOUR_MS = 3_600_000;

export const RoleText = z.enum(ROLES);

const Operator = z
  .object({
    name: z.string(),
    role: RoleText,
    outside: z
      .boolean()
      .openapi({ description: 'Signs in through the OpenID provider, which says the role' }),
    createdAt: Time,
    removedAt: Time.nullable(),
    passkeys: z.number().int(),
    tokens: z.number().int().openapi({ description: 'Credentials that are good now' }),
    sessions: z.number().int().openapi({ description: 'Browsers that are signed in now' }),
  })
  .openapi('Operator');

const Name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/, 'use 1 to 64 letters, digits and . _ @ + -')
  .refine(noCredential, WITHOUT_CREDENTIAL);
const Path = z.object({ name: z.string() });
const Why = z.strictObject({ reason: Reason });

const list = createRoute({
  method: 'get',
  path: '/admin/operators',
  tags: ['operators'],
  security: SECURED,
  responses: answers(z.object({ operators: z.array(Operator) }), 'Operators, those too who were removed'),
});

const add = createRoute({
  method: 'post',
  path: '/admin/operators',
  tags: ['operators'],
  security: SECURED,
  request: { body: body(z.strictObject({ name: Name, role: RoleText })) },
  responses: answers(Operator, 'Added; a link lets them sign in'),
});

const change = createRoute({
  method: 'patch',
  path: '/admin/operators/{name}',
  tags: ['operators'],
  security: SECURED,
  request: { params: Path, body: body(z.strictObject({ role: RoleText, reason: Reason })) },
  responses: answers(Operator, 'The role holds from the next request on'),
});

const link = createRoute({
  method: 'post',
  path: '/admin/operators/{name}/links',
  tags: ['operators'],
  security: SECURED,
  request: {
    params: Path,
    body: body(z.strictObject({ hours: z.number().positive().max(72, 'use at most 72 hours').default(1) })),
  },
  responses: answers(
    z
      .object({
        link: z.string().openapi({ description: 'Good once; shown here and never again' }),
        path: z.string().openapi({ description: 'Of the console, with the link in its fragment' }),
        expiresAt: Time,
      })
      .openapi('SignInLink'),
    'A one-time link to sign in with',
  ),
});

const signOutRoute = createRoute({
  method: 'post',
  path: '/admin/operators/{name}/sign-out',
  tags: ['operators'],
  security: SECURED,
  request: { params: Path, body: body(Why) },
  responses: answers(
    z
      .object({ sessions: z.number(), tokens: z.number(), passkeys: z.number() })
      .openapi('SignedOut', { description: 'How many were ended' }),
    'Every session, credential, passkey and link of the operator is ended',
  ),
});

const removeRoute = createRoute({
  method: 'post',
  path: '/admin/operators/{name}/remove',
  tags: ['operators'],
  security: SECURED,
  request: { params: Path, body: body(Why) },
  responses: answers(Operator, 'Removed for good, with all that they could sign in with'),
});

export function operatorRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => c.json({ operators: readOperators(control) }, 200))
    .openapi(add, async (c) => c.json(await addOperator(control, c.req.valid('json'), c.var.actor), 200))
    .openapi(change, async (c) => {
      const { name } = c.req.valid('param');
      const { role, reason } = c.req.valid('json');
      return c.json(await changeRole(control, name, { role, reason }, c.var.actor), 200);
    })
    .openapi(link, async (c) => {
      const { name } = c.req.valid('param');
      const expiresAt = control.now() + c.req.valid('json').hours * HOUR_MS;
      const made = await makeLink(control, name, expiresAt, c.var.actor);
      return c.json({ link: made, path: `/console/sign-in#${made}`, expiresAt: iso(expiresAt) }, 200);
    })
    .openapi(signOutRoute, async (c) => {
      const { name } = c.req.valid('param');
      return c.json(await signOut(control, name, c.req.valid('json').reason, c.var.actor), 200);
    })
    .openapi(removeRoute, async (c) => {
      const { name } = c.req.valid('param');
      return c.json(await remove(control, name, c.req.valid('json').reason, c.var.actor), 200);
    });
}

/** @param expiresAt Unix milliseconds @returns the link: shown once @throws Problem `operator_unknown` */
export async function makeLink(
  control: Control,
  operator: string,
  expiresAt: number,
  actor: AdminEnv['Variables']['actor'],
): Promise<string> {
  const made = makeSecret('pcl_');
  const row = { hash: await hashSecret(made), operator, by: actor.operator, expiresAt };
  const isMade = await control.write(() => {
    const known = control.writer.select().from(operators).where(eq(operators.name, operator)).get();
    if (!known || known.removedAt !== null || known.subject !== null) return false;
    control.writer.insert(signInLinks).values(row).run();
    recordAct(control, actor, 'operator.link', `operator:${operator}`);
    return true;
  });
  if (!isMade) throw operatorUnknown(operator);
  return made;
}
