/**
 * How long a stop takes, seen by the testers: from the order to the last byte on any of 1,000 open streams, in one process
 * and in two on one database; what still reaches upstream after the answer, under a flood; and the wall time of the command.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { admin, end, firstTester, type Process, startProcess } from '../test/with-process.ts';

const STREAMS = Number(process.env.STREAMS ?? 1_000);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const FLOOD_PER_SECOND = 2_000;
const FLOOD_MS = 3_000;
const CLI_RUNS = 10;
const CLI = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const UNBOUND =
  'cohorts: { artists: { allow: [{ operations: ["*"], models: ["*"] }] } }\nrequests: { maxConnectionsPerAddress: 10000 }\n';

const now = () => performance.timeOrigin + performance.now();
const children: ChildProcess[] = [];
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Seen {
  readonly open: number;
  readonly told: number;
  readonly lastByteAt: number;
  readonly sent: number;
  readonly passed: number;
  readonly refused: number;
}

class Clients {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  constructor() {
    const file = fileURLToPath(new URL('kill-clients.ts', import.meta.url));
    this.#child = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(this.#child);
    this.#lines = createInterface({ input: this.#child.stdout as NonNullable<ChildProcess['stdout']> });
  }

  async ask(order: object): Promise<Seen> {
    const answer = once(this.#lines, 'line');
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`);
    return JSON.parse(String((await answer)[0])) as Seen;
  }
}

async function startUpstream(): Promise<string> {
  const file = fileURLToPath(new URL('kill-upstream.ts', import.meta.url));
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) return line.split(' ')[1] ?? '';
  throw new Error('the upstream did not start');
}

interface Stopped {
  readonly lastByteMs: number;
  readonly nodes: { confirmedAt: string | null; streamsCut: number }[];
}

const stopAll = (dir: string, control: string) =>
  admin<Stopped>(dir, control, 'switches', { scope: 'global', reason: 'benchmark' });
const release = (dir: string, control: string) =>
  admin(dir, control, 'switches/release', { scope: 'global', reason: 'benchmark' });

/** One stop of all streams. */
async function round(dir: string, gates: Process[], clients: Clients) {
  const { control } = gates[0] as Process;
  await clients.ask({ open: { urls: gates.map(({ gateway }) => gateway), streams: STREAMS } });
  await sleep(500);
  const orderedAt = now();
  const stopped = await stopAll(dir, control);
  const answeredAt = now();
  let seen = await clients.ask({ tell: true });
  for (let i = 0; i < 100 && seen.open > 0; i++) {
    await sleep(20);
    seen = await clients.ask({ tell: true });
  }
  const cut = stopped.nodes.reduce((sum, { streamsCut }) => sum + streamsCut, 0);
  if (cut !== STREAMS || seen.open > 0 || seen.told !== STREAMS)
    throw new Error(`of ${STREAMS} streams ${cut} were cut, ${seen.told} were told, ${seen.open} go on`);
  await release(dir, control);
  return {
    answerMs: answeredAt - orderedAt,
    lastByteMs: seen.lastByteAt - orderedAt,
    saidMs: stopped.lastByteMs,
  };
}

/** Calls go to each process in turn; the order goes to the first one. */
async function flood(dir: string, gates: readonly Process[], clients: Clients, upstream: string) {
  const { control } = gates[0] as Process;
  await fetch(`${upstream}/arrivals`).then((one) => one.text());
  const urls = gates.map(({ gateway }) => gateway);
  await clients.ask({ flood: { urls, perSecond: FLOOD_PER_SECOND } });
  await sleep(FLOOD_MS);
  const orderedAt = now();
  await stopAll(dir, control);
  const answeredAt = now();
  await sleep(FLOOD_MS / 3);
  const { sent, passed, refused } = await clients.ask({ flood: null });
  const arrivals = (await (await fetch(`${upstream}/arrivals`)).json()) as number[];
  await release(dir, control);
  const after = arrivals.filter((at) => at > answeredAt).length;
  const last = Math.max(...arrivals);
  return { sent, passed, refused, arrived: arrivals.length, after, lastMs: last - orderedAt };
}

function cliKill(dir: string, control: string): number {
  const env = { PATH: process.env.PATH, PORTCULLIS_DATA_DIR: dir, PORTCULLIS_CONTROL_URL: control };
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [CLI, 'kill'], { env, encoding: 'utf8' });
  const tookMs = performance.now() - began;
  if (status !== 0) throw new Error(`kill failed: ${stderr}`);
  return tookMs;
}

const figures = (all: readonly number[]) => {
  const sorted = [...all].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return `median ${median.toFixed(0)} ms, worst ${(sorted.at(-1) ?? 0).toFixed(0)} ms`;
};

async function measure(dir: string, upstream: string, processes: number): Promise<void> {
  const config = join(dir, 'config.yaml');
  writeFileSync(config, UNBOUND);
  const data = join(dir, `data-${processes}`);
  const env = { PORTCULLIS_CONFIG: config };
  const gates: Process[] = [];
  for (let i = 0; i < processes; i++) gates.push(await startProcess(data, upstream, env));
  const gate = gates[0] as Process;
  const clients = new Clients();
  await clients.ask({ token: await firstTester(data, gate.control) });
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push(await round(data, gates, clients));
  console.log(
    `\n${STREAMS} streams in ${processes} process${processes > 1 ? 'es on one database' : ''}, ${ROUNDS} rounds`,
  );
  const each = rounds.map(({ lastByteMs }) => lastByteMs.toFixed(0)).join(', ');
  console.log(`  order → last byte of each round  ${each} ms`);
  console.log(`  order → answer                   ${figures(rounds.map((one) => one.answerMs))}`);
  console.log(`  order → last byte, at the tester ${figures(rounds.map((one) => one.lastByteMs))}`);
  console.log(`  order → last byte, as answered   ${figures(rounds.map((one) => one.saidMs))}`);
  const one = await flood(data, gates, clients, upstream);
  console.log(
    `\nFlood of ${FLOOD_PER_SECOND} calls/s, open loop: ${one.sent} sent, ${one.passed} passed, ${one.refused} refused`,
  );
  console.log(
    `  reached upstream after the answer  ${one.after} of ${one.arrived}; the last one ${one.lastMs.toFixed(1)} ms after the order`,
  );
  if (processes === 1) {
    const idle = Array.from({ length: CLI_RUNS }, () => cliKill(data, gate.control));
    console.log(`\n"portcullis kill", its own start included, ${CLI_RUNS} runs`);
    console.log(`  wall time                        ${figures(idle)}`);
    const bare = Array.from({ length: CLI_RUNS }, () => {
      const began = performance.now();
      spawnSync(process.execPath, ['-e', '0']);
      return performance.now() - began;
    });
    console.log(`  of it, a bare start of Node      ${figures(bare)}`);
  }
  for (const one of gates) await end(one);
}

const dir = mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
try {
  console.log(
    `${cpus().length} × ${cpus()[0]?.model}, Node ${process.versions.node}, ${new Date().toISOString()}`,
  );
  const upstream = await startUpstream();
  await measure(dir, upstream, 1);
  await measure(dir, upstream, 2);
} finally {
  for (const child of children) child.kill();
  rmSync(dir, { recursive: true, force: true });
}
