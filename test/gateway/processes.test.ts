/** Several processes on one data directory are one gate: exact limits, one stop, nothing lost when one of them dies. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { verifyDatabase } from '../../src/log/offline.node.ts';
import { CHAT, PERMISSIVE, post, sleep, startUpstream, type Upstream } from '../with-gate.ts';
import { admin, end, firstTester, type Process, startProcess } from '../with-process.ts';

let dir: string;
let data: string;
let upstream: Upstream;
let open = 0;
let most = 0;
let processes: Process[] = [];
let token: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-two-'));
  data = join(dir, 'data');
  processes = [];
  open = most = 0;
});
afterEach(async () => {
  for (const one of processes) one.child.kill('SIGCONT');
  await Promise.all(processes.map((one) => end(one, 'SIGKILL')));
  await upstream.close();
  rmSync(dir, { recursive: true, force: true });
});

/** @param answerMs null: the answer never ends */
async function startTwo(limits: string, answerMs: number | null) {
  const own = await startUpstream((_, outgoing) => {
    most = Math.max(most, ++open);
    // Those of a test before end late.
    outgoing.on('close', () => own === upstream && open--);
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    outgoing.write('data: {}\n\n');
    if (answerMs !== null) setTimeout(() => outgoing.end('data: [DONE]\n\n'), answerMs);
  });
  upstream = own;
  const config = join(dir, 'config.yaml');
  writeFileSync(config, `cohorts:\n  artists: { ${PERMISSIVE}, ${limits} }\n`);
  const first = await startProcess(data, upstream.url, { PORTCULLIS_CONFIG: config });
  token = await firstTester(data, first.control);
  const second = await startProcess(data, upstream.url, { PORTCULLIS_CONFIG: config });
  processes = [first, second];
  return { first, second };
}
const flood = (n: number) =>
  Promise.all(
    Array.from({ length: n }, async (_, i) => {
      const answer = await post(processes[i % 2]?.gateway ?? '', token, CHAT);
      await answer.text();
      return answer.status;
    }),
  );
const passed = (statuses: number[]) => statuses.filter((status) => status === 200).length;
interface Acknowledged {
  readonly nodes: { node: string; confirmedAt: string | null; lapsedAt: string | null; streamsCut: number }[];
  readonly lastByteMs: number | null;
}

test('200 calls at once over two processes: exactly as many pass as the limit has room for', async () => {
  await startTwo('limits: { requestsPerDay: 30 }', 5);
  expect(passed(await flood(200))).toBe(30);
  expect(upstream.seen).toHaveLength(30);
  await Promise.all(processes.map((one) => end(one)));
  const report = await verifyDatabase({ dataDir: data, key: null, witnesses: [] });
  expect(report).toMatchObject({ findings: [], checked: report.entries });
  expect(report.entries).toBeGreaterThan(230);
});

test('a quota is exact over two processes', async () => {
  await startTwo('quotas: { tokens: { total: 10000 } }', null);
  const perCall = Math.ceil(JSON.stringify({ ...CHAT, max_tokens: 400 }).length / 4) + 400;
  const statuses = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const answer = await post(processes[i % 2]?.gateway ?? '', token, { ...CHAT, max_tokens: 400 });
      return answer.status;
    }),
  );
  expect(passed(statuses)).toBe(Math.floor(10_000 / perCall));
});

test('slots count over both, and those of a process that is killed are free again', async () => {
  const { first, second } = await startTwo('limits: { concurrent: 6 }', null);
  const start = (one: Process) => post(one.gateway, token, CHAT).then((answer) => answer.status);
  const both = [first, second, first, second, first, second, first, second, first, second];
  const statuses = await Promise.all(both.map(start));
  const ofSecond = passed(statuses.filter((_, i) => both[i] === second));
  expect(passed(statuses)).toBe(6);
  expect(most).toBe(6);
  await end(second, 'SIGKILL');
  for (let i = 0; i < 100 && open > 6 - ofSecond; i++) await sleep(20);
  let freed = 429;
  for (let i = 0; i < 100 && freed !== 200; i++) {
    freed = await start(first);
    if (freed !== 200) await sleep(50);
  }
  expect(freed).toBe(200);
  const db = new Database(join(data, 'portcullis.sqlite'), { readonly: true });
  const lost = db.prepare("select count(*) from requests where outcome = 'lost'").pluck();
  for (let i = 0; i < 100 && lost.get() !== ofSecond; i++) await sleep(20);
  expect(lost.get()).toBe(ofSecond);
  db.close();
});

test('a stop through one process cuts the streams of both, and says who confirmed', async () => {
  const { first, second } = await startTwo('limits: {}', null);
  const streams = await Promise.all([first, second, second].map((one) => post(one.gateway, token, CHAT)));
  const stopped = await admin<Acknowledged>(data, first.control, 'switches', {
    scope: 'global',
    reason: 'test',
  });
  expect(stopped.nodes.map(({ streamsCut }) => streamsCut)).toEqual([1, 2]);
  expect(stopped).toMatchObject({ confirmed: 2, lapsed: 0, cut: 3 });
  expect(stopped.nodes.every(({ confirmedAt }) => confirmedAt !== null)).toBe(true);
  expect(stopped.lastByteMs).toBeGreaterThanOrEqual(0);
  for (const stream of streams) expect(await stream.text()).toContain('programme_stopped');
  const before = upstream.seen.length;
  expect(await flood(20)).toEqual(Array(20).fill(403));
  expect(upstream.seen).toHaveLength(before);
});

test('a key that one process withdraws is dead in the other', async () => {
  const { first, second } = await startTwo('limits: {}', 5);
  expect((await post(second.gateway, token, CHAT)).status).toBe(200);
  await admin(data, first.control, 'keys/rotate', { overlapSeconds: 0 });
  let status = 200;
  for (let i = 0; i < 100 && status !== 401; i++) {
    status = (await post(second.gateway, token, CHAT)).status;
    await sleep(20);
  }
  expect(status).toBe(401);
});

test('a process that slept through a stop is told of as silent, and refuses when it wakes up', async () => {
  const { first, second } = await startTwo('limits: {}', null);
  const stream = await post(second.gateway, token, CHAT);
  second.child.kill('SIGSTOP');
  const waiting = post(second.gateway, token, CHAT);
  const stopped = await admin<Acknowledged>(data, first.control, 'switches', {
    scope: 'global',
    reason: 'test',
  });
  expect(stopped.nodes.map(({ confirmedAt }) => confirmedAt === null)).toEqual([false, true]);
  expect(stopped).toMatchObject({ confirmed: 1, lapsed: 1 });
  expect(stopped.nodes.map(({ lapsedAt }) => lapsedAt === null)).toEqual([true, false]);
  const before = upstream.seen.length;
  second.child.kill('SIGCONT');
  expect((await waiting).status).toBe(403);
  expect(await stream.text()).toContain('programme_stopped');
  expect(upstream.seen).toHaveLength(before);
});
