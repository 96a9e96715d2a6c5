/** Stops: at once, whole, and for as long as they are engaged. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  CHAT,
  post,
  sleep,
  startGate,
  startUpstream,
  streamsCut,
  type TestGate,
  type Upstream,
} from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
let token: string;
beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => {
    if (incoming.url !== '/v1/chat/completions') {
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(() => outgoing.write('data: {}\n\n'), 10);
    outgoing.on('close', () => clearInterval(timer));
  });
  gate = await startGate(upstream.url);
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const models = () => fetch(`${gate.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
const stop = (scope: string, more = {}) => gate.admin('POST', 'switches', { scope, reason: 'test', ...more });
const release = (scope: string) => gate.admin('POST', 'switches/release', { scope, reason: 'test' });

test('a global stop cuts 200 open streams, and nothing is dispatched after its answer', async () => {
  const streams = await Promise.all(
    Array.from({ length: 200 }, () => post(gate.url, token, { ...CHAT, stream: true })),
  );
  expect(streams.every(({ status }) => status === 200)).toBe(true);
  let flooding = true;
  const flood = (async () => {
    while (flooding) await models();
  })();
  const texts = Promise.all(streams.map((one) => one.text()));
  const stopped = await stop('global', { reason: 'Drill.' });
  const seen = await upstream.arrived();
  expect(streamsCut(stopped)).toBe(200);
  for (const text of await texts)
    expect(text).toMatch(/\n\nevent: error\ndata: \{"error":\{"message":"[^"]*Drill/);
  await sleep(150);
  flooding = false;
  await flood;
  expect(upstream.seen.length).toBe(seen);
  expect((await gate.settled()).filter(({ outcome }) => outcome === 'cut')).toHaveLength(200);
});

test('it is still stopped after a restart, and passes again when released', async () => {
  await gate.restart();
  expect((await models()).status).toBe(403);
  await release('global');
  expect((await models()).status).toBe(200);
});

test.each(['cohort:artists', 'tester:ada', 'global'])('%s stops, and tells why', async (scope) => {
  await stop(scope, { reason: 'Because.' });
  const answer = await models();
  expect(answer.status).toBe(403);
  expect(answer.headers.get('x-should-retry')).toBe('false');
  expect(await answer.text()).toContain('Because.');
  await release(scope);
  expect((await models()).status).toBe(200);
});

test('a model can be stopped alone', async () => {
  await stop('model:gpt-4o-mini');
  expect((await post(gate.url, token, CHAT)).status).toBe(403);
  expect((await models()).status).toBe(200);
  await release('model:gpt-4o-mini');
});

test('a row written by hand takes effect like any other: new calls are refused, open streams are cut', async () => {
  const stream = await post(gate.url, token, CHAT);
  const text = stream.text();
  await gate.sql("insert into switches (scope) values ('global')");
  expect((await models()).status).toBe(403);
  expect(await text).toContain('event: error');
  await gate.sql('update switches set released_at = 1 where released_at is null');
  expect((await models()).status).toBe(200);
});

test('a revoked token stays dead, whatever is released, and a new one works', async () => {
  const doomed = String((await gate.admin('POST', 'tokens', { tester: 'ada' })).token);
  const call = () => fetch(`${gate.url}/v1/models`, { headers: { authorization: `Bearer ${doomed}` } });
  expect((await call()).status).toBe(200);
  const { jti } = JSON.parse(Buffer.from(doomed.split('.')[1] ?? '', 'base64url').toString());
  await gate.admin('POST', `tokens/${jti}/revoke`, {});
  expect((await call()).status).toBe(401);
  await stop('global');
  await release('global');
  await gate.restart();
  expect((await call()).status).toBe(401);
  const freed = gate.sql(`update switches set released_at = 1 where scope = 'token:${jti}'`);
  await expect(freed).rejects.toThrow(/revocation_stays/);
  expect((await models()).status).toBe(200);
});

test('a global revocation kills every token issued before it, and none issued after', async () => {
  const old = token;
  await stop('global', { effect: 'revoke' });
  expect((await models()).status).toBe(401);
  token = String((await gate.admin('POST', 'tokens', { tester: 'ada' })).token);
  expect((await models()).status).toBe(200);
  expect((await fetch(`${gate.url}/v1/models`, { headers: { authorization: `Bearer ${old}` } })).status).toBe(
    401,
  );
});
