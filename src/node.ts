/** The entry on Node: reads the configuration, opens the store, and starts both listeners in this process. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Warden } from './admission/warden.ts';
import { readConfig } from './config.ts';
import type { Control, Totals } from './control.ts';
import { ensureDemoTester, firstLink } from './first-start.ts';
import { createFront, takeOnNode } from './gateway/front.node.ts';
import type { Gate } from './gateway/handler.ts';
import { banner } from './node/banner.node.ts';
import { checkMarks, controlServer, openControl, takeUpPolicy } from './node/control-parts.node.ts';
import { startDrillClock } from './node/drill-clock.node.ts';
import { ensureMachineOperator } from './node/first-start.node.ts';
import { configFile, frontOptions, giveUp, notes } from './node/from-config.node.ts';
import { openGate } from './node/gate-parts.node.ts';
import { listen } from './node/listen.node.ts';
import { alone, type Place } from './node/place.node.ts';
import { openStore, stopBySignal } from './node/store-parts.node.ts';
import { visitorsApp } from './visitors.ts';

/** How long open calls may go on after SIGTERM, before they are cut. */
const GRACE_MS = 5_000;
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
  const now = Date.now;
  const config = readConfig(env, place.config);
  const store = await openStore(config, place, now);
  const { warden, keys, dir } = store;
  const parts = await openGate(config, store, place, now);
  const { gate, demo } = parts;
  let gateway = '';
  const control = openControl({ config, store, gate: parts, place, now, gateway: () => gateway });
  const isFirst = await ensureMachineOperator(control, dir);
  const link = isFirst ? await firstLink(control) : null;
  if (place.takesPolicy) await takeUpPolicy(config, control);
  checkMarks(control, parts);
  const token = demo ? await ensureDemoTester(control) : null;

  const upgraded = new Set<Socket>();
  const listening = frontOptions(config);
  const take = takeOnNode(listening.bounds);
  const app = visitorsApp({ config, control, gate, keys, take, memoryStops: warden.stops.memory });
  const front = createFront(app, gate, listening, upgraded);
  const back = controlServer(config, control);
  const controlUrl = await listen(
    back,
    place.listening?.control ?? config.controlListen,
    'PORTCULLIS_CONTROL_LISTEN',
  );
  gateway = await listen(front, place.listening?.gateway ?? config.listen, 'PORTCULLIS_LISTEN');
  say(
    banner({
      ...{ gateway, control: controlUrl, dataDir: dir.path, upstream: config.upstream?.url ?? null },
      ...{ token: token?.token ?? null, link, lost: store.lost },
      notes: notes(config, parts.inspector.readsFrames),
    }),
  );
  dir.started();
  await control.drills.start({ operator: 'setup', address: null });
  const stopDrills = place.isFirst ? startDrillClock(control.drills, now) : () => {};

  return {
    ...{ gateway, control: controlUrl },
    stopAll: (note) => stopBySignal(warden, note),
    totals: () => ({ ...warden.counts, open: warden.live().openCalls }),
    reloadPolicy: () => reloadPolicy(env, control),
    async close(graceMs = GRACE_MS) {
      back.close();
      back.closeAllConnections();
      await closeGracefully(front, upgraded, { gate, warden }, graceMs);
      stopDrills();
      await parts.stop();
      await store.settle();
      await parts.close();
      store.close();
    },
  };
}

async function reloadPolicy(env: NodeJS.ProcessEnv, control: Control): Promise<void> {
  try {
    const { version, changed } = await takeUpPolicy(readConfig(env, configFile(env)), control);
    console.error(`policy: version ${version} ${changed ? 'is in force' : 'stays in force'}`);
  } catch (fault) {
    const why = fault instanceof Error ? fault.message : fault;
    console.error('policy: not taken up; the one in force stays.', why);
  }
}

/** New connections are refused at once; calls in flight get the time, then their connections are cut. */
async function closeGracefully(
  front: Server,
  upgraded: ReadonlySet<Socket>,
  { gate, warden }: { readonly gate: Gate; readonly warden: Warden },
  graceMs: number,
): Promise<void> {
  // Sockets do not end by themselves, so waiting for them is no grace.
  for (const socket of gate.sockets) socket.shutdown();
  const closed = new Promise<void>((resolve) => front.close(() => resolve()));
  front.closeIdleConnections();
  const until = Date.now() + graceMs;
  while (warden.live().openCalls > 0 && Date.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 20));
  front.closeAllConnections();
  for (const socket of upgraded) socket.destroy();
  await closed;
}
