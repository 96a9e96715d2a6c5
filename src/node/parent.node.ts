/** The parent of several processes on one data directory. It shares their listeners, and no call goes through it. */
import cluster, { type Worker } from 'node:cluster';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { sumOf } from '../admission/counts.ts';
import { type Config, readConfig } from '../config.ts';
import type { Totals } from '../control.ts';
import { type Demo, startDemoProcess } from './demo-upstream.node.ts';
import { configFile, giveUp } from './from-config.node.ts';
import { listen } from './listen.node.ts';
import type { Listening, Place } from './place.node.ts';

/** What a process is told when it is born. */
export interface Birth extends Omit<Place, 'demo' | 'totals'> {
  readonly kind: 'birth';
  readonly demo: Omit<Demo, 'stop'> | null;
}

export type ToChild =
  | Birth
  | { readonly kind: 'stop'; readonly note: string }
  | { readonly kind: 'close' }
  | { readonly kind: 'reload' }
  | { readonly kind: 'sum'; readonly id: number; readonly totals: Totals };

export type ToParent =
  | { readonly kind: 'born' }
  | { readonly kind: 'up'; readonly banner: string }
  | { readonly kind: 'stopped'; readonly note: string; readonly text: string }
  | { readonly kind: 'totals'; readonly totals: Totals }
  | { readonly kind: 'sum'; readonly id: number; readonly totals: Totals };

interface Child {
  readonly worker: Worker;
  readonly place: number;
  readonly up: PromiseWithResolvers<string>;
  /** Null until it serves. */
  upAt: number | null;
  totals: Totals;
}

/** A process of the first round ended before it served. */
class NotStarted extends Error {
  readonly code: number;

  constructor(code: number) {
    super('A process ended before it served.');
    this.code = code;
  }
}

const CHILD = fileURLToPath(new URL('./child.node.ts', import.meta.url));
const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 10_000;
/** Whoever served for so long is replaced at once. */
const SOUND_MS = 30_000;
/** Longer than a process gives its open calls. */
const CLOSE_MS = 20_000;
const STOP_ANSWER_MS = 3_000;
const NOTHING: Totals = sumOf([]);

/** `serve --processes N`: until a signal ends it. Exits with 2 when the configuration has faults, 3 when it cannot start. */
export async function serveMany(env: NodeJS.ProcessEnv, count: number): Promise<void> {
  const parent = new Parent(count, console.error);
  let closing = false;
  const stop = () => {
    // A second signal does not wait for anybody.
    if (closing) {
      parent.kill();
      process.exit(1);
    }
    closing = true;
    parent.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  process.on('SIGUSR2', () => parent.stopAll());
  process.on('SIGHUP', () => parent.reloadPolicy());
  try {
    console.log(await parent.start(env));
  } catch (fault) {
    if (!(fault instanceof NotStarted)) giveUp(fault);
    await parent.close();
    process.exit(fault.code);
  }
}

class Parent {
  readonly #count: number;
  readonly #say: (text: string) => void;
  readonly #children = new Map<number, Child>();
  readonly #failures = new Map<number, number>();
  readonly #retries = new Set<NodeJS.Timeout>();
  /** Notes of stops that no process has carried out yet. */
  readonly #orders = new Set<string>();
  #config: string | null = null;
  #demo: Demo | null = null;
  #listening: Listening | null = null;
  /** What processes did that are no more: counters never go back. */
  #gone = NOTHING;
  #closing = false;

  /** @param say hears the banner, and of processes that end and come up */
  constructor(count: number, say: (text: string) => void) {
    this.#count = count;
    this.#say = say;
  }

  /** Resolves with the banner when all serve. @throws ConfigError; NotStarted, when the others are to be closed. */
  async start(env: NodeJS.ProcessEnv): Promise<string> {
    this.#config = configFile(env);
    const config = readConfig(env, this.#config);
    this.#listening = await settled(config);
    this.#demo = config.upstream ? null : await startDemoProcess();
    // Each process takes connections by itself: one that hangs takes none, also not that of an operator who stops everything.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({ exec: CHILD, args: [], serialization: 'advanced' });
    const banners: string[] = [];
    // One after another, as they start on the data directory.
    for (let place = 0; place < this.#count; place++) banners.push(await this.#fork(place).up.promise);
    const pids = [...this.#children.values()].map(({ worker }) => worker.process.pid);
    return `\n  ${this.#count} processes serve together: ${pids.join(', ')}.\n${banners[0]}`;
  }

  /** Every process is told; the first that writes the stop engages it for all. */
  stopAll(): void {
    const note = `SIGUSR2 to process ${process.pid}.`;
    this.#orders.add(note);
    for (const { worker } of this.#children.values()) tell(worker, { kind: 'stop', note });
    const late = () => {
      if (this.#orders.has(note)) this.#say('portcullis: NO PROCESS HAS CARRIED OUT THE STOP YET');
    };
    setTimeout(late, STOP_ANSWER_MS).unref();
  }

  /** One reads it for all: the version in force stands in the database. */
  reloadPolicy(): void {
    const serving = [...this.#children.values()].find(({ upAt }) => upAt !== null);
    if (serving) tell(serving.worker, { kind: 'reload' });
    else this.#say('portcullis: no process is there to read the policy again');
  }

  /** Resolves when all have ended. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const retry of this.#retries) clearTimeout(retry);
    const workers = [...this.#children.values()].map(({ worker }) => worker);
    const ended = workers.map((worker) => new Promise((resolve) => worker.on('exit', resolve)));
    for (const worker of workers) tell(worker, { kind: 'close' });
    const late = setTimeout(() => this.kill(), CLOSE_MS);
    await Promise.all(ended);
    clearTimeout(late);
    this.#demo?.stop();
  }

  kill(): void {
    for (const { worker } of this.#children.values()) worker.process.kill('SIGKILL');
  }

  #fork(place: number): Child {
    const worker = cluster.fork();
    const child: Child = { worker, place, up: Promise.withResolvers(), upAt: null, totals: NOTHING };
    child.up.promise.catch(() => {});
    this.#children.set(place, child);
    worker.on('message', (message: ToParent) => this.#hear(child, message));
    worker.on('exit', (code, signal) => this.#ended(child, code, signal));
    return child;
  }

  #hear(child: Child, message: ToParent): void {
    const { worker } = child;
    if (message.kind === 'born') tell(worker, this.#birth(child));
    if (message.kind === 'up') {
      child.upAt = performance.now();
      child.up.resolve(message.banner);
    }
    if (message.kind === 'stopped' && this.#orders.delete(message.note)) this.#say(message.text);
    if (message.kind === 'totals' || message.kind === 'sum') child.totals = message.totals;
    if (message.kind === 'sum') tell(worker, { kind: 'sum', id: message.id, totals: this.#totals() });
  }

  #birth({ place }: Child): Birth {
    const demo = this.#demo && { url: this.#demo.url, key: this.#demo.key };
    const orders = [...this.#orders];
    const [config, listening] = [this.#config, this.#listening];
    const isFirst = place === 0;
    const takesPolicy = isFirst && !this.#failures.has(place);
    return { kind: 'birth', config, isFirst, takesPolicy, listening, orders, demo };
  }

  #totals(): Totals {
    return sumOf([this.#gone, ...[...this.#children.values()].map(({ totals }) => totals)]);
  }

  #ended(child: Child, code: number, signal: string | null): void {
    const { place, worker, upAt, totals } = child;
    this.#children.delete(place);
    this.#gone = sumOf([this.#gone, { ...totals, open: 0 }]);
    if (this.#closing) return;
    const served = upAt !== null;
    child.up.reject(new NotStarted(code));
    if (!served && !this.#failures.has(place)) return;
    const failures = served && performance.now() - upAt > SOUND_MS ? 0 : (this.#failures.get(place) ?? 0);
    this.#failures.set(place, failures + 1);
    const afterMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
    const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
    this.#say(
      `portcullis: process ${worker.process.pid} ${how}; another one takes its place in ${afterMs} ms`,
    );
    const retry = setTimeout(() => {
      this.#retries.delete(retry);
      this.#replace(place, worker.process.pid);
    }, afterMs);
    this.#retries.add(retry);
  }

  #replace(place: number, of: number | undefined): void {
    const { worker, up } = this.#fork(place);
    up.promise.then(
      () => this.#say(`portcullis: process ${worker.process.pid} serves in the place of ${of}`),
      () => {},
    );
  }
}

function tell(worker: Worker, message: ToChild): void {
  // It may be ending just now, which is heard by itself.
  if (worker.isConnected()) worker.send(message, undefined, () => {});
}

/** HOST:PORT with ports: whoever comes in the place of all others has to listen where they did. */
async function settled({ listen: gateway, controlListen: control }: Config): Promise<Listening> {
  const open = { gateway: await probed(gateway), control: await probed(control) };
  for (const { server } of Object.values(open)) await new Promise((resolve) => server.close(resolve));
  return { gateway: open.gateway.address, control: open.control.address };
}

async function probed(address: string): Promise<{ server: Server; address: string }> {
  const server = createServer();
  if (!address.endsWith(':0')) return { server, address };
  return { server, address: new URL(await listen(server, address, 'PORTCULLIS_LISTEN')).host };
}
