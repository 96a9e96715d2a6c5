/** The wall clock set forward or back under a running gate: it opens nothing that was closed. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  CHAT,
  PERMISSIVE,
  post,
  startGate,
  startUpstream,
  type TestGate,
  type Upstream,
} from '../with-gate.ts';

const HOUR_MS = 3_600_000;
const real = Date.now;
let shiftMs = 0;
let upstream: Upstream;
let gate: TestGate;
beforeAll(async () => {
  Date.now = () => real() + shiftMs;
  upstream = await startUpstream((incoming, outgoing) => {
    const isStream = upstream.seen.at(-1)?.body.includes('"stream":true');
    outgoing.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
    if (isStream) outgoing.write('data: {}\n\n');
    else outgoing.end('{}');
    incoming.resume();
  });
});
afterAll(async () => {
  Date.now = real;
  await upstream.close();
});
beforeEach(async () => {
  shiftMs = 0;
  gate = await startGate(
    upstream.url,
    `artists: { ${PERMISSIVE} }\n  few: { ${PERMISSIVE}, limits: { requestsPerMinute: 5 } }`,
  );
});
afterEach(() => gate.close());

const statusOf = async (token: string) => {
  const answer = await post(gate.url, token, CHAT);
  await answer.text();
  return answer.status;
};
const issue = async (tester: string) => String((await gate.admin('POST', 'tokens', { tester })).token);
const revoke = (scope: string) => gate.admin('POST', 'switches', { scope, effect: 'revoke', reason: 'test' });

test('a stop holds, cuts and is acknowledged the same, whatever the clock is set to', async () => {
  const token = await gate.tester('ada');
  const stream = await post(gate.url, token, { ...CHAT, stream: true });
  shiftMs = -4_000;
  const startedAt = performance.now();
  await gate.admin('POST', 'switches', { scope: 'global', reason: 'test' });
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  expect(await stream.text()).toContain('programme_stopped');
  const seen = upstream.seen.length;
  for (shiftMs of [0, -HOUR_MS, HOUR_MS, 20 * 24 * HOUR_MS])
    expect([401, 403]).toContain(await statusOf(token));
  shiftMs = -HOUR_MS;
  await gate.restart();
  for (shiftMs of [-HOUR_MS, 0, HOUR_MS]) expect([401, 403]).toContain(await statusOf(token));
  expect(upstream.seen.length).toBe(seen);
});

test('a token that was issued by a clock an hour ahead does not outlive a revocation, and a new one works at once', async () => {
  await gate.tester('ada');
  shiftMs = HOUR_MS;
  const old = await issue('ada');
  expect(await statusOf(old)).toBe(200);
  shiftMs = 0;
  await revoke('tester:ada');
  const fresh = await issue('ada');
  expect(await statusOf(fresh)).toBe(200);
  shiftMs = HOUR_MS + 60_000;
  expect(await statusOf(old)).toBe(401);
  expect(await statusOf(fresh)).toBe(200);
});

test('a clock that is set back after a revocation: the old token stays dead, and a new one works', async () => {
  const old = await gate.tester('ada');
  await revoke('global');
  shiftMs = -HOUR_MS;
  const fresh = await issue('ada');
  expect(await statusOf(fresh)).toBe(200);
  expect(await statusOf(old)).toBe(401);
  shiftMs = 0;
  expect(await statusOf(old)).toBe(401);
  await gate.restart();
  expect(await statusOf(old)).toBe(401);
  expect(await statusOf(fresh)).toBe(200);
});

test.each([
  ['in seconds', 'unixepoch() + 5'],
  ["as SQLite's own text", "datetime('now', '+5 seconds')"],
  ['as no time at all', "'just now'"],
])('a revocation that is written by hand with its time %s takes every token of before', async (_, sql) => {
  const token = await gate.tester('ada');
  await gate.sql(`insert into switches (scope, effect, engaged_at) values ('tester:ada', 'revoke', ${sql})`);
  expect(await statusOf(token)).toBe(401);
  for (const path of ['switches', 'status', 'tokens', 'testers/ada', 'acts'])
    expect(await gate.admin('GET', path)).toBeTruthy();
});

test('over the edge of a window at most twice its quota passes, and never more', async () => {
  const token = await gate.tester('max', 'few');
  const burst = async () => {
    const statuses = await Promise.all(Array.from({ length: 20 }, () => statusOf(token)));
    return statuses.filter((status) => status === 200).length;
  };
  expect(await statusOf(token)).toBe(200);
  shiftMs = 59_000;
  expect(await burst()).toBe(4);
  shiftMs = 60_500;
  expect(await burst()).toBe(5);
  shiftMs = 61_500;
  expect(await burst()).toBe(0);
  shiftMs = 119_000;
  expect(await burst()).toBe(0);
  shiftMs = 121_500;
  expect(await burst()).toBe(5);
});

test('a clock that is set back gives no further calls, and makes no window longer', async () => {
  const token = await gate.tester('max', 'few');
  shiftMs = HOUR_MS;
  for (let i = 0; i < 5; i++) expect(await statusOf(token)).toBe(200);
  shiftMs = 0;
  expect(await statusOf(token)).toBe(429);
  shiftMs = 61_000;
  expect(await statusOf(token)).toBe(200);
});
