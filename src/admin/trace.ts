/** Whose clip is this? The file is looked at as it comes, and kept nowhere. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import { type Inspected, TooLarge } from '../outputs/inspection.ts';
import { trace } from '../outputs/trace.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { BYTES } from './guard.ts';
import { Problem } from './problem.ts';
import { readRequests } from './request-rows.ts';

const MOST_CALLS = 100;

const Traced = z
  .object({
    sha256: z.string(),
    bytes: z.number().int(),
    c2pa: z
      .boolean()
      .nullable()
      .openapi({ description: 'Whether a C2PA manifest is in the file; not whether it is valid' }),
    frames: z.enum(['compared', 'unreadable', 'nothing-in-them', 'off']).openapi({
      description:
        '`off`: ffmpeg is not installed where the gate runs, so only the very bytes were looked for',
    }),
    candidates: z.array(
      z.object({
        object: z.string(),
        tester: z.string(),
        request: z.string().nullable(),
        at: Time,
        exact: z.boolean().openapi({ description: 'These very bytes' }),
        distance: z
          .number()
          .int()
          .openapi({ description: 'Bits of 64 that differ: 0 to 4 is the same clip, nearly always' }),
      }),
    ),
    calls: z
      .array(
        z.object({
          id: z.string(),
          at: Time,
          tester: z.string().nullable(),
          operation: z.string().nullable(),
        }),
      )
      .openapi({ description: 'Calls whose answers were these very bytes, the newest first' }),
  })
  .openapi('Traced');

const post = createRoute({
  method: 'post',
  path: '/admin/trace',
  tags: ['outputs'],
  security: SECURED,
  request: {
    body: {
      required: true,
      content: { 'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) } },
    },
  },
  responses: answers(Traced, 'Who may have made it, the likeliest first'),
});

export function traceRoutes(control: Control) {
  return new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults }).openapi(post, async (c) => {
    const { body } = c.req.raw;
    if (!body || c.req.header('content-type') !== BYTES)
      throw new Problem('request_invalid', `Send the file as the body, with "Content-Type: ${BYTES}".`);
    const inspected = await inspect(control, body);
    const { sha256, bytes, c2pa } = inspected;
    await control.write(() => recordAct(control, c.var.actor, 'output.trace', `sha256:${sha256}`));
    const candidates = (await trace(control.reader, inspected)).map((one) => ({ ...one, at: iso(one.at) }));
    const rows = readRequests(control, { output: sha256, limit: MOST_CALLS });
    const calls = rows.map(({ id, at, tester, operation }) => ({ id, at, tester, operation }));
    return c.json({ sha256, bytes, c2pa, frames: framesOf(control, inspected), candidates, calls }, 200);
  });
}

async function inspect({ inspector }: Control, body: ReadableStream<Uint8Array>): Promise<Inspected> {
  try {
    return await inspector.inspect(body);
  } catch (fault) {
    if (!(fault instanceof TooLarge)) throw fault;
    throw new Problem('body_too_large', `Send at most ${fault.mostBytes} bytes (trace.mostBytes).`);
  }
}

function framesOf({ inspector }: Control, { frames }: Inspected) {
  if (!inspector.readsFrames) return 'off' as const;
  if (frames === null) return 'unreadable' as const;
  return frames.length === 0 ? ('nothing-in-them' as const) : ('compared' as const);
}
