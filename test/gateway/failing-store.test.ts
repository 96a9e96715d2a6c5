/** A store that is full, or takes no writes: 503 and nothing sent, until a write of real size succeeds. */
import type Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Connections, watchConnections } from '../with-connections.ts';
import { CHAT, post, sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let connections: Connections;
let upstream: Upstream;
let gate: TestGate;
let token: string;
let store: Database.Database;
beforeAll(() => {
  connections = watchConnections();
});
afterAll(() => connections.restore());
beforeEach(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url);
  token = await gate.tester('ada');
  const [writer] = connections.writers(gate.dir);
  if (!writer) throw new Error('the gate opened no store');
  store = writer;
});
afterEach(async () => {
  await gate.close();
  await upstream.close();
});

const call = async () => {
  const answer = await post(gate.url, token, CHAT);
  return { status: answer.status, text: await answer.text(), wait: answer.headers.get('retry-after') };
};
async function until(status: number): Promise<void> {
  let last = 0;
  for (let i = 0; i < 3_000 && last !== status; i++) last = (await call()).status;
  expect(last).toBe(status);
}
const pages = () => Number(store.pragma('page_count', { simple: true }));
/** Every call that upstream saw has its row. */
function expectAllRecorded() {
  const ids = new Set(gate.rows("decision = 'allowed'").map(({ id }) => id));
  expect(upstream.seen.filter(({ headers }) => !ids.has(String(headers['x-request-id'])))).toEqual([]);
}

test('after SQLITE_FULL nothing passes while only small writes fit; with room the gate opens by itself', async () => {
  store.pragma(`max_page_count = ${pages()}`);
  await until(503);
  expectAllRecorded();
  const seen = upstream.seen.length;
  // Room for thousands of bytes, so that the row of a call would fit, but not for a probe.
  store.pragma(`max_page_count = ${pages() + 8}`);
  for (let i = 0; i < 20; i++) {
    const { status, text, wait } = await call();
    expect([status, wait]).toEqual([503, '1']);
    expect(JSON.parse(text)).toMatchObject({ error: { code: 'store_unavailable' } });
    await sleep(50);
  }
  expect(upstream.seen.length).toBe(seen);
  expect((await fetch(`${gate.url}/readyz`)).status).not.toBe(200);
  store.pragma('max_page_count = 1000000');
  await until(200);
  expectAllRecorded();
});

test('of calls at once on a disk that fills up, each that passes has its row, and each other is a 503', async () => {
  store.pragma(`max_page_count = ${pages() + 2}`);
  const answers = await Promise.all(Array.from({ length: 300 }, call));
  expect(answers.filter(({ status }) => status !== 200 && status !== 503)).toEqual([]);
  expect(answers.some(({ status }) => status === 503)).toBe(true);
  expect(upstream.seen.length).toBe(answers.filter(({ status }) => status === 200).length);
  expectAllRecorded();
  store.pragma('max_page_count = 1000000');
  await until(200);
});

test('a file that turned read-only: 503, a stop holds and says that it is not durable, and stays when writes return', async () => {
  store.pragma('query_only = on');
  const seen = upstream.seen.length;
  expect((await call()).status).toBe(503);
  expect(await gate.admin('POST', 'switches', { scope: 'tester:ada', reason: 'test' })).toMatchObject({
    durable: false,
    id: null,
  });
  await expect(gate.admin('POST', 'testers', { id: 'eve', cohort: 'artists' })).rejects.toThrow('503');
  await expect(gate.admin('POST', 'tokens', { tester: 'ada' })).rejects.toThrow('503');
  await expect(
    gate.admin('POST', 'switches/release', { scope: 'tester:ada', reason: 'test' }),
  ).rejects.toThrow('503');
  expect(upstream.seen.length).toBe(seen);
  store.pragma('query_only = off');
  await until(403);
  expect(upstream.seen.length).toBe(seen);
  await sleep(100);
  await gate.restart();
  expect((await call()).status).toBe(403);
});

test('a stop that held in memory is written with all that was ordered: its note, and the revocation of the tokens', async () => {
  store.pragma('query_only = on');
  expect((await call()).status).toBe(503);
  const order = { scope: 'model:held', note: 'in the dark', revokeTokens: true };
  expect(await gate.admin('POST', 'switches', order)).toMatchObject({ durable: false, note: 'in the dark' });
  store.pragma('query_only = off');
  const written = async () =>
    ((await gate.admin('GET', 'switches')).switches as { scope: string }[]).filter(
      ({ scope }) => scope === 'model:held',
    );
  for (let i = 0; i < 100 && (await written()).length < 2; i++) await sleep(25);
  expect(await written()).toMatchObject([
    { effect: 'revoke', engagedBy: 'recovered', note: 'in the dark' },
    { effect: 'stop', engagedBy: 'recovered', note: 'in the dark' },
  ]);
});

test('limits that cannot be read or written let nothing through', async () => {
  await gate.close();
  gate = await startGate(
    upstream.url,
    'artists: { allow: [{ operations: ["*"], models: ["*"] }], limits: { requestsPerMinute: 50 } }',
  );
  token = await gate.tester('ada');
  expect((await call()).status).toBe(200);
  await gate.sql('alter table limits rename to limits_gone');
  const seen = upstream.seen.length;
  for (let i = 0; i < 3; i++) expect((await call()).status).toBe(503);
  expect(upstream.seen.length).toBe(seen);
  await gate.sql('alter table limits_gone rename to limits');
  await until(200);
  await gate.sql("update testers set limits = '{not json'");
  const before = upstream.seen.length;
  expect((await call()).status).toBe(503);
  expect(upstream.seen.length).toBe(before);
  expect(gate.rows().at(-1)).toMatchObject({ decision: 'refused', outcome: 'gateway_fault' });
});
