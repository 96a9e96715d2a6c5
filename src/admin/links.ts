/** Share links of released outputs: making, listing, revoking. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { iso, isoOrNull } from '../iso.ts';
import { linksOf, makeLink, revokeLink, type ShareLink } from '../outputs/share-links.ts';
import type { AdminEnv } from './access.ts';
import { answers, body, nameFaults, SECURED, Time } from './answer.ts';
import { Problem } from './problem.ts';
import { ReleaseId } from './releases.ts';

const Link = z
  .object({
    id: z.string(),
    release: z.number().int(),
    object: z.string(),
    url: z.string().openapi({ description: 'Works for whoever has it; a path where no `publicUrl` is set' }),
    at: Time,
    by: z.string(),
    expiresAt: Time,
    revokedAt: Time.nullable(),
    fetches: z
      .number()
      .int()
      .openapi({ description: 'Requests that were let through; a player makes several' }),
    lastAt: Time.nullable(),
  })
  .openapi('ShareLink');

const list = createRoute({
  method: 'get',
  path: '/admin/releases/{id}/links',
  tags: ['releases'],
  security: SECURED,
  request: { params: ReleaseId },
  responses: answers(z.object({ links: z.array(Link) }), 'Its links, the newest first'),
});

const Lifetime = z.strictObject({
  days: z
    .number()
    .positive('use a number of days')
    .max(3_660, 'use at most 3660 days')
    .optional()
    .openapi({ description: 'How long it works; left out: `releases.linkDays`' }),
});

const make = createRoute({
  method: 'post',
  path: '/admin/releases/{id}/links',
  tags: ['releases'],
  security: SECURED,
  request: { params: ReleaseId, body: { ...body(Lifetime), required: false } },
  responses: answers(Link, 'A new link to the released output'),
});

const revoke = createRoute({
  method: 'post',
  path: '/admin/links/{id}/revoke',
  tags: ['releases'],
  security: SECURED,
  request: { params: z.object({ id: z.string().max(64) }) },
  responses: answers(Link, 'The link, which leads nowhere any more'),
});

export function linkRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, async (c) => {
      const links = await linksOf(control, c.req.valid('param').id);
      return c.json({ links: links.map(linkBody) }, 200);
    })
    .openapi(make, async (c) => {
      const { days = null } = c.req.valid('json');
      const order = { release: c.req.valid('param').id, days, actor: c.var.actor };
      return c.json(linkBody(await makeLink(control, order)), 200);
    })
    .openapi(revoke, async (c) => {
      const { id } = c.req.valid('param');
      const link = await revokeLink(control, id, c.var.actor);
      if (!link) throw new Problem('link_unknown', 'There is no such link; use its id, not the link itself.');
      return c.json(linkBody(link), 200);
    });
}

function linkBody({ at, expiresAt, revokedAt, lastAt, ...link }: ShareLink) {
  const ended = { revokedAt: isoOrNull(revokedAt), lastAt: isoOrNull(lastAt) };
  return { ...link, at: iso(at), expiresAt: iso(expiresAt), ...ended };
}
