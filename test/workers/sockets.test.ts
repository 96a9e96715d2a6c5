/** A WebSocket through a Durable Object: what passes, what does not, and how it can end. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { raw, sleep } from '../with-gate.ts';
import { dial, type Heard } from '../with-realtime.ts';
import { startSocketUpstream, until } from '../with-socket-upstream.ts';
import { type Calls, KEY, startCalls } from './with-calls.ts';

const MIB = 1_048_576;
let calls: Calls;
let upstream: Awaited<ReturnType<typeof startSocketUpstream>>;
let token: string;
beforeAll(async () => {
  upstream = await startSocketUpstream();
  const bounds = { url: upstream.url, key: KEY, firstByteMs: 1_000, idleMs: 2_000 };
  calls = await startCalls(upstream.url, { upstream: bounds });
  token = await calls.tester('ada');
});
afterAll(async () => {
  await calls.close();
  await upstream.close();
});
const opened: Heard[] = [];
afterEach(() => {
  for (const { ws } of opened.splice(0)) ws.terminate();
});
beforeEach(() => {
  upstream.refusal = null;
  upstream.protocol = 'realtime';
  upstream.serve = (ws) => ws.send('{"type":"session.created"}');
});
const last = async () => (await calls.settled()).at(-1);
const seen = () => upstream.seen.at(-1);
async function open(options: Parameters<typeof dial>[1] = { token }): Promise<Heard> {
  const one = dial(calls.url, options);
  opened.push(one);
  expect((await one.opened).status).toBe(101);
  await one.heard('session.created');
  return one;
}

test('frames pass as they are, both ways, in their order', async () => {
  upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  };
  const one = await open();
  const kinds: boolean[] = [];
  one.ws.on('message', (_, isBinary) => kinds.push(isBinary));
  const sent = Array.from({ length: 500 }, (_, i) => `{"type" : "input_audio_buffer.append", "n":${i}}`);
  sent.forEach((frame, i) => {
    one.ws.send(frame, { binary: i % 5 === 0 });
  });
  await until(() => one.events.length === 501);
  expect(seen()?.frames).toEqual(sent);
  expect(one.events.slice(1).map(({ n }) => n)).toEqual(sent.map((_, i) => i));
  expect(kinds).toEqual(sent.map((_, i) => i % 5 === 0));
  one.ws.close(4001, 'enough');
  expect(await one.closed).toEqual({ code: 4001, reason: 'enough' });
  await until(() => seen()?.closed === 4001);
  const bytes = sent.join('').length;
  expect(await last()).toMatchObject({ outcome: 'complete', bytes_in: bytes, bytes_out: bytes + 26 });
  expect(await calls.held()).toEqual([67_108_864, 0]);
});

test.each([
  ['header', () => ({ token, protocols: ['realtime'] })],
  ['subprotocol', () => ({ protocols: ['realtime', `openai-insecure-api-key.${token}`] })],
])('a token in the %s opens it, and neither upstream nor the answer has it', async (_, options) => {
  const one = await open({ ...options(), headers: { cookie: 'a=b', 'openai-beta': 'realtime=v1' } });
  const { headers } = await one.opened;
  expect(one.ws.protocol).toBe('realtime');
  expect(seen()?.url).toBe('/v1/realtime?model=gpt-realtime');
  expect(seen()?.headers).toMatchObject({
    authorization: `Bearer ${KEY}`,
    'openai-beta': 'realtime=v1',
    'sec-websocket-protocol': 'realtime',
    'x-request-id': headers['x-request-id'],
  });
  const hidden = ['cookie', 'sec-websocket-extensions'];
  expect(hidden.filter((name) => name in (seen()?.headers ?? {}))).toEqual([]);
  one.ws.close();
  expect(JSON.stringify([headers, seen(), await last()])).not.toContain(token);
});

test('a subprotocol that upstream was not asked for is taken from nobody', async () => {
  upstream.protocol = 'chat';
  const answer = await dial(calls.url, { token, protocols: ['realtime'] }).opened;
  expect([answer.status, await last()]).toMatchObject([502, { outcome: 'upstream_error' }]);
});

test('without a subprotocol none is selected', async () => {
  const one = await open();
  expect([one.ws.protocol, seen()?.headers['sec-websocket-protocol']]).toEqual(['', undefined]);
  one.ws.close();
});

test('a big frame passes, and one beyond the bound is refused, in both directions', async () => {
  const big = JSON.stringify({ type: 'x', audio: 'a'.repeat(15 * MIB) });
  upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    ws.on('message', () => ws.send(big));
  };
  const one = await open();
  one.ws.send(big);
  await one.heard('x');
  expect(seen()?.frames.at(-1)?.length).toBe(big.length);
  one.ws.send(Buffer.alloc(17 * MIB, 0x20));
  expect((await one.closed).code).toBe(1009);
  await until(() => seen()?.closed === 1001);
  expect(await last()).toMatchObject({
    ...{ outcome: 'cut', detail: 'invalid_request: Max payload size exceeded' },
  });
  upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    ws.send(Buffer.alloc(17 * MIB, 0x20));
  };
  const two = await open();
  expect((await two.closed).code).toBe(1011);
  await until(() => seen()?.closed === 1009);
  expect(await last()).toMatchObject({ outcome: 'upstream-error', detail: 'Max payload size exceeded' });
});

test('beyond what the runtime itself takes, too', async () => {
  const one = await open();
  one.ws.send(Buffer.alloc(40 * MIB, 0x20));
  // Whoever is still sending may be broken off before it reads why.
  expect([1006, 1009]).toContain((await one.closed).code);
  await until(() => seen()?.closed === 1001);
  expect(await last()).toMatchObject({ outcome: 'cut', detail: expect.stringContaining('too large') });
});

test('a stop closes the socket with its reason, and nothing passes after it', async () => {
  let pouring: ReturnType<typeof setInterval>;
  upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    pouring = setInterval(() => ws.send('{"type":"response.output_text.delta"}'), 1);
    ws.on('close', () => clearInterval(pouring));
  };
  const one = await open();
  one.send({ type: 'response.create' });
  await one.heard('response.output_text.delta');
  await until(() => seen()?.frames.length === 1);
  expect(await calls.stop('tester:ada', 'Not now.')).toMatchObject({ nodes: [{ streamsCut: 1 }] });
  one.send({ type: 'response.create' });
  const { code, reason } = await one.closed;
  expect([code, reason]).toEqual([1008, expect.stringContaining('Not now.')]);
  expect(one.events.at(-1)).toMatchObject({ type: 'error', error: { code: 'access_suspended' } });
  await until(() => seen()?.closed === 1006);
  expect(seen()?.frames).toHaveLength(1);
  expect(await last()).toMatchObject({ outcome: 'cut', detail: 'tester:ada', status: 101 });
  await calls.release('tester:ada');
});

test('a stop while upstream is still dialled: 403, and the dial is broken off', async () => {
  upstream.refusal = '';
  const before = upstream.seen.length;
  const one = dial(calls.url, { token });
  await until(() => upstream.seen.length > before);
  await calls.stop('tester:ada', 'Not now.');
  const answer = await one.opened;
  expect([answer.status, answer.body.includes('Not now.')]).toEqual([403, true]);
  expect(await last()).toMatchObject({ outcome: 'access_suspended', status: 403 });
  await calls.release('tester:ada');
});

test('after a stop no more goes out to a client that lags behind than the runtime had taken', async () => {
  const frame = JSON.stringify({ type: 'x', audio: randomBytes(MIB / 2).toString('base64') });
  upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    for (let i = 0; i < 20; i++) ws.send(frame);
  };
  const one = await open();
  one.ws.pause();
  await sleep(500);
  await calls.stop('tester:ada', 'Not now.');
  one.ws.resume();
  expect((await one.closed).code).toBe(1001);
  expect(one.events.some(({ type }) => type === 'error')).toBe(false);
  await calls.release('tester:ada');
});

test('a client that reads slowly loses nothing that fits into what is kept for it', async () => {
  const frame = JSON.stringify({ type: 'x', audio: randomBytes(MIB / 2).toString('base64') });
  upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    for (let i = 0; i < 18; i++) ws.send(frame);
  };
  const one = await open();
  one.ws.pause();
  await sleep(700);
  one.ws.resume();
  await until(() => one.events.length === 19);
  one.ws.close();
  expect(await last()).toMatchObject({ outcome: 'complete', bytes_out: 18 * frame.length + 26 });
});

test('what an upstream sends beyond that is not kept: it is closed, and the client is told', async () => {
  const frame = JSON.stringify({ type: 'x', audio: randomBytes(MIB / 2).toString('base64') });
  upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    for (let i = 0; i < 60; i++) ws.send(frame);
  };
  const one = await open();
  one.ws.pause();
  await until(() => seen()?.closed === 1008);
  one.ws.resume();
  expect((await one.closed).code).toBe(1001);
  expect(await last()).toMatchObject({
    outcome: 'upstream-error',
    detail: 'more frames than the other side takes',
  });
});

test('a client that takes nothing is let go', async () => {
  const frame = JSON.stringify({ type: 'x', audio: randomBytes(MIB / 2).toString('base64') });
  upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    for (let i = 0; i < 20; i++) ws.send(frame);
  };
  const one = await open();
  one.ws.pause();
  await until(() => seen()?.closed === 1001);
  expect(await last()).toMatchObject({ outcome: 'client-gone', detail: 'idle' });
  one.ws.terminate();
});

test('a quiet socket stays open', async () => {
  const one = await open();
  await sleep(2_500);
  expect(one.ws.readyState).toBe(one.ws.OPEN);
  one.ws.close();
  await one.closed;
});

test('a client that vanishes is settled as gone, and upstream is let go', async () => {
  const one = await open();
  one.ws.terminate();
  await until(() => seen()?.closed !== null);
  expect(await last()).toMatchObject({ outcome: 'client-gone', status: 101 });
});

test.each<[string, (ws: WebSocket) => void, number, string, string | null]>([
  ['ends the session', (ws) => ws.close(1000, 'done'), 1000, 'complete', 'close 1000'],
  ['ends it without a code', (ws) => ws.close(), 1005, 'complete', 'close 1005'],
  ['fails', (ws) => ws.close(1011, 'oops'), 1011, 'upstream-error', 'close 1011'],
  ['speaks of our key', (ws) => ws.close(1008, `bad ${KEY}`), 1008, 'upstream-error', 'close 1008'],
  ['breaks off', (ws) => ws.terminate(), 1011, 'upstream-error', 'connection lost'],
  ['refuses our key', (ws) => ws.close(3000, KEY), 1011, 'upstream_refused_us', 'close 3000'],
  ['quotes our key', (ws) => ws.send(`{"x":"${KEY}"}`), 1011, 'upstream_answer_refused', 'key-echoed'],
])('an upstream that %s', async (_, end, code, outcome, detail) => {
  upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    ws.on('message', () => end(ws));
  };
  const one = await open();
  one.send({ type: 'response.create' });
  const closed = await one.closed;
  expect(closed.code).toBe(code);
  const row = await last();
  expect(row).toMatchObject({ outcome, detail });
  expect(JSON.stringify([closed, one.events, row])).not.toContain(KEY);
});

test.each([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3001, 4999])(
  'the close code %i passes from the client to upstream',
  async (code) => {
    const one = await open();
    one.ws.close(code, 'why');
    await until(() => seen()?.closed === code);
    expect(await last()).toMatchObject({ outcome: 'complete' });
  },
);

test.each([
  [401, 502, 'upstream_refused_us'],
  [302, 502, 'upstream_answer_refused'],
  [404, 404, 'upstream_answer_refused'],
  [429, 429, 'upstream_answer_refused'],
])('an upstream that answers %i: %i, and its words stay behind', async (status, told, code) => {
  upstream.refusal = `HTTP/1.1 ${status} No\r\nlocation: http://169.254.169.254/\r\nretry-after: 7\r\ncontent-length: ${KEY.length}\r\n\r\n${KEY}`;
  const answer = await dial(calls.url, { token }).opened;
  expect([answer.status, JSON.parse(answer.body).error.code]).toEqual([told, code]);
  expect(JSON.stringify(answer)).not.toContain(KEY);
  expect(await last()).toMatchObject({ outcome: code, status: told, upstream_status: status });
  expect(answer.headers['retry-after']).toBe(told < 500 ? '7' : undefined);
});

const SWITCH = 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\n';
test.each([
  ['never answers', '', 504, 'upstream_timeout'],
  ['answers with another protocol', `${SWITCH}Upgrade: x\r\n\r\n`, 502, 'upstream_answer_refused'],
  ['does not know the handshake', `${SWITCH}Upgrade: websocket\r\n\r\n`, 502, 'upstream_answer_refused'],
  ['breaks off', 'HTTP/1.1 1', 502, 'upstream_error'],
  [
    'quotes our key in its head',
    `HTTP/1.1 403 No\r\nx-request-id: ${KEY}\r\ncontent-length: 0\r\n\r\n`,
    502,
    'upstream_answer_refused',
  ],
])('an upstream that %s', async (_, refusal, status, outcome) => {
  upstream.refusal = refusal;
  const answer = await dial(calls.url, { token }).opened;
  expect([answer.status, await last()]).toMatchObject([status, { outcome, status }]);
  expect(JSON.stringify([answer, await last()])).not.toContain(KEY);
});

const handshake = (headers: Record<string, string>, target = '/v1/realtime?model=gpt-realtime') => {
  const all = {
    ...{ host: 'x', authorization: `Bearer ${token}`, connection: 'Upgrade', upgrade: 'websocket' },
    ...{ 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers },
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
};
test.each<[string, Record<string, string>, string?]>([
  ['a key that is none', { 'sec-websocket-key': 'short' }],
  ['another version', { 'sec-websocket-version': '8' }],
  ['h2c', { upgrade: 'h2c' }],
  ['two credentials', { 'sec-websocket-protocol': 'openai-insecure-api-key.x' }],
  ['an upgrade of another route', {}, '/v1/models'],
  ['a body', { 'content-length': '3' }],
])('%s: 400, and nothing is dialled', async (_, headers, target) => {
  const before = upstream.seen.length;
  expect(await raw(calls.url, handshake(headers, target))).toMatch(/^HTTP\/1\.1 400 /);
  expect([(await last())?.status, upstream.seen.length]).toEqual([400, before]);
});

test('a client that breaks off while upstream is dialled holds nothing', async () => {
  upstream.refusal = '';
  const before = upstream.seen.length;
  const { hostname, port } = new URL(calls.url);
  const socket = connect(Number(port), hostname, () => socket.write(handshake({})));
  socket.on('error', () => {});
  await until(() => upstream.seen.length > before);
  socket.resetAndDestroy();
  expect(await last()).toMatchObject({ outcome: 'client-gone', status: null });
  expect((await calls.held())[1]).toBe(0);
});
