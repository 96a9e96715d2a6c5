/** What a call costs where rows written are billed: the bound that docs/deploy-workers.md tells of. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post, startUpstream, type Upstream } from '../with-gate.ts';
import { startWorkers, type WorkersGate } from './with-gate.ts';

const CALLS = 20;
const ANSWER = '{"id":"c","object":"chat.completion","usage":{"total_tokens":8},"choices":[]}';
let gate: WorkersGate;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream((_, outgoing) =>
    outgoing.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER),
  );
  gate = await startWorkers(upstream.url);
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

test('a call writes 32 rows in its tester’s object and 28 in the gate’s at most, the copy for D1 among them', async () => {
  const ada = await gate.tester('ada');
  const call = async () => (await post(gate.url, ada, CHAT)).text();
  // The first of an object writes its tables too, and when its token was last used.
  await call();
  await gate.settled();
  const written = async () => [await gate.written('ada'), await gate.written()];
  const before = await written();
  for (let i = 0; i < CALLS; i++) await call();
  await gate.settled();
  const copied = async () =>
    (await gate.archive<{ n: number }>('select count(*) as n from requests where outcome is not null'))[0]?.n;
  await expect.poll(copied, { timeout: 15_000 }).toBe(CALLS + 1);
  const [tester = 0, own = 0] = (await written()).map((now, i) => (now - (before[i] ?? 0)) / CALLS);
  console.log(`rows written a call: ${tester} in the tester's object, ${own} in the gate's`);
  expect(tester).toBeLessThanOrEqual(32);
  expect(own).toBeLessThanOrEqual(28);
});
