/**
 * CPU per call of the gate with everything on, against the bare floor, in one interleaved run.
 * CPU is utime + stime of the server's process from /proc over the calls that it answered.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const SECONDS = Number(process.env.SECONDS_PER_ROUND ?? 4);
/** Long enough for the optimising compiler, whose own threads count too. */
const WARM_UP_SECONDS = 8;
const CONNECTIONS = 64;
const TESTERS = 50;
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

interface Server {
  readonly pid: number;
  readonly url: string;
}

async function run(file: string, args: string[], env: NodeJS.ProcessEnv, url: RegExp): Promise<Server> {
  const child = spawn(process.execPath, [...FLAGS, here(file), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const found = url.exec(line)?.[1];
    if (found) return { pid: child.pid ?? 0, url: found };
  }
  throw new Error(`${file} did not start`);
}

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

async function load(server: Server, tokens: readonly string[], seconds: number) {
  const before = cpuTicks(server.pid);
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
    microseconds: ((cpuTicks(server.pid) - before) * TICK_US) / calls,
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

async function startGate(dir: string, upstream: string): Promise<{ gate: Server; tokens: string[] }> {
  const config = join(dir, 'config.yaml');
  writeFileSync(config, CONFIG);
  const env = {
    PATH: process.env.PATH,
    PORTCULLIS_CONFIG: config,
    PORTCULLIS_DATA_DIR: join(dir, 'data'),
    PORTCULLIS_LISTEN: '127.0.0.1:0',
    PORTCULLIS_CONTROL_LISTEN: '127.0.0.1:18788',
    PORTCULLIS_UPSTREAM_URL: upstream,
    PORTCULLIS_UPSTREAM_KEY: 'benchmark-key',
    ...(process.env.DURABILITY ? { PORTCULLIS_LOG_DURABILITY: process.env.DURABILITY } : {}),
  };
  const gate = await run('../src/cli/main.ts', ['serve'], env, /Testers call +(http:\S+)\/v1/);
  const credential = readFileSync(join(dir, 'data', 'operator-credential'), 'utf8').trim();
  const post = async (path: string, body: object): Promise<{ token: string }> => {
    const answer = await fetch(`http://127.0.0.1:18788/admin/${path}`, {
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
  return { gate, tokens };
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

const dir = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
try {
  const anyUrl = /(http:\S+)/;
  const env = { PATH: process.env.PATH };
  const upstream = await run('./upstream.ts', [], env, anyUrl);
  const floor = await run('./floor.ts', [upstream.url], env, anyUrl);
  const { gate, tokens } = await startGate(dir, upstream.url);
  console.log(`${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}`);
  console.log(
    `${ROUNDS} rounds of ${SECONDS} s each after ${WARM_UP_SECONDS} s of warming up, floor and gate in turn, ${CONNECTIONS} connections, ${TESTERS} testers`,
  );
  await load(floor, tokens, WARM_UP_SECONDS);
  await load(gate, tokens, WARM_UP_SECONDS);
  const ratios: number[] = [];
  const all: { floor: number[]; gate: number[] } = { floor: [], gate: [] };
  for (let round = 1; round <= ROUNDS; round++) {
    const a = await load(floor, tokens, SECONDS);
    const b = await load(gate, tokens, SECONDS);
    ratios.push(b.microseconds / a.microseconds);
    all.floor.push(a.microseconds);
    all.gate.push(b.microseconds);
    const show = (name: string, r: typeof a) =>
      `${name} ${r.microseconds.toFixed(1)} µs/call (${Math.round(r.perSecond)}/s, p50 ${r.p50} ms, p99 ${r.p99} ms)`;
    console.log(
      `round ${round}: ${show('floor', a)} | ${show('gate', b)} | ratio ${(ratios.at(-1) ?? 0).toFixed(2)}`,
    );
  }
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
  console.log(
    `median: floor ${median(all.floor).toFixed(1)} µs, gate ${median(all.gate).toFixed(1)} µs CPU per call`,
  );
  console.log(`ratio:  ${median(ratios).toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`);
} finally {
  for (const child of children) child.kill('SIGTERM');
  rmSync(dir, { recursive: true, force: true });
}
