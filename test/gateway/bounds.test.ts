/** Heads, bodies, connections and calls are bounded; what is beyond is told so, has its row, and hurts nobody else. */
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attacks, send } from '../with-attack.ts';
import { sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const PER_ADDRESS = 12;
const BOUNDS = `jsonBytes: 2000, headerBytes: 8192, headersSeconds: 1, bodySeconds: 1, maxCallsPerConnection: 3, maxConnectionsPerAddress: ${PER_ADDRESS}`;
let gate: TestGate;
let upstream: Upstream;
let token: string;
const attack = attacks(
  () => gate,
  () => upstream,
);
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url, undefined, `requests: { ${BOUNDS} }`);
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const write = (lines: string, body = '') =>
  `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n${lines}\r\n${body}`;
const read = (lines = '') =>
  `GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${lines}\r\n`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const TOO_LARGE = { status: 413, outcome: 'body_too_large' };

test('a body that says it is too large is refused', async () => {
  await attack.refused(write('Content-Length: 2001\r\n'), TOO_LARGE);
});

test('a chunked body that grows beyond the bound is refused, before its end and before anything goes up', async () => {
  const begun = chunk(`{"model":"m","x":"${'a'.repeat(1_500)}`);
  await attack.refused(write('Transfer-Encoding: chunked\r\n', begun + chunk('b'.repeat(600))), TOO_LARGE);
});

test('a head that is too large, or holds too many headers, is refused', async () => {
  const large = { status: 431, outcome: 'headers_too_large' };
  await attack.refused(read(`X-Large: ${'a'.repeat(9_000)}\r\n`), large);
  await attack.refused(read('a: b\r\n'.repeat(300)), large);
});

test('a body that does not come in time is refused', async () => {
  const late = { status: 408, outcome: 'body_timeout' };
  await attack.refused(write('Content-Length: 20\r\n', '{"model"'), late);
});

/** Sends the pieces one after the other; what came until the connection ended. */
function drip(pieces: readonly string[], everyMs: number): Promise<string> {
  const { hostname, port } = new URL(gate.url);
  return new Promise((resolve) => {
    let got = '';
    const socket = connect(Number(port), hostname);
    const left = [...pieces];
    const timer = setInterval(() => {
      const next = left.shift();
      if (next !== undefined && socket.writable) socket.write(next);
    }, everyMs);
    socket.on('data', (bytes) => {
      got += bytes.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(timer);
      resolve(got);
    });
  });
}

test('a head that drips in byte by byte is cut off, with its row, while others are answered', async () => {
  const before = gate.rows().length;
  const slow = drip([...read('X: '.padEnd(200, 'x'))], 50);
  await sleep(500);
  expect((await send(gate.url, read()))[0]?.status).toBe(200);
  expect(await slow).toMatch(/^HTTP\/1\.1 408 /);
  const rows = (await gate.settled()).slice(before);
  expect(rows.map(({ outcome }) => outcome)).toEqual(['complete', 'body_timeout']);
});

test('after its share of calls a connection is closed, and what is beyond has a row', async () => {
  const before = gate.rows().length;
  const answers = await send(gate.url, read() + read() + read() + read(), 4);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 503]);
  await gate.settled();
  await sleep(100);
  const rows = gate.rows().slice(before);
  expect(rows.map(({ outcome }) => outcome).sort()).toEqual([
    'complete',
    'complete',
    'complete',
    'gateway_busy',
  ]);
  expect(answers[2]?.headers.get('connection')).toBe('close');
});

test('one address holds so many connections and no more; those that it closes are free again', async () => {
  const { hostname, port } = new URL(gate.url);
  await sleep(300);
  const open = () =>
    new Promise<Socket | null>((resolve) => {
      const socket = connect(Number(port), hostname, () => setTimeout(() => resolve(socket), 200));
      socket.on('error', () => {});
      socket.on('close', () => resolve(null));
    });
  const all = await Promise.all(Array.from({ length: PER_ADDRESS + 5 }, open));
  const held = all.filter((socket) => socket !== null);
  expect(held).toHaveLength(PER_ADDRESS);
  expect(await send(gate.url, read(), 1, 300)).toEqual([]);
  for (const socket of held) socket.destroy();
  await sleep(200);
  expect((await send(gate.url, read()))[0]?.status).toBe(200);
});
