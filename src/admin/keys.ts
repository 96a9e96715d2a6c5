/** Our own signing keys: listing, rotating, withdrawing. Their secret halves never come here. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { isoOrNull } from '../iso.ts';
import type { AdminEnv } from './access.ts';
import { answers, body, nameFaults, SECURED, Time } from './answer.ts';

const MAX_OVERLAP_SECONDS = 3_660 * 86_400;

const Key = z
  .object({
    kid: z.string(),
    state: z.enum(['signing', 'verifying']),
    createdAt: Time.nullable(),
    verifiesUntil: Time.nullable().openapi({ description: 'Null for the signing key' }),
  })
  .openapi('Key');

const Keys = z.object({ keys: z.array(Key) }).openapi('Keys');

const Rotation = z.strictObject({
  overlapSeconds: z
    .number()
    .int('use whole seconds')
    .min(0, 'use 0 to withdraw the older keys at once')
    .max(MAX_OVERLAP_SECONDS, 'use at most 3660 days')
    .optional()
    .openapi({
      description:
        'How long the older keys go on verifying at most; left out: until the last token that was issued so far has expired',
    }),
});

const list = createRoute({
  method: 'get',
  path: '/admin/keys',
  tags: ['keys'],
  security: SECURED,
  responses: answers(Keys, 'The keys in force, the signing one first'),
});

const rotate = createRoute({
  method: 'post',
  path: '/admin/keys/rotate',
  tags: ['keys'],
  security: SECURED,
  request: { body: { ...body(Rotation), required: false } },
  responses: answers(Keys, 'The keys in force from now on, the new one first'),
});

const withdraw = createRoute({
  method: 'post',
  path: '/admin/keys/{kid}/withdraw',
  tags: ['keys'],
  security: SECURED,
  request: { params: z.object({ kid: z.string() }) },
  responses: answers(
    Keys,
    'The keys that are left: no token that the withdrawn one signed is taken any more',
  ),
});

export function keyRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => c.json(keysOf(control), 200))
    .openapi(rotate, async (c) => {
      const { overlapSeconds } = c.req.valid('json');
      await control.rotateKeys(overlapSeconds === undefined ? null : overlapSeconds * 1000, c.var.actor);
      return c.json(keysOf(control), 200);
    })
    .openapi(withdraw, async (c) => {
      await control.withdrawKey(c.req.valid('param').kid, c.var.actor);
      return c.json(keysOf(control), 200);
    });
}

function keysOf(control: Control) {
  const keys = control.keys().map(({ kid, state, createdAt, verifiesUntil }) => {
    return { kid, state, createdAt: isoOrNull(createdAt), verifiesUntil: isoOrNull(verifiesUntil) };
  });
  return { keys };
}
