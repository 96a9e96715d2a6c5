/** A kill works within a bounded time, whatever else goes on: a flood, a disk that takes nothing, a file held by somebody else. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CHAT, post, sleep, startUpstream, type Upstream } from '../with-gate.ts';
import { admin, end, firstTester, type Process, startProcess } from '../with-process.ts';

const BOUND_MS = 4_000;
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

let dir: string;
let data: string;
let upstream: Upstream;
let gate: Process;
let token: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-fire-'));
  data = join(dir, 'data');
  // Streams that are asked for never end by themselves.
  upstream = await startUpstream((_, outgoing) => {
    const isStream = upstream.seen.at(-1)?.body.includes('"stream":true');
    outgoing.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
    if (isStream) outgoing.write('data: {}\n\n');
    else outgoing.end('{}');
  });
  gate = await startProcess(data, upstream.url);
  token = await firstTester(data, gate.control);
});
afterEach(async () => {
  await end(gate, 'SIGKILL');
  await upstream.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Stopped {
  readonly durable: boolean;
  readonly nodes: { readonly streamsCut: number }[];
}

/** Calls without end, until told; the statuses that came. */
function flood() {
  const statuses: number[] = [];
  let over = false;
  const loops = Promise.all(
    Array.from({ length: 60 }, async () => {
      while (!over) {
        const answer = await post(gate.gateway, token, CHAT).catch(() => null);
        statuses.push(answer?.status ?? 0);
        await answer?.text();
      }
    }),
  );
  const stop = () => {
    over = true;
    return loops;
  };
  return { statuses, stop };
}

async function killInTime(): Promise<Stopped> {
  const startedAt = performance.now();
  const stopped = await admin<Stopped>(data, gate.control, 'switches', { scope: 'global', reason: 'test' });
  expect(performance.now() - startedAt).toBeLessThan(BOUND_MS);
  return stopped;
}
const openStream = () => post(gate.gateway, token, { ...CHAT, stream: true });

test('under a flood: durable, and nothing passes after its acknowledgement', async () => {
  const stream = await openStream();
  const { statuses, stop } = flood();
  await sleep(300);
  const stopped = await killInTime();
  expect(stopped).toMatchObject({ durable: true, nodes: [{ streamsCut: 1 }] });
  const [seen, before] = [await upstream.arrived(), statuses.length];
  await sleep(300);
  await stop();
  expect(upstream.seen.length).toBe(seen);
  // Some of the calls that were on their way had been refused before, or answered.
  expect(new Set(statuses.slice(before + 60))).toEqual(new Set([403]));
  expect(await stream.text()).toContain('programme_stopped');
}, 20_000);

test('on a disk that takes no writes, under a flood: it cuts what streams, and says that it is not durable', async () => {
  const stream = await openStream();
  execFileSync('prlimit', ['--pid', String(gate.child.pid), '--fsize=4096:unlimited']);
  const { statuses, stop } = flood();
  await sleep(300);
  const seen = upstream.seen.length;
  const stopped = await killInTime();
  expect(stopped).toMatchObject({ durable: false, nodes: [{ streamsCut: 1 }] });
  expect(await stream.text()).toContain('programme_stopped');
  await stop();
  expect(upstream.seen.length).toBe(seen);
  expect(statuses.at(-1)).toBe(503);
}, 20_000);

test('with the database held by another process, and two hundred calls waiting for it: 503 for all, and the kill in time', async () => {
  const stream = await openStream();
  const other = new Database(join(data, 'portcullis.sqlite'));
  other.exec('begin immediate');
  const seen = upstream.seen.length;
  const calls = Promise.all(
    Array.from({ length: 200 }, async () => {
      const answer = await post(gate.gateway, token, CHAT);
      await answer.text();
      return answer.status;
    }),
  );
  await sleep(50);
  expect(await killInTime()).toMatchObject({ durable: false, nodes: [{ streamsCut: 1 }] });
  expect(await stream.text()).toContain('programme_stopped');
  expect(new Set(await calls)).toEqual(new Set([503]));
  other.exec('rollback');
  other.close();
  let status = 0;
  for (let i = 0; i < 100 && status !== 403; i++) {
    status = (await post(gate.gateway, token, CHAT)).status;
    if (status !== 403) await sleep(50);
  }
  expect(status).toBe(403);
  expect(upstream.seen.length).toBe(seen);
}, 30_000);

test('a kill from the command line holds after a crash and a restart, and only a resume opens again', async () => {
  const cli = (...args: string[]) =>
    spawnSync(process.execPath, [MAIN, ...args], {
      env: { PATH: process.env.PATH, PORTCULLIS_DATA_DIR: data, PORTCULLIS_CONTROL_URL: gate.control },
      encoding: 'utf8',
    });
  await end(gate, 'SIGKILL');
  expect(cli('kill').status).toBe(3);
  expect(cli('kill', '--offline').status).toBe(0);
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    gate = await startProcess(data, upstream.url);
    expect((await post(gate.gateway, token, CHAT)).status).toBe(403);
    await end(gate, signal);
  }
  gate = await startProcess(data, upstream.url);
  expect(cli('resume', '--reason', 'test').status).toBe(0);
  expect((await post(gate.gateway, token, CHAT)).status).toBe(200);
}, 30_000);

test.each([
  ['a file in its place', () => join(dir, 'file')],
  ['a directory where the database should be', () => join(dir, 'odd')],
])('a data directory that cannot be used: no start, and a reason: %s', (_, where) => {
  writeFileSync(join(dir, 'file'), '');
  mkdirSync(join(dir, 'odd', 'portcullis.sqlite'), { recursive: true });
  const env = { PATH: process.env.PATH, PORTCULLIS_DATA_DIR: where(), PORTCULLIS_LISTEN: '127.0.0.1:0' };
  const run = spawnSync(process.execPath, [MAIN, 'serve'], { env, encoding: 'utf8', timeout: 10_000 });
  expect([run.status, run.stderr.startsWith('portcullis: ')]).toEqual([3, true]);
});
