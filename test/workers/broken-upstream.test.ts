/** Whatever bytes upstream sends to an object: the tester gets a whole answer, a refusal or a broken one, and the slot is free again. */
import { connect, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from '../with-attack.ts';
import { CHAT, sleep } from '../with-gate.ts';
import { NO_ANSWERS, OK, type RawUpstream, startRawUpstream } from '../with-raw-upstream.ts';
import { type Calls, KEY, startCalls } from './with-calls.ts';

let calls: Calls;
let upstream: RawUpstream;
let token: string;
beforeAll(async () => {
  upstream = await startRawUpstream();
  // One slot: a call that kept it would refuse every test behind it.
  calls = await startCalls(upstream.url, { limits: { concurrent: 1 } });
  token = await calls.tester('ada');
});
afterAll(async () => {
  await calls.close();
  await upstream.close();
});

const bytes = (text: string) => (socket: Socket) => void socket.end(text, 'latin1');
async function call(serve: (socket: Socket) => void) {
  upstream.serve = serve;
  const body = JSON.stringify(CHAT);
  const head = `Host: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
  const text = `POST /v1/chat/completions HTTP/1.1\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  const [seen, before] = [upstream.seen.length, (await calls.rows()).length];
  const [answer] = await send(calls.url, text);
  const [row, ...more] = (await calls.settled()).slice(before);
  expect([more.length, upstream.seen.length]).toEqual([0, seen + 1]);
  return { answer, row };
}

/** The runtime reads it as an answer with one meaning. */
const READ = 'bare line feeds';

test.each(NO_ANSWERS.filter(([what]) => what !== READ))('%s is a 502', async (_, text) => {
  const { answer, row } = await call(bytes(text));
  expect([answer?.status, row?.outcome, row?.status]).toEqual([502, 'upstream_error', 502]);
  expect(answer?.headers.get('cache-control')).toBe('no-store');
});

test('bare line feeds end no header too late', async () => {
  const { answer } = await call(bytes(`${OK}ETag: a\nContent-Length: 2\n\n{}`.replaceAll('\r', '')));
  expect([answer?.status, answer?.headers.get('etag'), answer?.body]).toEqual([200, 'a', '{}']);
});

test('a reset before the first byte is a 502', async () => {
  const { answer, row } = await call((socket) => socket.resetAndDestroy());
  expect([answer?.status, row?.outcome]).toEqual([502, 'upstream_error']);
});

const half = gzipSync(JSON.stringify(Array.from({ length: 2_000 }, Math.random))).toString(
  'latin1',
  0,
  9_000,
);
const coded = `Content-Encoding: gzip\r\nContent-Length: 18000\r\n\r\n${half}`;
test.each([
  ['of a length', 'Content-Length: 50\r\n\r\n{"half":', 'ends'],
  ['of a length', 'Content-Length: 50\r\n\r\n{"half":', 'is reset'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n8\r\n{"half":\r\n', 'ends'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n8\r\n{"half":\r\n', 'is reset'],
  ['that is coded', coded, 'ends'],
  ['that is coded', coded, 'is reset'],
])('an answer %s that %3$s in the middle is broken off', async (_, text, how) => {
  const { answer, row } = await call((socket) => {
    socket.write(OK + text, 'latin1');
    setTimeout(() => (how === 'ends' ? socket.end() : socket.resetAndDestroy()), 50);
  });
  expect([answer, row?.outcome, row?.status, row?.detail]).toEqual([
    undefined,
    'upstream-error',
    200,
    'broken',
  ]);
});

test.each([
  ['after its head', `${OK}Content-Length: 9\r\n\r\n`],
  ['inside its head', `${OK}Content-`],
])('one that falls silent %s is a 504', async (_, text) => {
  const { answer, row } = await call((socket) => void socket.write(text));
  expect([answer?.status, row?.outcome]).toEqual([504, 'upstream_timeout']);
});

test('one that falls silent in its body is broken off', async () => {
  const { answer, row } = await call((socket) => void socket.write(`${OK}Content-Length: 9\r\n\r\n{`));
  expect([answer, row?.outcome, row?.detail]).toEqual([undefined, 'upstream-error', 'timeout']);
});

test.each([301, 302, 303, 307, 308, 600, 999])(
  'a status of %i is refused, and a redirect is followed nowhere',
  async (status) => {
    const location = `Location: ${upstream.url}/v1/models\r\nRefresh: 0;url=${upstream.url}\r\n`;
    const text = `HTTP/1.1 ${status} X\r\n${location}Content-Length: 0\r\n\r\n`;
    const { answer, row } = await call(bytes(text));
    expect([answer?.status, row?.outcome]).toEqual([502, 'upstream_answer_refused']);
    expect([answer?.headers.has('location'), answer?.headers.has('refresh')]).toEqual([false, false]);
  },
);

test('hints come before an answer, and stay behind', async () => {
  const { answer } = await call(
    bytes(`HTTP/1.1 103 Hints\r\nLink: </x>\r\n\r\n${OK}Content-Length: 2\r\n\r\n{}`),
  );
  expect([answer?.status, answer?.body, answer?.headers.has('link')]).toEqual([200, '{}', false]);
});

test('a 204 goes on without the length that it announced', async () => {
  const { answer } = await call(bytes('HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n'));
  expect([answer?.status, answer?.headers.has('content-length')]).toEqual([204, false]);
});

test('bytes behind a whole answer are no part of it, nor of the next one', async () => {
  const evil = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL';
  const first = await call((socket) => void socket.write(`${OK}Content-Length: 2\r\n\r\n{}${evil}`));
  const second = await call((socket) => void socket.write(`${OK}Content-Length: 2\r\n\r\n[]`));
  expect([first.answer?.body, second.answer?.body]).toEqual(['{}', '[]']);
});

test('headers that are named like members of every object harm nothing, and stay behind', async () => {
  const names = ['__proto__', '__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  const lines = names.map((name) => `${name}: x\r\n`).join('');
  const { answer, row } = await call(bytes(`${OK}${lines}Content-Length: 2\r\n\r\n{}`));
  expect([answer?.status, row?.outcome]).toEqual([200, 'complete']);
  expect(names.filter((name) => answer?.headers.has(name.toLowerCase()))).toEqual([]);
});

test.each([
  ['a header', `X-Said: ${KEY}\r\nContent-Length: 2\r\n\r\n{}`, 502],
  ['the first bytes', `Content-Length: 30\r\n\r\n[${KEY}]\n\n\n\n\n\n`, 502],
  ['a later piece', `Content-Type: text/event-stream\r\n\r\ndata: 1\n\ndata: ${KEY.slice(0, 9)}`, 200],
])('our key in %s of an answer never comes down', async (_, text, status) => {
  const { answer, row } = await call((socket) => {
    socket.write(OK + text);
    if (status === 200) setTimeout(() => socket.write(`${KEY.slice(9)}\n\n`), 100);
  });
  expect([answer?.status, row?.status, row?.detail]).toEqual([
    status === 200 ? undefined : 502,
    status,
    'key-echoed',
  ]);
  expect(JSON.stringify([...(answer?.headers ?? []), answer?.body, row])).not.toContain(KEY);
});

/** Upstream has sent its head and nothing more; resolves when upstream sees its connection end. */
function silentAfterHead(): { begun: Promise<void>; ended: Promise<void>; serve: (socket: Socket) => void } {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const serve = (socket: Socket) => {
    socket.on('close', () => ended.resolve());
    socket.write(`${OK}Content-Type: text/event-stream\r\n\r\n`, () => begun.resolve());
  };
  return { begun: begun.promise, ended: ended.promise, serve };
}

test('a stop between the head of an answer and its first byte is a refusal that says why, and upstream is let go', async () => {
  const { begun, ended, serve } = silentAfterHead();
  const calling = call(serve);
  await begun;
  await sleep(100);
  const stopped = await calls.stop('tester:ada', 'Not now.');
  const { answer, row } = await calling;
  await ended;
  expect(stopped).toMatchObject({ nodes: [{ callsRefusedInFlight: 1, streamsCut: 0 }] });
  expect([answer?.status, answer?.body.includes('Not now.')]).toEqual([403, true]);
  expect(row).toMatchObject({ outcome: 'access_suspended', status: 403 });
  await calls.release('tester:ada');
});

test('a client that breaks off there gives its slot back, and upstream is let go', async () => {
  const { begun, ended, serve } = silentAfterHead();
  upstream.serve = serve;
  const { hostname, port } = new URL(calls.url);
  const socket = connect(Number(port), hostname, () =>
    socket.write(`GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`),
  );
  socket.on('error', () => {});
  await begun;
  await sleep(100);
  // The runtime takes an end that is none for a client that still listens.
  socket.resetAndDestroy();
  await ended;
  expect((await calls.settled()).at(-1)).toMatchObject({ outcome: 'client-gone', status: null });
  expect((await call(bytes(`${OK}Content-Length: 2\r\n\r\n{}`))).answer?.status).toBe(200);
});

test('an upstream that cannot be reached is a 502', async () => {
  const away = await startCalls('http://127.0.0.1:9');
  try {
    const headers = `Host: x\r\nAuthorization: Bearer ${await away.tester('ada')}\r\n`;
    const [answer] = await send(away.url, `GET /v1/models HTTP/1.1\r\n${headers}\r\n`);
    expect(answer?.status).toBe(502);
    expect(await away.settled()).toMatchObject([{ outcome: 'upstream_error', status: 502 }]);
  } finally {
    await away.close();
  }
});
