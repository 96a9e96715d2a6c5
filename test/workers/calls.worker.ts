/** A Worker whose one Durable Object takes calls as a tester's does: the real core, gateway, exchange and upstream. */
import { uuidv7 } from 'uuidv7';
import { clientAddress } from '../../src/address.ts';
import { createGateway } from '../../src/app.ts';
import { DrillUpstream } from '../../src/gateway/drill.ts';
import { serveOnWorkers, takeOnWorkers, type WorkerBindings } from '../../src/gateway/exchange.worker.ts';
import type { Gate } from '../../src/gateway/handler.ts';
import { workerUpstream } from '../../src/gateway/upstream.worker.ts';
import { newDigest } from '../../src/log/sha256.node.ts';
import { linkSigner } from '../../src/outputs/link-token.ts';
import {
  type Migration,
  migrateObject,
  type ObjectStorage,
  objectDatabase,
  objectTransaction,
} from '../../src/store/durable.worker.ts';
import { signToken } from '../../src/token/issue.ts';
import { OWN_AUDIENCE, ownIssuer } from '../../src/token/issuers.ts';
import { makeKey } from '../../src/token/key-file.ts';
import { loadKeys } from '../../src/token/keys.ts';
import { createVerifier } from '../../src/token/verify.ts';
import { openCore } from '../engines/core.ts';
import type { Told } from './with-calls.ts';

/** Put in by the bundler. */
declare const MIGRATIONS: readonly Migration[];

interface Env {
  readonly TOLD: string;
  readonly OBJECTS: {
    get(id: unknown): { fetch(request: Request): Promise<Response> };
    idFromName(name: string): unknown;
  };
}

const ISSUER = 'test';
const DAY_MS = 86_400_000;
const LINK_KEY = 'A'.repeat(43);

async function open(storage: ObjectStorage, told: Told) {
  migrateObject(storage, MIGRATIONS);
  const core = await openCore(
    { db: objectDatabase(storage), transaction: (hooks) => objectTransaction(storage, hooks) },
    { limits: told.limits },
  );
  const keys = await loadKeys({ issuer: ISSUER, keys: [await makeKey(Date.now())] }, Date.now);
  const gate: Gate = {
    ...{ now: Date.now, newId: uuidv7, clientAddress: clientAddress(['127.0.0.1']) },
    attempts: { take: async () => {}, giveBack: async () => {} },
    verifier: createVerifier({
      ...{ issuers: [ownIssuer(keys)], toleranceSeconds: 5, maxLifetimeSeconds: 10 * DAY_MS },
    }),
    bodyLimits: { jsonBytes: told.jsonBytes, multipartBytes: 33_554_432 },
    admission: core.warden,
    ...{ moderator: null, moderated: new Map(), marker: null, drill: new DrillUpstream() },
    upstream: workerUpstream(told.upstream),
    ...{ newDigest, links: await linkSigner(LINK_KEY), sockets: new Set() },
    ...{ socketIdleMs: told.upstream.idleMs, realm: 'test' },
  };
  const held = { left: told.heldBytes };
  const take = takeOnWorkers({ bodyMs: told.bodyMs, readMs: told.readMs, held });
  const app = createGateway<WorkerBindings>({
    ...{ gate, take, jwks: keys.published, metadata: { paths: [], body: null } },
    portal: { fetch: () => new Response('a portal') },
    ready: () => ({ ready: true, armed: 'not-drilled' }),
  });
  const token = async (tester: string): Promise<string> => {
    const issuedAt = Date.now();
    const grant = { issuer: ISSUER, audience: OWN_AUDIENCE, tester, jti: `token-${tester}` };
    return signToken({ ...grant, issuedAt, expiresAt: issuedAt + DAY_MS }, keys.signing());
  };
  return { core, serve: serveOnWorkers(app, gate, take), token, held, gate };
}

export class TestObject {
  readonly #opened: ReturnType<typeof open>;

  constructor({ storage }: { storage: ObjectStorage }, env: Env) {
    this.#opened = open(storage, JSON.parse(env.TOLD) as Told);
  }

  async fetch(request: Request): Promise<Response> {
    const [, order] = /^http:\/\/127[^/]*\/test\/(\w+)$/.exec(request.url) ?? [];
    if (order === undefined) {
      const { serve } = await this.#opened;
      return serve({ request, peer: '127.0.0.1' });
    }
    const asked = (await request.json()) as string[];
    return Response.json({ answer: (await this.#order(order, asked)) ?? null });
  }

  async #order(order: string, [first = '', second = '']: string[]): Promise<unknown> {
    const { core, token, held, gate } = await this.#opened;
    switch (order) {
      case 'tester':
        await core.tester(first);
        return token(first);
      case 'rows':
        return core.db.$client.prepare('select * from requests order by id').all();
      case 'stop':
        return core.stop(first as never, { reason: second });
      case 'release':
        return core.release(first as never);
      case 'held':
        return [held.left, gate.sockets.size];
    }
  }
}

export default {
  fetch: (request: Request, { OBJECTS: objects }: Env) =>
    objects.get(objects.idFromName('tester:ada')).fetch(request),
};
