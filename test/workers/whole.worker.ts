/** A Worker with everything in it that a gate has, in one object: what of a bundle does not work under workerd shows here. */
import { uuidv7 } from 'uuidv7';
import { clientAddress } from '../../src/address.ts';
import { createAdmin } from '../../src/admin/app.ts';
import { addressLimit } from '../../src/admission/address-limit.ts';
import { Canceller } from '../../src/admission/cancellations.ts';
import { clusterBy } from '../../src/admission/cluster.ts';
import { policiesIn } from '../../src/admission/policies.ts';
import { Warden } from '../../src/admission/warden.ts';
import { announce } from '../../src/alerts/announce.ts';
import { Outbox } from '../../src/alerts/outbox.ts';
import { Sender } from '../../src/alerts/sender.ts';
import { createGateway, offeredRoutes } from '../../src/app.ts';
import { readConfig, settingsOf } from '../../src/config.ts';
import { createConsole } from '../../src/console/app.ts';
import type { Asset } from '../../src/console/assets.ts';
import { createControl } from '../../src/control-side.ts';
import { Drills } from '../../src/drills.ts';
import { ensureOperator } from '../../src/first-start.ts';
import {
  moderatorFrom,
  ownPolicy,
  releasingOf,
  signInOptions,
  upstreamOptions,
} from '../../src/from-config.ts';
import { DrillUpstream } from '../../src/gateway/drill.ts';
import { takeOnWorkers, type WorkerBindings } from '../../src/gateway/exchange.worker.ts';
import type { Gate } from '../../src/gateway/handler.ts';
import { workerUpstream } from '../../src/gateway/upstream.worker.ts';
import { Captures } from '../../src/log/captures.ts';
import { Indexer } from '../../src/log/indexer.ts';
import { Journal } from '../../src/log/journal.ts';
import { readLogKey } from '../../src/log/log-key.ts';
import { LogSide } from '../../src/log/log-side.ts';
import { hasherOf } from '../../src/log/merkle.ts';
import { startRetention } from '../../src/log/retention.ts';
import { sealing } from '../../src/log/seal.node.ts';
import { Sealer } from '../../src/log/sealer.ts';
import { newDigest, sha256 } from '../../src/log/sha256.node.ts';
import { Tree } from '../../src/log/tree.ts';
import { beginTree } from '../../src/log/unsealed.ts';
import type { Inspector } from '../../src/outputs/inspection.ts';
import { Inspections } from '../../src/outputs/inspections.ts';
import { linkSigner } from '../../src/outputs/link-token.ts';
import { termsLink } from '../../src/outputs/terms.ts';
import { ownKeys } from '../../src/own-keys.ts';
import { createPortal } from '../../src/portal/app.ts';
import {
  type Migration,
  migrateObject,
  type ObjectStorage,
  objectDatabase,
  objectTransaction,
} from '../../src/store/durable.worker.ts';
import { Writer } from '../../src/store/writer.ts';
import { outsideIssuer, ownIssuer } from '../../src/token/issuers.ts';
import { loadKeys } from '../../src/token/keys.ts';
import { metadataPaths, protectedResource } from '../../src/token/metadata.ts';
import { createVerifier } from '../../src/token/verify.ts';

/** Put in by the bundler. */
declare const MIGRATIONS: readonly Migration[];
declare const ASSETS: readonly (readonly [name: string, asset: Asset])[];

interface Env {
  readonly CREDENTIAL: string;
  readonly OBJECTS: {
    get(id: unknown): { fetch(request: Request): Promise<Response> };
    idFromName(name: string): unknown;
  };
}

const now = Date.now;
const failed = (fault: unknown) => console.error(fault);
const INSPECTOR: Inspector = {
  readsFrames: false,
  inspect: () => Promise.reject(new Error('not in this test')),
};

async function open(storage: ObjectStorage, { CREDENTIAL }: Env) {
  migrateObject(storage, MIGRATIONS);
  const config = readConfig(
    { PORTCULLIS_UPSTREAM_URL: 'http://127.0.0.1:9', PORTCULLIS_UPSTREAM_KEY: 'sk-upstream-key' },
    null,
  );
  const kept = new Map<string, string>();
  const keeps = ownKeys(
    {
      read: (name) => kept.get(name) ?? null,
      stage: (name, text) => ({ commit: () => void kept.set(name, text), drop: () => {} }),
    },
    now,
  );
  const db = objectDatabase(storage);
  const outbox = new Outbox(db, config.alertTargets, now);
  const journal = new Journal(db, sha256, (change) => announce(change, outbox, now));
  const captures = new Captures(db, journal, sealing, sha256);
  const writer = new Writer(objectTransaction(storage, journal), (flush) => void setTimeout(flush, 0));
  const own = uuidv7();
  const warden = new Warden({
    ...{ db, writer, journal, captures, now, sha256, node: own, quietMs: 60_000, watchMs: 1_000 },
    ...{ policies: policiesIn(db), termsLink: termsLink(null) },
    peers: clusterBy({ own, isAlive: (lock) => lock === own, forget: () => {} }),
  });
  await warden.join();
  await beginTree(db, writer, now);
  const logKey = await readLogKey(await keeps.logKey(), sha256);
  const sealer = new Sealer({
    ...{ db, writer, key: logKey, tree: new Tree(db, hasherOf(sha256)), everyMs: 1_000, now },
    ...{ publish: [], onFault: failed },
  });
  sealer.start();
  new Indexer({ db, reader: db, writer, now, quietMs: warden.quietMs }).start(failed);
  startRetention({ db, writer, captures, now, keep: { days: 1, rows: null, textDays: null } }, failed);
  const keys = await loadKeys(await keeps.keyFile(), now);
  const toUpstream = upstreamOptions(config, null);
  const upstream = workerUpstream(toUpstream);
  const drill = new DrillUpstream();
  const links = await linkSigner(keeps.linkKey());
  new Sender({ db, writer, now, targets: [], failed });
  new Canceller({ db, writer, upstream, now, lateMs: 5_000, failed });
  new Inspections({ db, writer, upstream, inspector: INSPECTOR, now, failed });
  const gate: Gate = {
    ...{ now, newId: uuidv7, clientAddress: clientAddress(config.trustedProxies) },
    attempts: addressLimit(config.requests.unknownPerMinute),
    verifier: createVerifier({
      issuers: [ownIssuer(keys), ...config.issuers.map((one) => outsideIssuer(one, now))],
      toleranceSeconds: config.tokens.clockToleranceSeconds,
      maxLifetimeSeconds: config.tokens.maxLifetimeDays * 86_400,
    }),
    ...{
      bodyLimits: config.requests,
      admission: warden,
      moderator: moderatorFrom(config),
      moderated: new Map(),
    },
    ...{
      upstream,
      drill,
      marker: null,
      newDigest,
      links,
      sockets: new Set(),
      socketIdleMs: 60_000,
      realm: 'test',
    },
  };
  const control = createControl({
    ...{ warden, writer, db, reader: db, now, upstream, links, inspector: INSPECTOR, keys, sha256, outbox },
    log: new LogSide(db, logKey, sha256, sealing),
    forget: (tester) => captures.forget(tester),
    releasing: releasingOf(config),
    totals: async (one) => one,
    stageKeys: keeps.stageKeys,
    ...{ lifetimeDays: 30, maxLifetimeDays: 90, outsideIssuers: false, settings: settingsOf(config) },
    can: { moderate: false, mark: false, share: false },
    drills: (side) =>
      new Drills({
        ...{ control: side, node: own, everyHours: 0, dispatched: async () => drill.dispatched },
        call: () => {
          throw new Error('not in this test');
        },
      }),
  });
  await ensureOperator(control, CREDENTIAL, 'a secret');
  await control.loadPolicy(
    { text: JSON.stringify(ownPolicy(config), null, 2), source: 'config' },
    { operator: 'setup', address: null },
  );
  const offered = offeredRoutes();
  const portal = createPortal(
    {
      ...{ now, reader: db, writer: db, write: control.write, newDigest, room: control.room },
      ...{ recheck: control.recheck, requiredTerms: () => null, rules: () => null, verifier: gate.verifier },
      ...{ attempts: gate.attempts, find: control.log.find, memoryStops: warden.stops.memory, skewMs: 0 },
      keys: { issuer: keys.file().issuer, signing: keys.signing, holds: keys.holds },
      publicUrl: null,
      route: (operation) => offered.find((one) => one.operation === operation) ?? null,
    },
    gate.realm,
  );
  const gateway = createGateway<WorkerBindings>({
    ...{ gate, take: takeOnWorkers({ bodyMs: 1_000, readMs: 1_000, held: { left: 1e8 } }), portal },
    ...{ jwks: keys.published, ready: () => ({ ready: true, armed: 'not-drilled' }) },
    metadata: { paths: metadataPaths(undefined), body: protectedResource(config) },
  });
  const admin = createAdmin(control, { allowedHosts: [], ...signInOptions(config) });
  admin.route(
    '/',
    createConsole({
      admin: (url, init, env) => admin.request(url, init, env as object),
      assets: new Map(ASSETS),
    }),
  );
  return { gateway, admin };
}

export class TestObject {
  readonly #opened: ReturnType<typeof open>;

  constructor({ storage }: { storage: ObjectStorage }, env: Env) {
    this.#opened = open(storage, env);
  }

  async fetch(request: Request): Promise<Response> {
    const { gateway, admin } = await this.#opened;
    const isControl = /^\/(?:admin|console)(?:\/|$)/.test(new URL(request.url).pathname);
    if (isControl) return admin.fetch(request, { peer: '127.0.0.1' });
    return gateway.fetch(request, { request, peer: '127.0.0.1' });
  }
}

export default {
  fetch: (request: Request, { OBJECTS: objects }: Env) =>
    objects.get(objects.idFromName('gate')).fetch(request),
};
