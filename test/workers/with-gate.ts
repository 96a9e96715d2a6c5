/** The gate in workerd, with the files that `wrangler deploy` reads: the same two Workers, and the edge before them. */
import { randomBytes } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { inject } from 'vitest';
import { startDemo } from '../../src/demo/server.ts';
import { sealing } from '../../src/log/seal.node.ts';
import { type Host, type Start, startGate, type TestGate } from '../with-gate.ts';
import { openStores } from './stores.ts';

interface Hands {
  /** What the copy in D1 answers. */
  archive<Row>(sql: string): Promise<Row[]>;
  /** Rows that an object has written since this was first asked, as they are billed. @param tester undefined: the gate's */
  written(tester?: string): Promise<number>;
  /** Runs what the clock would. */
  tick(): Promise<void>;
  /** Ends an object where it is: what it holds in memory is lost, and its streams break. @param tester undefined: the gate's */
  crash(tester?: string): Promise<void>;
  /** Neither the gate's object nor the tester's reaches the other; the client reaches both. */
  cutOff(tester: string, isCut: boolean): Promise<void>;
}
type WorkersHost = Host & Hands;
/** What a test of this folder has in hand. */
export type WorkersGate = TestGate & Hands;
export const startWorkers = startGate as (...how: Parameters<typeof startGate>) => Promise<WorkersGate>;

const LOOPBACK = { host: '127.0.0.1', port: 0 };

export async function startHere({ upstream, upstreamKey, config, secrets }: Start): Promise<WorkersHost> {
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-workers-'));
  const demo = upstream === null ? await startDemo({ key: upstreamKey }) : null;
  const vaultKey = randomBytes(32);
  const credential = `pco_${randomBytes(32).toString('base64url')}`;
  // A machine that runs two tests at once may be away for longer than a lease; tests of leases name their own.
  const lease = /^workers:/m.test(config) ? '' : 'workers: { leaseSeconds: 10 }\n';
  const bindings = {
    PORTCULLIS_CONFIG: config + lease,
    PORTCULLIS_UPSTREAM_URL: upstream ?? demo?.url ?? '',
    PORTCULLIS_UPSTREAM_KEY: upstreamKey,
    PORTCULLIS_OPERATOR_TOKEN: credential,
    PORTCULLIS_VAULT_KEY: vaultKey.toString('base64url'),
    ...secrets,
  };
  const stores = openStores(join(dir, 'do'));
  let running: Running | null = await start(dir, bindings);
  const up = (): Running => {
    if (!running) throw new Error('the gate is stopped');
    return running;
  };
  const hand = async (kind: string, name: string, act: string, ...args: unknown[]) => {
    const path = [kind, name, act].map(encodeURIComponent).join('/');
    const answer = await fetch(`${up().hands}/${path}`, { method: 'POST', body: JSON.stringify(args) });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  };
  const host: WorkersHost = {
    get url() {
      return up().gateway;
    },
    get control() {
      return up().control;
    },
    credential,
    dir,
    onDisk: () =>
      globSync(`${dir}/**/*`, { withFileTypes: true })
        .filter((one) => one.isFile())
        .map((one) => readFileSync(join(one.parentPath, one.name), 'latin1'))
        .join(),
    secret(name) {
      const [row] = stores.read<{ sealed: Buffer }>(`select sealed from vault where name = '${name}'`);
      return sealing
        .open(vaultKey, row?.sealed ?? Buffer.alloc(0), name)
        .toString()
        .trim();
    },
    read: stores.read,
    async sql(text) {
      await hand('gate', 'gate', 'sql', text);
      // With its next commit the gate tells of it whoever holds a lease.
      await fetch(`${up().control}/admin/cohorts`, {
        method: 'POST',
        headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
        body: JSON.stringify({ name: `by-hand-${randomBytes(4).toString('hex')}` }),
      });
    },
    crash: (tester) =>
      (tester === undefined
        ? hand('gate', 'gate', 'crash')
        : hand('tester', `tester:${tester}`, 'crash')
      ).catch(
        // It does not live to answer.
        () => {},
      ),
    cutOff: async (tester, isCut) => void (await hand('tester', `tester:${tester}`, 'cutOff', isCut)),
    written: async (tester) =>
      Number(
        await (tester === undefined
          ? hand('gate', 'gate', 'written')
          : hand('tester', `tester:${tester}`, 'written')),
      ),
    async archive<Row>(sql: string) {
      const d1 = (await up().miniflare.getD1Database('ARCHIVE', 'portcullis')) as unknown as Archive;
      return (await d1.prepare(sql).all()).results as Row[];
    },
    async tick() {
      const worker = (await up().miniflare.getWorker('portcullis')) as unknown as Scheduled;
      await worker.scheduled({ cron: '* * * * *' });
    },
    async stop() {
      await running?.miniflare.dispose();
      running = null;
    },
    async restart() {
      await host.stop();
      running = await start(dir, bindings);
    },
    async close() {
      await host.stop();
      stores.close();
      await demo?.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return host;
}

/** What miniflare types with a package that we do without. */
interface Archive {
  prepare(sql: string): { all(): Promise<{ readonly results: unknown[] }> };
}
interface Scheduled {
  scheduled(event: { readonly cron: string }): Promise<unknown>;
}

interface Running {
  readonly miniflare: Miniflare;
  readonly gateway: string;
  readonly control: string;
  /** What only a test has. */
  readonly hands: string;
}

async function start(dir: string, bindings: Readonly<Record<string, string>>): Promise<Running> {
  const { gate, control, edge } = inject('workers');
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      // Asks nobody where this machine stands.
      cf: false,
      resourcePersistencePath: dir,
      workers: [
        { ...edge, unsafeDirectSockets: [LOOPBACK, { ...LOOPBACK, entrypoint: 'Control' }] },
        // What the file says, but for its example values.
        { ...gate, bindings, unsafeDirectSockets: [{ ...LOOPBACK, entrypoint: 'Hands' }] },
        control,
      ],
    }),
  );
  await miniflare.ready;
  const at = async (worker: string, entrypoint?: string) =>
    (await miniflare.unsafeGetDirectURL(worker, entrypoint)).origin;
  return {
    miniflare,
    gateway: await at('edge'),
    control: await at('edge', 'Control'),
    hands: await at('portcullis', 'Hands'),
  };
}
