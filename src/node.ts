/** The entry on Node: reads the configuration, opens the store, and starts both listeners in this process. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { uuidv7 } from 'uuidv7';
import { clientAddress } from './address.ts';
import { createAdmin } from './admin/app.ts';
import { addressLimit } from './admission/address-limit.ts';
import { Canceller } from './admission/cancellations.ts';
import { clusterBy } from './admission/cluster.ts';
import { policiesIn } from './admission/policies.ts';
import { stopAll as everything } from './admission/stops.ts';
import { Warden } from './admission/warden.ts';
import { announce, sendAtOnce } from './alerts/announce.ts';
import { Outbox } from './alerts/outbox.ts';
import { Sender } from './alerts/sender.ts';
import { watchUpstream } from './alerts/watch-upstream.ts';
import { createGateway, offeredRoutes } from './app.ts';
import { type Config, ConfigError, readConfig, settingsOf } from './config.ts';
import { createConsole } from './console/app.ts';
import { readAssets } from './console/assets.node.ts';
import type { Control, Totals } from './control.ts';
import { NOT_MARKED } from './control-policy.ts';
import { createControl } from './control-side.ts';
import { Drills } from './drills.ts';
import { ensureDemoTester, firstLink } from './first-start.ts';
import { moderatorFrom, policyFaults, releasingOf, signInOptions, upstreamOptions } from './from-config.ts';
import { DrillUpstream } from './gateway/drill.ts';
import { createFront, takeOnNode } from './gateway/front.node.ts';
import type { Gate } from './gateway/handler.ts';
import { nodeUpstream } from './gateway/upstream.node.ts';
import { Captures } from './log/captures.ts';
import { Indexer } from './log/indexer.ts';
import { Journal } from './log/journal.ts';
import { readLogKey } from './log/log-key.ts';
import { LogSide } from './log/log-side.ts';
import { startRetention } from './log/retention.ts';
import { sealing } from './log/seal.node.ts';
import { sealing as startSealing } from './log/sealing.node.ts';
import { newDigest, sha256 } from './log/sha256.node.ts';
import { beginTree } from './log/unsealed.ts';
import { banner } from './node/banner.node.ts';
import { createControlFront } from './node/control-front.node.ts';
import { openDataDir } from './node/data-dir.node.ts';
import { drillCall } from './node/drill-call.node.ts';
import { startDrillClock } from './node/drill-clock.node.ts';
import { ensureMachineOperator } from './node/first-start.node.ts';
import {
  configFile,
  frontOptions,
  giveUp,
  markerOptions,
  notes,
  policyText,
} from './node/from-config.node.ts';
import { listen } from './node/listen.node.ts';
import { holdLiveness } from './node/liveness.node.ts';
import { alone, type Place } from './node/place.node.ts';
import { watchKeys } from './node/watch-keys.node.ts';
import { nodeInspector } from './outputs/inspect.node.ts';
import { Inspections } from './outputs/inspections.ts';
import { linkSigner } from './outputs/link-token.ts';
import { canMark, nodeMarker } from './outputs/mark.node.ts';
import { termsLink } from './outputs/terms.ts';
import { PolicyError } from './policy/policy.ts';
import { createPortal } from './portal/app.ts';
import { readiness } from './readiness.ts';
import { openDatabase, sqliteTransaction } from './store/db.node.ts';
import { Writer } from './store/writer.ts';
import { outsideIssuer, ownIssuer } from './token/issuers.ts';
import { loadKeys } from './token/keys.ts';
import { metadataPaths, protectedResource } from './token/metadata.ts';
import { createVerifier } from './token/verify.ts';

/** How often the switches table is looked at for rows that another process or a person wrote. */
const WATCH_MS = 50;
/** How long open calls may go on after SIGTERM, before they are cut. */
const GRACE_MS = 5_000;
const DAY_SECONDS = 86_400;
const BY_SIGNAL = 'SIGUSR2 to the process.';

export interface Running {
  readonly gateway: string;
  readonly control: string;
  /** A stop of everything, for whoever can signal the process and nothing else. @returns what came of it */
  stopAll(note: string): Promise<string>;
  totals(): Totals;
  /** Reads the policy of the configuration again; with a fault in it, the one in force stays. Never rejects. */
  reloadPolicy(): Promise<void>;
  close(graceMs?: number): Promise<void>;
}

/** `portcullis serve`: until a signal ends it. Exits with 2 when the configuration has faults, 3 when it cannot start. */
export async function serve(env: NodeJS.ProcessEnv): Promise<void> {
  const running = await start(env, (text) => process.stdout.write(`${text}\n`)).catch(giveUp);
  let closing = false;
  const stop = () => {
    // A second signal does not wait for anybody.
    if (closing) process.exit(1);
    closing = true;
    running.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  process.on('SIGUSR2', () => void running.stopAll(BY_SIGNAL).then(console.error, console.error));
  process.on('SIGHUP', () => void running.reloadPolicy());
}

/**
 * Starts everything. @param say hears the banner @param place among several processes
 * @throws ConfigError; Error when a listener, the data directory or the demo cannot be had.
 */
export async function start(
  env: NodeJS.ProcessEnv,
  say: (text: string) => void,
  place: Place = alone(env),
): Promise<Running> {
  const config = readConfig(env, place.config);
  const now = Date.now;
  const dir = openDataDir(config.dataDir);
  const { writer: db, reader, close: closeDatabase } = openDatabase(dir.database, config.log.durability);
  const outbox = new Outbox(db, config.alertTargets, now);
  const journal = new Journal(db, sha256, (change) => announce(change, outbox, now));
  const captures = new Captures(db, journal, sealing, sha256);
  const writer = new Writer(sqliteTransaction(db, journal), (flush) => void setImmediate(flush));
  const liveness = holdLiveness(dir.path);
  const logKey = await readLogKey(await dir.logKey(), sha256);
  const links = await linkSigner(dir.linkKey());
  const warden = new Warden({
    db,
    writer,
    journal,
    captures,
    // An id is made when a call arrives, its row is written when its body is there.
    quietMs: (config.requests.headersSeconds + config.requests.bodySeconds) * 1000 + 60_000,
    policies: policiesIn(db),
    now,
    termsLink: termsLink(config.publicUrl ?? null),
    sha256,
    skewMs: config.tokens.clockToleranceSeconds * 1000,
    node: `${process.pid}`,
    peers: clusterBy(liveness),
    watchMs: WATCH_MS,
    stopFile: dir.hasStopFile,
    alert: (event, message) => void outbox.add(event, message),
    alertNow: (event, message) => void sendAtOnce(outbox, event, message),
  });
  await warden.join();
  const stopAll = (note: string) => stopBySignal(warden, note);
  for (const note of place.orders) await stopAll(note);
  await beginTree(db, writer, now);
  const marker = canMark() ? nodeMarker(markerOptions(config, dir.path, liveness)) : null;
  const lost = await warden.settleLost();
  const sealer = startSealing(config, { db, writer, key: logKey, now });
  sealer.start();
  const { keepDays = null, keepRows = null, keepTextDays = null } = config.log;
  const keep = { days: keepDays, rows: keepRows, textDays: keepTextDays };
  const indexer = new Indexer({ db, reader, writer, now, quietMs: warden.quietMs });
  const keepNone = { days: null, rows: null };
  const retention = startRetention(
    { db, writer, captures, now, keep: place.isFirst ? keep : keepNone },
    (fault) => console.error('portcullis: old rows of the log could not be let go:', fault),
  );
  if (place.isFirst)
    indexer.start((fault) => console.error('portcullis: the log could not be indexed:', fault));

  const keys = await loadKeys(await dir.keyFile(), now);
  const unwatchKeys = watchKeys(dir, keys);
  const demo = config.upstream ? null : await place.demo();
  const toUpstream = upstreamOptions(config, demo);
  const real = nodeUpstream(toUpstream);
  const upstream = watchUpstream(real, (isDown, failures) => {
    if (!place.isFirst) return;
    const event = { event: isDown ? 'upstream.down' : 'upstream.up', at: now(), data: { failures } } as const;
    writer.write(() => outbox.add(event)).catch((fault) => console.error('portcullis: no alert:', fault));
  });
  const sender = new Sender({
    ...{ db, writer, now, targets: config.alertTargets },
    failed: (fault) => console.error('portcullis: an alert could not be sent:', fault),
  });
  const drill = new DrillUpstream();
  const gate: Gate = {
    now,
    newId: uuidv7,
    clientAddress: clientAddress(config.trustedProxies),
    attempts: addressLimit(config.requests.unknownPerMinute),
    verifier: createVerifier({
      issuers: [ownIssuer(keys), ...config.issuers.map((one) => outsideIssuer(one, now))],
      toleranceSeconds: config.tokens.clockToleranceSeconds,
      maxLifetimeSeconds: config.tokens.maxLifetimeDays * DAY_SECONDS,
    }),
    bodyLimits: config.requests,
    admission: warden,
    moderator: moderatorFrom(config),
    moderated: new Map(),
    upstream,
    drill,
    marker,
    newDigest,
    links,
    sockets: new Set(),
    socketIdleMs: toUpstream.idleMs,
    realm: config.publicUrl ?? 'portcullis',
  };
  const canceller = new Canceller({
    ...{ db, writer, upstream, now, lateMs: 0 },
    failed: (fault) => console.error('portcullis: a job could not be cancelled at upstream:', fault),
  });
  const inspector = nodeInspector(config.trace.mostBytes);
  const inspections = config.trace.clips
    ? new Inspections({
        ...{ db, writer, upstream, inspector, now },
        failed: (fault) => console.error('portcullis: a clip could not be looked at:', fault),
      })
    : null;
  let gateway = '';
  const control = createControl({
    warden,
    writer,
    db,
    reader,
    now,
    log: new LogSide(reader, logKey, sha256, sealing),
    forget: (tester) => captures.forget(tester),
    upstream,
    links,
    inspector,
    releasing: releasingOf(config),
    totals: place.totals,
    keys,
    stageKeys: dir.stageKeys,
    lifetimeDays: config.tokens.lifetimeDays,
    maxLifetimeDays: config.tokens.maxLifetimeDays,
    sha256,
    can: { moderate: config.moderation !== undefined, mark: marker !== null },
    settings: settingsOf(config),
    outsideIssuers: config.issuers.length > 0,
    outbox,
    drills: (own) => {
      const call = (token: string) => drillCall(gateway, token);
      const { everyHours } = config.drills;
      const dispatched = async () => drill.dispatched;
      return new Drills({ control: own, dispatched, call, node: `${process.pid}`, everyHours });
    },
  });
  const isFirst = await ensureMachineOperator(control, dir);
  const link = isFirst ? await firstLink(control) : null;
  if (place.takesPolicy) await takeUpPolicy(config, control);
  if (!marker && control.policy()?.policy.marks)
    throw new ConfigError([`the policy in force: ${NOT_MARKED}`]);
  const token = demo ? await ensureDemoTester(control) : null;

  const upgraded = new Set<Socket>();
  const listening = frontOptions(config);
  const offered = offeredRoutes(config.routes.off);
  const portal = createPortal(
    {
      ...{ now, reader, writer: db, write: control.write, newDigest, room: control.room },
      recheck: control.recheck,
      requiredTerms: () => control.policy()?.policy.terms || null,
      rules: (cohort) => control.policy()?.policy.cohort(cohort) ?? null,
      ...{ verifier: gate.verifier, attempts: gate.attempts, find: control.log.find },
      memoryStops: warden.stops.memory,
      skewMs: config.tokens.clockToleranceSeconds * 1000,
      keys: { issuer: keys.file().issuer, signing: keys.signing, holds: keys.holds },
      publicUrl: config.publicUrl ?? null,
      route: (operation) => offered.find((one) => one.operation === operation) ?? null,
    },
    gate.realm,
  );
  const front = createFront(
    createGateway({
      gate,
      take: takeOnNode(listening.bounds),
      jwks: keys.published,
      metadata: { paths: metadataPaths(config.publicUrl), body: protectedResource(config) },
      ready: () => readiness(() => warden.live().logWritable, control.drills, config.drills.required),
      off: config.routes.off,
      portal,
    }),
    gate,
    listening,
    upgraded,
  );
  const admin = createAdmin(control, { allowedHosts: config.controlHosts, ...signInOptions(config) });
  admin.route(
    '/',
    createConsole({
      admin: (url, init, env) => admin.request(url, init, env as object),
      assets: readAssets(),
    }),
  );
  const routed = getRequestListener(
    (request, { incoming }) => admin.fetch(request, { peer: incoming.socket.remoteAddress }),
    { overrideGlobalObjects: false },
  );
  const back = createControlFront(routed);
  const controlUrl = await listen(
    back,
    place.listening?.control ?? config.controlListen,
    'PORTCULLIS_CONTROL_LISTEN',
  );
  gateway = await listen(front, place.listening?.gateway ?? config.listen, 'PORTCULLIS_LISTEN');
  say(
    banner({
      gateway,
      control: controlUrl,
      dataDir: dir.path,
      upstream: config.upstream?.url ?? null,
      token: token?.token ?? null,
      link,
      lost,
      notes: notes(config, inspector.readsFrames),
    }),
  );

  dir.started();
  await control.drills.start({ operator: 'setup', address: null });
  const stopDrills = place.isFirst ? startDrillClock(control.drills, now) : () => {};

  const close = async (graceMs = GRACE_MS): Promise<void> => {
    unwatchKeys();
    back.close();
    back.closeAllConnections();
    // Sockets do not end by themselves, so waiting for them is no grace.
    for (const socket of gate.sockets) socket.shutdown();
    await closeGracefully(front, upgraded, () => warden.live().openCalls, graceMs);
    marker?.close();
    retention.stop();
    indexer.stop();
    canceller.close();
    await inspections?.close();
    await sender.close();
    stopDrills();
    warden.close();
    await warden.leave();
    await writer.drain();
    await sealer.close();
    await real.close();
    demo?.stop();
    closeDatabase();
    liveness.release();
  };
  const reloadPolicy = async () => {
    try {
      const { version, changed } = await takeUpPolicy(readConfig(env, configFile(env)), control);
      console.error(`policy: version ${version} ${changed ? 'is in force' : 'stays in force'}`);
    } catch (fault) {
      console.error(
        'policy: not taken up; the one in force stays.',
        fault instanceof Error ? fault.message : fault,
      );
    }
  };
  const totals = () => ({ ...warden.counts, open: warden.live().openCalls });
  return { gateway, control: controlUrl, stopAll, reloadPolicy, totals, close };
}

async function stopBySignal({ stops }: Warden, note: string): Promise<string> {
  const { durable, cut } = await stops.stop(everything(note), {
    operator: 'signal:SIGUSR2',
    address: null,
  });
  return `stopped by SIGUSR2: ${cut} calls and streams cut${durable ? '' : ', NOT ON DISK'}`;
}

/** @throws ConfigError: no gate starts under a policy with a fault in it */
async function takeUpPolicy(config: Config, control: Control) {
  const order = { text: policyText(config), source: 'config', reason: config.policy ?? null } as const;
  try {
    return await control.loadPolicy(order, { operator: 'setup', address: null });
  } catch (fault) {
    throw fault instanceof PolicyError ? policyFaults(config, fault) : fault;
  }
}

/** New connections are refused at once; calls in flight get the time, then their connections are cut. */
async function closeGracefully(
  front: Server,
  upgraded: ReadonlySet<Socket>,
  openCalls: () => number,
  graceMs: number,
): Promise<void> {
  const closed = new Promise<void>((resolve) => front.close(() => resolve()));
  front.closeIdleConnections();
  const until = Date.now() + graceMs;
  while (openCalls() > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
  front.closeAllConnections();
  for (const socket of upgraded) socket.destroy();
  await closed;
}
