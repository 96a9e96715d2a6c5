/** A stop where each tester has an object of its own: it reaches all of them, at once, and tells of each. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post, startUpstream, streamsCut, type Upstream } from '../with-gate.ts';
import { startWorkers, type WorkersGate } from './with-gate.ts';

const TESTERS = 200;
const AT_ONCE = 10;
let gate: WorkersGate;
let upstream: Upstream;
let tokens: string[];
beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => {
    if (incoming.url !== '/v1/chat/completions') {
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    // One event, and then it is open and silent.
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {}\n\n');
  });
  gate = await startWorkers(upstream.url);
  tokens = await Promise.all(Array.from({ length: TESTERS }, (_, i) => gate.tester(`t${i}`)));
}, 60_000);
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const models = (token: string) =>
  fetch(`${gate.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
const stop = (scope: string) => gate.admin('POST', 'switches', { scope, reason: 'A leak.' });
const release = (scope: string) => gate.admin('POST', 'switches/release', { scope, reason: 'over' });
const stream = (token: string) => post(gate.url, token, { ...CHAT, stream: true });
/** Streams that are open; each with what it will have been. */
const open = async (some: readonly string[]): Promise<{ texts: Promise<string>[] }> => {
  const streams: Response[] = [];
  // A machine of two cores begins so many objects at once, and no more, within a lease.
  for (let i = 0; i < some.length; i += AT_ONCE)
    streams.push(...(await Promise.all(some.slice(i, i + AT_ONCE).map((token) => stream(token)))));
  expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
  return { texts: streams.map((one) => one.text()) };
};

test('a global stop cuts 200 streams of 200 testers; its answer counts them all, and nobody is silent', async () => {
  const { texts } = await open(tokens);
  const stopped = await stop('global');
  const seen = upstream.seen.length;
  expect(stopped).toMatchObject({ durable: true, cut: TESTERS, lapsed: 0 });
  expect(stopped.confirmed).toBeGreaterThanOrEqual(TESTERS);
  for (const text of await Promise.all(texts))
    expect(text).toContain('event: error\ndata: {"error":{"message":"');
  const after = await Promise.all(tokens.map(models));
  expect(new Set(after.map(({ status }) => status))).toEqual(new Set([403]));
  expect(upstream.seen.length).toBe(seen);
  const rows = (await gate.settled()).filter(({ outcome }) => outcome === 'cut');
  expect(new Set(rows.map(({ tester }) => tester)).size).toBe(TESTERS);
  await release('global');
}, 60_000);

test('a stop of one tester cuts that one alone, and of a cohort all of it', async () => {
  const [one = '', ...others] = tokens.slice(0, 5);
  const [hers, theirs] = [await open([one]), await open(others)];
  expect(streamsCut(await stop('tester:t0'))).toBe(1);
  expect(await hers.texts[0]).toContain('event: error');
  expect((await models(others[0] ?? '')).status).toBe(200);
  expect(streamsCut(await stop('cohort:artists'))).toBe(4);
  for (const text of await Promise.all(theirs.texts)) expect(text).toContain('event: error');
  await release('cohort:artists');
  await release('tester:t0');
});

test('a token that is revoked is dead with the next call, and one that is issued is good with the next', async () => {
  const token = String((await gate.admin('POST', 'tokens', { tester: 't7' })).token);
  expect((await models(token)).status).toBe(200);
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  await gate.admin('POST', `tokens/${jti}/revoke`, {});
  expect([(await models(token)).status, (await models(tokens[7] ?? '')).status]).toEqual([401, 200]);
});
