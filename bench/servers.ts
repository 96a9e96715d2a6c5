/**
 * Servers under load for the benchmarks of calls. CPU is utime + stime of a server's processes from /proc over the calls that
 * it answered.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';

/** Long enough for the optimising compiler, whose own threads count too. */
export const WARM_UP_SECONDS = 8;
export const CONNECTIONS = 64;
export const TESTERS = 50;
/** Linux counts process time in ticks of 10 ms. */
const TICK_US = 10_000;
/** As `npm start` has them; the floor and the upstream get the same. */
const FLAGS = ['--max-semi-space-size=64'];
const PAYLOAD = JSON.stringify({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'x'.repeat(220) }],
});
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const children: ChildProcess[] = [];

export interface Server {
  readonly pids: readonly number[];
  readonly url: string;
}

/** @param until the line behind which nothing more is asked @returns what it said until then */
async function spawned(file: string, args: string[], env: NodeJS.ProcessEnv, until: RegExp) {
  const child = spawn(process.execPath, [...FLAGS, here(file), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let said = '';
  for await (const line of createInterface({ input: child.stdout })) {
    said += `${line}\n`;
    if (until.test(line)) return { pid: child.pid ?? 0, said };
  }
  throw new Error(`${file} did not start`);
}

export async function run(file: string, args: string[], env: NodeJS.ProcessEnv): Promise<Server> {
  const { pid, said } = await spawned(file, args, env, /http:/);
  return { pids: [pid], url: said.trim() };
}

export function endAll(): void {
  for (const child of children) child.kill('SIGTERM');
}

function cpuTicks({ pids }: Server): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return sum + Number(fields[11]) + Number(fields[12]);
  }, 0);
}

export async function load(server: Server, tokens: readonly string[], seconds: number) {
  const before = cpuTicks(server);
  const result = await autocannon({
    url: `${server.url}/v1/chat/completions`,
    connections: CONNECTIONS,
    duration: seconds,
    method: 'POST',
    body: PAYLOAD,
    headers: { 'content-type': 'application/json' },
    requests: tokens.map((token) => ({
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    })),
  });
  const calls = result['2xx'];
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(
      `${result.non2xx} refused, ${result.errors} errors: ${JSON.stringify(result.statusCodeStats)}`,
    );
  return {
    microseconds: ((cpuTicks(server) - before) * TICK_US) / calls,
    perSecond: calls / seconds,
    p50: result.latency.p50,
    p99: result.latency.p99,
  };
}

/** A programme with every limit on, and none of them reached. */
const CONFIG = `
cohorts:
  bench:
    allow: [{ operations: ["chat.*"], models: ["gpt-*"] }]
    caps: { seconds: 10, size: 1920x1080 }
    limits: { requestsPerSecond: 1000000, requestsPerMinute: 100000000, requestsPerDay: 1000000000, concurrent: 1000 }
tokens: { maxLifetimeDays: 366 }
`;

/** @param dir for its configuration and its data @param args of `serve` */
export async function startGate(
  dir: string,
  upstream: string,
  args: string[] = [],
): Promise<{ gate: Server; tokens: string[] }> {
  mkdirSync(dir, { recursive: true });
  const config = join(dir, 'config.yaml');
  writeFileSync(config, CONFIG);
  const env = {
    PATH: process.env.PATH,
    PORTCULLIS_CONFIG: config,
    PORTCULLIS_DATA_DIR: join(dir, 'data'),
    PORTCULLIS_LISTEN: '127.0.0.1:0',
    PORTCULLIS_CONTROL_LISTEN: '127.0.0.1:0',
    PORTCULLIS_UPSTREAM_URL: upstream,
    PORTCULLIS_UPSTREAM_KEY: 'benchmark-key',
    ...(process.env.DURABILITY ? { PORTCULLIS_LOG_DURABILITY: process.env.DURABILITY } : {}),
  };
  const { pid, said } = await spawned('../src/cli/main.ts', ['serve', ...args], env, /kill/);
  const find = (label: RegExp) => label.exec(said)?.[1] ?? '';
  const control = find(/Operators use +(http:\S+)/);
  const together = find(/together: ([\d, ]+)/)
    .split(', ')
    .filter(Boolean)
    .map(Number);
  const credential = readFileSync(join(dir, 'data', 'operator-credential'), 'utf8').trim();
  const post = async (path: string, body: object): Promise<{ token: string }> => {
    const answer = await fetch(`${control}/admin/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${credential}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as { token: string };
  };
  await post('cohorts', { name: 'bench' });
  const tokens: string[] = [];
  for (let i = 0; i < TESTERS; i++) {
    await post('testers', { id: `tester-${i}`, cohort: 'bench' });
    tokens.push((await post('tokens', { tester: `tester-${i}` })).token);
  }
  return { gate: { pids: [pid, ...together], url: find(/Testers call +(http:\S+)\/v1/) }, tokens };
}

export function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
