/** Limits are exact, and the log counts every call. */
import { parseList } from 'structured-headers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  CHAT,
  PERMISSIVE,
  post,
  startGate,
  startUpstream,
  type TestGate,
  type Upstream,
} from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
let held: (() => void)[] = [];
let holding = false;
beforeAll(async () => {
  upstream = await startUpstream((_, outgoing) => {
    const answer = () => outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    if (holding) held.push(answer);
    else answer();
  });
  gate = await startGate(
    upstream.url,
    `minute: { ${PERMISSIVE}, limits: { requestsPerMinute: 30, requestsPerDay: 1000 } }
  slots: { ${PERMISSIVE}, limits: { concurrent: 7 } }
  wide: { ${PERMISSIVE}, limits: { requestsPerSecond: 100000, requestsPerMinute: 1000000, concurrent: 500 } }`,
  );
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const all = (token: string, n: number) =>
  Promise.all(Array.from({ length: n }, () => post(gate.url, token, CHAT)));
const count = (answers: Response[], status: number) => answers.filter((one) => one.status === status).length;

test('200 calls at once against 30 a minute: exactly 30 pass, and a restart gives nothing back', async () => {
  const token = await gate.tester('max', 'minute');
  const answers = await all(token, 200);
  expect([count(answers, 200), count(answers, 429)]).toEqual([30, 170]);
  const refused = answers.find(({ status }) => status === 429);
  expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused?.headers.get('x-ratelimit-remaining-requests')).toBe('0');
  await gate.restart();
  expect((await post(gate.url, token, CHAT)).status).toBe(429);
});

test('a call that one limit refuses uses up none of the others', async () => {
  const answer = await post(gate.url, await gate.tester('mia', 'minute'), CHAT);
  expect(answer.headers.get('ratelimit')).toContain('"day";r=999');
  const refusedBefore = gate.rows("tester = 'max' and outcome = 'rate_limited'").length;
  expect(refusedBefore).toBeGreaterThan(0);
  await gate.admin('PATCH', 'testers/max', { limits: { requestsPerMinute: 1000 }, reason: 'demo day' });
  const token = String((await gate.admin('POST', 'tokens', { tester: 'max' })).token);
  expect((await post(gate.url, token, CHAT)).headers.get('ratelimit')).toContain('"day";r=969');
});

test('the limit headers are structured fields', async () => {
  const answer = await post(gate.url, await gate.tester('sofia', 'minute'), CHAT);
  for (const name of ['ratelimit', 'ratelimit-policy'])
    expect(parseList(answer.headers.get(name) ?? '').length).toBe(2);
});

test('slots are exact, and given back when calls end', async () => {
  const token = await gate.tester('sam', 'slots');
  for (let round = 0; round < 2; round++) {
    holding = true;
    const calls = Array.from({ length: 40 }, () => post(gate.url, token, CHAT));
    let refused = 0;
    for (const call of calls) void call.then(({ status }) => status === 429 && refused++);
    for (let i = 0; i < 200 && refused < 33; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    holding = false;
    for (const answer of held.splice(0)) answer();
    const answers = await Promise.all(calls);
    expect([count(answers, 200), count(answers, 429)]).toEqual([7, 33]);
    await gate.settled();
  }
  held = [];
});

test('ten thousand calls from fifty testers leave ten thousand rows, each outcome counted', async () => {
  const tokens: string[] = [];
  for (let i = 0; i < 50; i++) tokens.push(await gate.tester(`t${i}`, 'wide'));
  const seen = upstream.seen.length;
  for (let round = 0; round < 40; round++)
    await Promise.all(
      tokens.flatMap((token) =>
        Array.from({ length: 5 }, async (_, i) =>
          (await (i === 4 ? post(gate.url, token, {}, '/v1/none') : post(gate.url, token, CHAT))).text(),
        ),
      ),
    );
  await gate.settled();
  const counted = (outcome: string) => gate.rows(`outcome = '${outcome}' and tester glob 't[0-9]*'`).length;
  expect([counted('complete'), counted('route_unknown')]).toEqual([8_000, 2_000]);
  expect(upstream.seen.length - seen).toBe(8_000);
}, 120_000);
