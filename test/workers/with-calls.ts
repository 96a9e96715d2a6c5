/** Calls that are taken by a Durable Object under workerd, before upstreams of the test. */
import type { WorkerUpstreamOptions } from '../../src/gateway/upstream.worker.ts';
import { bundle, startWorkerd } from '../engines/with-workerd.ts';
import { type Row, sleep } from '../with-gate.ts';

/** What the object is made with. */
export interface Told {
  readonly upstream: WorkerUpstreamOptions;
  readonly bodyMs: number;
  readonly readMs: number;
  readonly heldBytes: number;
  readonly jsonBytes: number;
  readonly limits: object;
}

export const KEY = 'sk-upstream-canary-key';

export interface Calls {
  readonly url: string;
  tester(id: string): Promise<string>;
  rows(): Promise<Row[]>;
  /** Waits until every row is settled. */
  settled(): Promise<Row[]>;
  stop(scope: string, reason: string): Promise<{ nodes: object[] }>;
  release(scope: string): Promise<void>;
  /** What is left of the memory for bodies, and how many sockets are open. */
  held(): Promise<[bytes: number, sockets: number]>;
  close(): Promise<void>;
}

const text = bundle('test/workers/calls.worker.ts').then((one) => one.text);

export async function startCalls(upstream: string, more: Partial<Told> = {}): Promise<Calls> {
  const told: Told = {
    upstream: { url: upstream, key: KEY, firstByteMs: 1_000, idleMs: 1_000 },
    ...{ bodyMs: 1_000, readMs: 2_000, heldBytes: 67_108_864, jsonBytes: 1_048_576, limits: {} },
    ...more,
  };
  const workerd = await startWorkerd(await text, { texts: { TOLD: JSON.stringify(told) }, local: true });
  const order = async (name: string, ...asked: string[]) => {
    const answer = await fetch(`${workerd.url}/test/${name}`, {
      method: 'POST',
      body: JSON.stringify(asked),
    });
    const said = await answer.text();
    if (!answer.ok) throw new Error(`${name}: ${said}`);
    return JSON.parse(said).answer;
  };
  const calls: Calls = {
    url: workerd.url,
    tester: (id) => order('tester', id),
    rows: () => order('rows'),
    async settled() {
      for (let i = 0; i < 200; i++) {
        const rows = await calls.rows();
        if (rows.every(({ outcome }) => outcome !== null)) return rows;
        await sleep(25);
      }
      throw new Error('a row is not settled');
    },
    stop: (scope, reason) => order('stop', scope, reason),
    release: (scope) => order('release', scope),
    held: () => order('held'),
    close: workerd.close,
  };
  return calls;
}
