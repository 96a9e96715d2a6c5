/** Alerts out: where they go, what waits, and a test of the way. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { EVENTS } from '../alerts/events.ts';
import type { Control } from '../control.ts';
import { isoOrNull } from '../iso.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';

const count = z.number().int();

const AlertTarget = z
  .object({
    name: z.string(),
    origin: z.string().openapi({ description: 'Without its path, which may be a secret' }),
    format: z.enum(['standard', 'slack']),
    events: z.array(z.string()),
    waiting: count,
    failed: count.openapi({ description: 'Given up after about three days' }),
    lastDeliveredAt: Time.nullable(),
    lastFault: z.string().nullable().openapi({ description: 'Of what still waits, or was given up' }),
  })
  .openapi('AlertTarget');

const list = createRoute({
  method: 'get',
  path: '/admin/alerts',
  tags: ['alerts'],
  security: SECURED,
  responses: answers(
    z.object({ events: z.array(z.string()), targets: z.array(AlertTarget) }),
    'Where alerts go, and how that goes',
  ),
});

const test = createRoute({
  method: 'post',
  path: '/admin/alerts/test',
  tags: ['alerts'],
  security: SECURED,
  responses: answers(z.object({ queued: count }), 'For how many targets a test was queued'),
});

export function alertRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults })
    .openapi(list, (c) => c.json({ events: [...EVENTS], targets: readTargets(control) }, 200))
    .openapi(test, async (c) => {
      const { operator } = c.var.actor;
      const queued = await control.write(() => {
        recordAct(control, c.var.actor, 'alert.test', 'all targets');
        return control.outbox.add({ event: 'test', at: control.now(), data: { by: operator } });
      });
      return c.json({ queued }, 200);
    });
}

interface Told {
  readonly waiting: number;
  readonly failed: number;
  readonly delivered: number | null;
  readonly fault: string | null;
}

function readTargets({ reader, outbox }: Control) {
  const told = reader.$client.prepare<[string], Told>(
    `select count(*) filter (where state = 'waiting') as waiting, count(*) filter (where state = 'failed') as failed,
       max(next_at) filter (where state = 'delivered') as delivered,
       (select fault from outbox f where f.target = o.target and fault is not null and state <> 'delivered'
        order by id desc limit 1) as fault
     from outbox o where target = ?`,
  );
  return outbox.targets.map(({ name, url, format, events }) => {
    const { waiting = 0, failed = 0, delivered = null, fault = null } = told.get(name) ?? {};
    const lastDeliveredAt = isoOrNull(delivered);
    return {
      name,
      origin: new URL(url).origin,
      format,
      events: [...events],
      waiting,
      failed,
      lastDeliveredAt,
      lastFault: fault,
    };
  });
}
