/** What happens, as it happens (Server-Sent Events): the state of the gate whenever it changes. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { streamSSE } from 'hono/streaming';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import type { AdminEnv } from './access.ts';
import { nameFaults, SECURED, Time } from './answer.ts';
import { readEngaged } from './status.ts';

const LOOK_MS = 500;
/** Told though nothing changed, so that a dead connection shows. */
const ALIVE_MS = 10_000;
/** Then the client asks anew, and whoever lost the credential meanwhile is told nothing more. */
const LONGEST_MS = 60_000;
const count = z.number().int();

const State = z
  .object({
    now: Time,
    open: z.boolean(),
    logWritable: z.boolean(),
    switches: z.array(count).openapi({ description: 'Engaged stops' }),
    openCalls: count,
    ended: z.record(z.string(), count).openapi({
      description: 'Calls that have ended since the gate started, by outcome',
    }),
  })
  .openapi('StateEvent');

const events = createRoute({
  method: 'get',
  path: '/admin/events',
  tags: ['status'],
  security: SECURED,
  responses: {
    200: {
      description:
        'Events of the type `state`, each with a StateEvent as JSON: one at once, then at each change',
      content: { 'text/event-stream': { schema: State } },
    },
  },
});

export function eventRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(
    events,
    (c) =>
      streamSSE(c, async (out) => {
        let [told, toldAt] = ['', 0];
        const begun = control.now();
        while (!out.aborted && !out.closed && Math.abs(control.now() - begun) < LONGEST_MS) {
          const state = await stateOf(control);
          const text = JSON.stringify(state);
          const now = control.now();
          if (text !== told || Math.abs(now - toldAt) >= ALIVE_MS) {
            await out.writeSSE({ event: 'state', data: JSON.stringify({ now: iso(now), ...state }) });
            [told, toldAt] = [text, now];
          }
          await out.sleep(LOOK_MS);
        }
      }) as never,
  );
}

async function stateOf(control: Control) {
  const { logWritable } = control.live();
  const engaged = readEngaged(control);
  const open = logWritable && !engaged.some(({ scope }) => scope === 'global');
  const { open: openCalls, outcomes } = await control.totals();
  const switches = engaged.map(({ id }) => id);
  return { open, logWritable, switches, openCalls, ended: Object.fromEntries(outcomes) };
}
