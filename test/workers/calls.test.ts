/** The way of a call in a Durable Object: what passes is what upstream said, and every call has its row. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post, startUpstream, type Upstream } from '../with-gate.ts';
import { type Calls, startCalls } from './with-calls.ts';

let calls: Calls;
let upstream: Upstream;
let token: string;
beforeAll(async () => {
  upstream = await startUpstream();
  calls = await startCalls(upstream.url);
  token = await calls.tester('ada');
});
afterAll(async () => {
  await calls.close();
  await upstream.close();
});

test('a JSON answer passes as it is, and the call has its row', async () => {
  const answer = await post(calls.url, token, CHAT);
  expect([answer.status, await answer.text()]).toEqual([200, '{"ok":true}']);
  expect(await calls.settled()).toMatchObject([{ tester: 'ada', outcome: 'complete', status: 200 }]);
});
