/** Objects at upstream: whose each is, and handing them over. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import type { AdminEnv } from './access.ts';
import { answers, body, nameFaults, noCredential, SECURED, Time, WITHOUT_CREDENTIAL } from './answer.ts';
import { giveAll, giveThese, readObject, readObjects } from './object-rows.ts';
import { Limit, Next } from './page.ts';
import { Problem } from './problem.ts';
import { Reason } from './switch-shapes.ts';

const Id = z
  .string()
  .regex(/^[\x21-\x7e]{1,256}$/, 'use the id that upstream gave')
  .refine(noCredential, WITHOUT_CREDENTIAL);

const KnownObject = z
  .object({
    id: z.string(),
    tester: z.string().openapi({ description: 'Whose it is' }),
    kind: z.string().openapi({ description: '"videos", "files", …; "entered" when an operator entered it' }),
    request: z.string().nullable().openapi({ description: 'The call that made it, in the request log' }),
    at: Time,
    seconds: z.number().nullable(),
    deletedAt: Time.nullable(),
  })
  .openapi('KnownObject');

const Tester = z.string().min(1, 'name the tester');
const Give = z
  .strictObject({
    to: Tester,
    ids: z.array(Id).min(1).max(1000).optional(),
    from: Tester.optional().openapi({ description: 'All objects of this tester' }),
    reason: Reason.optional(),
  })
  .refine(({ ids, from }) => (ids === undefined) !== (from === undefined), 'give one of "ids" and "from"')
  .openapi('Give');
const Given = z
  .object({
    to: z.string(),
    moved: z.number().int().openapi({ description: 'Objects that were known' }),
    entered: z.number().int().openapi({ description: 'Ids that the gate had not seen before' }),
  })
  .openapi('Given');

const list = createRoute({
  method: 'get',
  path: '/admin/objects',
  tags: ['objects'],
  security: SECURED,
  request: {
    query: z.strictObject({
      tester: z.string().optional(),
      kind: z.string().optional(),
      order: z.enum(['id', 'newest']).default('id'),
      after: Id.optional(),
      limit: Limit,
    }),
  },
  responses: answers(
    z.object({ objects: z.array(KnownObject), next: Next }),
    'Objects by id or the newest first, a page',
  ),
});

const show = createRoute({
  method: 'get',
  path: '/admin/objects/{id}',
  tags: ['objects'],
  security: SECURED,
  request: { params: z.object({ id: Id }) },
  responses: answers(KnownObject, 'The object'),
});

const give = createRoute({
  method: 'post',
  path: '/admin/objects/give',
  tags: ['objects'],
  security: SECURED,
  request: { body: body(Give) },
  responses: answers(Given, 'Handed over: from now on they are the other tester’s, and nobody else’s'),
});

export function objectRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => c.json(readObjects(control, c.req.valid('query')), 200))
    .openapi(show, (c) => {
      const { id } = c.req.valid('param');
      const object = readObject(control, id);
      if (!object) throw new Problem('object_unknown', `This gate never handed out "${id}"; it is nobody's.`);
      return c.json(object, 200);
    })
    .openapi(give, async (c) => {
      const { to, ids, from, reason = null } = c.req.valid('json');
      const order = { to, reason, actor: c.var.actor };
      return c.json(await (ids ? giveThese(control, ids, order) : giveAll(control, from ?? '', order)), 200);
    });
}
