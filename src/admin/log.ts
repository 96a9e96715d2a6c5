/** The log's tree for auditors: C2SP tlog-tiles (checkpoint, tiles, entries), proofs (RFC 6962), bundles. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import { stream } from 'hono/streaming';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import { turn } from '../turn.ts';
import type { AdminEnv } from './access.ts';
import { recordAct } from './acts.ts';
import { answers, nameFaults, SECURED, Time } from './answer.ts';
import { Problem } from './problem.ts';
import { readTilePath } from './tile-path.ts';

const Hash = z.base64().openapi({ description: 'SHA-256' });
const size = z.number().int().openapi({ description: 'Entries' });

const State = z
  .object({
    origin: z.string(),
    key: z.string().openapi({ description: 'Verifier key, C2SP signed-note' }),
    entries: size,
    checkpoint: z.object({ size, at: Time, note: z.string() }).nullable(),
  })
  .openapi('Log');

const Proofs = z
  .object({
    checkpoint: z.string().openapi({ description: 'The signed note that the proofs lead to' }),
    size,
    entries: z.array(
      z.object({
        index: z.number().int(),
        entry: z.string().nullable().openapi({ description: 'Null: the row was let go' }),
        hash: Hash,
        proof: z.array(Hash).openapi({ description: 'RFC 6962 section 2.1.1' }),
      }),
    ),
  })
  .openapi('Proofs');

const state = createRoute({
  method: 'get',
  path: '/admin/log',
  tags: ['log'],
  security: SECURED,
  responses: answers(State, 'How far the log is signed'),
});

const proof = createRoute({
  method: 'get',
  path: '/admin/log/proof/{request}',
  tags: ['log'],
  security: SECURED,
  request: { params: z.object({ request: z.guid('use the id of a request') }) },
  responses: answers(Proofs, 'That the entries about a call are in the tree of the last checkpoint'),
});

const consistency = createRoute({
  method: 'get',
  path: '/admin/log/consistency',
  tags: ['log'],
  security: SECURED,
  request: {
    query: z.strictObject({
      from: z.coerce.number<string>().int().min(0),
      to: z.coerce.number<string>().int().min(0),
    }),
  },
  responses: answers(
    z.object({ proof: z.array(Hash) }),
    'That the tree of one size is the beginning of another (RFC 6962 section 2.1.2)',
  ),
});

const PLAIN = [
  ['/admin/log/checkpoint', 'The last signed checkpoint: C2SP tlog-checkpoint', 'text/plain'],
  [
    '/admin/log/tile/{tile}',
    'A tile (`0/x001/234`, `1/000.p/7`) or its entries (`entries/000`): C2SP tlog-tiles',
    'application/octet-stream',
  ],
  [
    '/admin/log/bundle',
    'Entries with their proof, as JSON lines; with `?request=ID` those of one call',
    'application/jsonl',
  ],
] as const;

export function logRoutes(control: Control) {
  const app = new OpenAPIHono<AdminEnv>({ defaultHook: nameFaults });
  // Bytes and lines, and so outside the typed client.
  for (const [path, description, type] of PLAIN)
    app.openAPIRegistry.registerPath({
      ...{ method: 'get', path, tags: ['log'], security: SECURED },
      responses: { 200: { description, content: { [type]: { schema: z.string() } } } },
    });
  app.get('/admin/log/checkpoint', (c) => c.text(signed(control).note));
  app.get('/admin/log/tile/*', (c) => {
    const asked = readTilePath(c.req.path.slice('/admin/log/tile/'.length));
    const bytes = asked && tileBytes(control, asked);
    if (!bytes) throw new Problem('tile_unknown', 'The tree of the last checkpoint has no such tile.');
    return c.body(Uint8Array.from(bytes), 200, { 'Content-Type': 'application/octet-stream' });
  });
  app.get('/admin/log/bundle', async (c) => {
    const request = c.req.query('request');
    signed(control);
    const lines = control.log.bundle(request === undefined ? null : [request]);
    await control.write(() =>
      recordAct(control, c.var.actor, 'log.export', request ?? 'everything', 'bundle'),
    );
    c.header('Content-Type', 'application/jsonl');
    return stream(c, (out) => sendLines(out, lines ?? []));
  });
  return app
    .openapi(state, (c) => {
      const last = control.log.checkpoint();
      const checkpoint = last ? { size: last.size, at: iso(last.at), note: last.note } : null;
      const { name, verifier } = control.log.key;
      return c.json({ origin: name, key: verifier, entries: control.log.size, checkpoint }, 200);
    })
    .openapi(proof, (c) => {
      const { request } = c.req.valid('param');
      const proofs = control.log.proofs(request);
      if (!proofs || proofs.entries.length === 0)
        throw new Problem('request_unknown', `The signed log has no request "${request}" (yet).`);
      const entries = proofs.entries.map((one) => {
        return { ...one, hash: base64(one.hash), proof: one.proof.map(base64) };
      });
      return c.json({ checkpoint: proofs.note, size: proofs.size, entries }, 200);
    })
    .openapi(consistency, (c) => {
      const { from, to } = c.req.valid('query');
      try {
        return c.json({ proof: control.log.consistency(from, to).map(base64) }, 200);
      } catch (fault) {
        throw fault instanceof RangeError ? new Problem('request_invalid', `Use ${fault.message}.`) : fault;
      }
    });
}

function tileBytes({ log }: Control, { level, n, width }: NonNullable<ReturnType<typeof readTilePath>>) {
  return level === 'entries' ? log.entries(n, width) : log.tile(level, n, width);
}

function signed({ log }: Control) {
  const last = log.checkpoint();
  if (!last)
    throw new Problem(
      'checkpoint_missing',
      'Nothing is signed yet; the first checkpoint comes within seconds.',
    );
  return last;
}

/** Many lines at once: each write is waited for, so that memory stays flat. */
async function sendLines(
  out: { write(text: string): Promise<unknown>; aborted: boolean },
  lines: Iterable<string>,
) {
  let pending = '';
  for (const line of lines) {
    if (out.aborted) return;
    pending += line;
    if (pending.length < 65_536) continue;
    await out.write(pending);
    await turn();
    pending = '';
  }
  await out.write(pending);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
