/** Whatever bytes upstream sends: the tester gets a whole answer, a refusal or a broken one, and the slot is free again. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from '../with-attack.ts';
import { CHAT, PERMISSIVE, sleep, startGate, type TestGate } from '../with-gate.ts';
import { NO_ANSWERS, OK, type RawUpstream, startRawUpstream } from '../with-raw-upstream.ts';

let gate: TestGate;
let upstream: RawUpstream;
let token: string;
/** One slot: a call that kept it would refuse every test behind it. */
const COHORTS = `artists: { ${PERMISSIVE}, limits: { concurrent: 1 } }`;
beforeAll(async () => {
  upstream = await startRawUpstream();
  gate = await startGate(upstream.url, COHORTS, 'upstream: { firstByteSeconds: 1, idleSeconds: 1 }');
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const bytes = (text: string) => (socket: Socket) => void socket.end(text, 'latin1');
async function call(serve: (socket: Socket) => void) {
  upstream.serve = serve;
  const body = JSON.stringify(CHAT);
  const head = `Host: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n`;
  const text = `POST /v1/chat/completions HTTP/1.1\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  const [seen, before] = [upstream.seen.length, gate.rows().length];
  const [answer] = await send(gate.url, text);
  await gate.settled();
  const [row, ...more] = gate.rows().slice(before);
  expect([more.length, upstream.seen.length]).toEqual([0, seen + 1]);
  return { answer, row };
}

test.each(NO_ANSWERS)('%s is a 502', async (_, text) => {
  const { answer, row } = await call(bytes(text));
  expect([answer?.status, row?.outcome, row?.status]).toEqual([502, 'upstream_error', 502]);
  expect(answer?.headers.get('cache-control')).toBe('no-store');
});

test('a reset before the first byte is a 502, one in the middle breaks the answer off', async () => {
  const reset = await call((socket) => socket.resetAndDestroy());
  expect([reset.answer?.status, reset.row?.outcome]).toEqual([502, 'upstream_error']);
  const { answer, row } = await call((socket) => {
    socket.write(`${OK}Content-Length: 50\r\n\r\n{"half":`);
    setTimeout(() => socket.resetAndDestroy(), 50);
  });
  expect([answer, row?.outcome, row?.status]).toEqual([undefined, 'upstream-error', 200]);
});

test.each([
  ['after its head', `${OK}Content-Length: 9\r\n\r\n`],
  ['inside its head', `${OK}Content-`],
])('one that falls silent %s is a 504', async (_, text) => {
  const { answer, row } = await call((socket) => void socket.write(text));
  expect([answer?.status, row?.outcome]).toEqual([504, 'upstream_timeout']);
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
  const stopped = await gate.admin('POST', 'switches', { scope: 'tester:ada', reason: 'Not now.' });
  const { answer, row } = await calling;
  await ended;
  expect(stopped).toMatchObject({ nodes: [{ callsRefusedInFlight: 1, streamsCut: 0 }] });
  expect([answer?.status, answer?.body.includes('Not now.')]).toEqual([403, true]);
  expect(row).toMatchObject({ outcome: 'access_suspended', status: 403 });
  await gate.admin('POST', 'switches/release', { scope: 'tester:ada', reason: 'test' });
});

test('a client that leaves there gives its slot back, and upstream is let go', async () => {
  const { begun, ended, serve } = silentAfterHead();
  upstream.serve = serve;
  const { hostname, port } = new URL(gate.url);
  const socket = connect(Number(port), hostname, () =>
    socket.write(`GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`),
  );
  socket.on('error', () => {});
  await begun;
  await sleep(100);
  socket.destroy();
  await ended;
  expect((await gate.settled()).at(-1)).toMatchObject({ outcome: 'client-gone', status: null });
  expect((await call(bytes(`${OK}Content-Length: 2\r\n\r\n{}`))).answer?.status).toBe(200);
});
