/** One-time links by which testers come into the portal without their token. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { eq, lte } from 'drizzle-orm';
import { issuedAfterRevocations } from '../admission/switches.ts';
import type { Actor, Control } from '../control.ts';
import { isReserved } from '../gateway/drill.ts';
import { iso } from '../iso.ts';
import { makeSecret } from '../secret.ts';
import { portalLinks, testers } from '../store/schema.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, body, nameFaults, SECURED, Time } from './answer.ts';
import { Problem, testerUnknown } from './problem.ts';
import { sha256Hex } from './sha256.ts';

const HOUR_MS = 3_600_000;

const link = createRoute({
  method: 'post',
  path: '/admin/testers/{id}/portal-link',
  tags: ['testers'],
  security: SECURED,
  request: {
    params: z.object({ id: z.string() }),
    body: body(z.strictObject({ hours: z.number().positive().max(72, 'use at most 72 hours').default(24) })),
  },
  responses: answers(
    z
      .object({
        tester: z.string(),
        link: z.string().openapi({
          description:
            'Good once; shown here and never again. Without "publicUrl" in the configuration only its path',
        }),
        expiresAt: Time,
      })
      .openapi('PortalLink'),
    'A one-time link to the portal, its secret in the fragment',
  ),
});

export function portalLinkRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(link, async (c) => {
    const { id } = c.req.valid('param');
    return c.json(await makeLink(control, id, c.req.valid('json').hours, c.var.actor), 200);
  });
}

async function makeLink(control: Control, tester: string, hours: number, actor: Actor) {
  const secret = makeSecret('ppl_');
  const hash = await sha256Hex(secret);
  const { writer } = control;
  const now = control.now();
  const expiresAt = now + hours * HOUR_MS;
  const made = await control.write(() => {
    const row = writer.select().from(testers).where(eq(testers.id, tester)).get();
    if (!row || isReserved(tester)) return testerUnknown(tester);
    if (row.review === 'removed')
      return new Problem('tester_removed', `The tester "${tester}" was removed, and has no portal.`);
    writer.delete(portalLinks).where(lte(portalLinks.expiresAt, now)).run();
    // A grant like a token: what was revoked before it does not touch it.
    const at = issuedAfterRevocations(writer, now);
    writer.insert(portalLinks).values({ hash, tester, at, by: actor.operator, expiresAt }).run();
    recordAct(control, actor, 'tester.portal-link', `tester:${tester}`, `until ${iso(expiresAt)}`);
    return null;
  });
  if (made) throw made;
  const origin = control.releasing.publicUrl?.replace(/\/+$/, '') ?? '';
  return { tester, link: `${origin}/portal/link#${secret}`, expiresAt: iso(expiresAt) };
}
