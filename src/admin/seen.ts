/** From where, and with what, a tester called lately. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import type { AdminEnv } from './access.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { recordQuery } from './query-acts.ts';

/** Enough to tell who uses a token, and read within milliseconds whatever the log's size. */
const ROWS = 1_000;

const Seen = z.array(z.object({ value: z.string(), calls: z.number().int(), firstAt: Time, lastAt: Time }));

const seen = createRoute({
  method: 'get',
  path: '/admin/testers/{id}/seen',
  tags: ['testers'],
  security: SECURED,
  request: { params: z.object({ id: z.string() }) },
  responses: answers(
    z.object({ rows: z.number().int(), addresses: Seen, agents: Seen }).openapi('Seen'),
    `Addresses and agents of the tester's newest ${ROWS} rows, the last used first`,
  ),
});

export function seenRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(seen, async (c) => {
    const { id } = c.req.valid('param');
    await recordQuery(control, c.var.actor, { tester: id });
    const asked = { filters: { tester: id }, since: null, until: null };
    const rows = control.log.find.page(asked, ROWS, 'id, at, address, agent, repeats');
    return c.json(
      { rows: rows.length, addresses: valuesIn(rows, 'address'), agents: valuesIn(rows, 'agent') },
      200,
    );
  });
}

/** @param rows newest first */
function valuesIn(
  rows: readonly Readonly<Record<string, string | number | null>>[],
  name: 'address' | 'agent',
) {
  const found = new Map<string, { value: string; calls: number; firstAt: string; lastAt: string }>();
  for (const row of rows) {
    const value = row[name];
    if (value === null || value === undefined) continue;
    const at = iso(Number(row.at));
    const known = found.get(String(value)) ?? { value: String(value), calls: 0, firstAt: at, lastAt: at };
    found.set(known.value, { ...known, calls: known.calls + Number(row.repeats), firstAt: at });
  }
  return [...found.values()];
}
