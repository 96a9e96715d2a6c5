/** Faults of the store: the gate closes, says so, and opens again by itself; a kill works in all of them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bites } from '../../src/admission/switches.ts';
import { CHAT, post, sleep, startUpstream, type Upstream } from '../with-gate.ts';
import { admin, end, firstTester, type Process, startProcess } from '../with-process.ts';

let dir: string;
let data: string;
let upstream: Upstream;
let gate: Process;
let token: string;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-faults-'));
  data = join(dir, 'data');
  upstream = await startUpstream();
  gate = await startProcess(data, upstream.url);
  token = await firstTester(data, gate.control);
  expect((await post(gate.gateway, token, CHAT)).status).toBe(200);
});
afterEach(async () => {
  await end(gate, 'SIGKILL');
  await upstream.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Stopped {
  readonly durable: boolean;
}

/** As much as the system lets the process write into one file: beyond it each write fails (EFBIG). */
const limitFiles = (bytes: string) =>
  execFileSync('prlimit', ['--pid', String(gate.child.pid), `--fsize=${bytes}:unlimited`]);

async function opensAgain(expected: number): Promise<void> {
  let status = 0;
  for (let i = 0; i < 200 && status !== expected; i++) {
    status = (await post(gate.gateway, token, CHAT)).status;
    if (status !== expected) await sleep(50);
  }
  expect(status).toBe(expected);
}

test('a disk that takes no writes: 503, nothing sent, a kill holds at once and is made durable afterwards', async () => {
  limitFiles('4096');
  const seen = upstream.seen.length;
  const flood = await Promise.all(Array.from({ length: 100 }, () => post(gate.gateway, token, CHAT)));
  expect(new Set(flood.map(({ status }) => status))).toEqual(new Set([503]));
  const stopped = await admin<Stopped>(data, gate.control, 'switches', { scope: 'global', reason: 'leak' });
  expect(stopped.durable).toBe(false);
  expect((await post(gate.gateway, token, CHAT)).status).toBe(503);
  expect(upstream.seen.length).toBe(seen);

  limitFiles('unlimited');
  await opensAgain(403);
  expect(upstream.seen.length).toBe(seen);
  const db = new Database(join(data, 'portcullis.sqlite'), { readonly: true });
  const engaged = () =>
    db.prepare("select reason from switches where scope = 'global' and released_at is null").get();
  for (let i = 0; i < 100 && !engaged(); i++) await sleep(20);
  expect(engaged()).toEqual({ reason: 'leak' });
  db.close();
});

test('a database that another process holds for long: 503, nothing sent, and open again when it lets go', async () => {
  const other = new Database(join(data, 'portcullis.sqlite'));
  other.exec('begin immediate');
  const seen = upstream.seen.length;
  expect((await post(gate.gateway, token, CHAT)).status).toBe(503);
  const stopped = await admin<Stopped>(data, gate.control, 'switches', {
    scope: 'model:nothing',
    reason: 'test',
  });
  expect(stopped.durable).toBe(false);
  expect(upstream.seen.length).toBe(seen);
  other.exec('rollback');
  other.close();
  await opensAgain(200);
});

test('a kill survives a crash of the process', async () => {
  await admin(data, gate.control, 'switches', { scope: 'global', reason: 'test' });
  await end(gate, 'SIGKILL');
  gate = await startProcess(data, upstream.url);
  const seen = upstream.seen.length;
  expect((await post(gate.gateway, token, CHAT)).status).toBe(403);
  expect(upstream.seen.length).toBe(seen);
});

test.each([-3_600_000, 3_600_000])('a clock that is set by %i ms lets nobody through a stop', (shift) => {
  const engagedAt = Date.UTC(2026, 0, 1);
  const one = { id: 1, scope: 'global', reason: null, engagedAt };
  expect(bites({ ...one, effect: 'stop' }, engagedAt + shift)).toBe(true);
  // Of revocations: what was issued before stays dead, whatever the clock says now.
  expect(bites({ ...one, effect: 'revoke' }, engagedAt - 1)).toBe(true);
});
