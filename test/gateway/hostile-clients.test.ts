/** Clients that leave early, or break their framing after the head, hold nothing and nobody. */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, raw, sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
let token: string;
let open = 0;
beforeAll(async () => {
  upstream = await startUpstream((_, outgoing) => {
    open++;
    outgoing.on('close', () => open--);
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    outgoing.write('data: {}\n\n');
  });
  gate = await startGate(upstream.url);
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const head = (more: string) =>
  `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n${more}\r\n`;

test('a client that is gone before its call is let through leaves no call open, neither here nor upstream', async () => {
  const body = JSON.stringify(CHAT);
  const { hostname, port } = new URL(gate.url);
  const calls = Array.from(
    { length: 30 },
    () =>
      new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(`${head(`Content-Length: ${body.length}\r\n`)}${body}`, () => socket.destroy());
        });
        socket.on('error', () => {});
        socket.on('close', () => resolve());
      }),
  );
  await Promise.all(calls);
  await sleep(300);
  const rows = await gate.settled();
  expect(rows.filter(({ outcome }) => outcome === null)).toEqual([]);
  expect(new Set(rows.map(({ outcome }) => outcome))).not.toContain('complete');
  expect(open).toBe(0);
});

test.each([
  ['a chunk size that is no number', 'xyz\r\n'],
  ['a bare line feed after a chunk size', '3\nabc\r\n0\r\n\r\n'],
])('%s behind a good head: 400 at once, one row, nothing upstream', async (_, chunk) => {
  const [seen, before] = [upstream.seen.length, gate.rows().length];
  const answer = await raw(gate.url, head('Transfer-Encoding: chunked\r\n') + chunk, 2_000);
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  expect(gate.rows().slice(before)).toMatchObject([{ outcome: 'body_malformed', status: 400 }]);
  expect(upstream.seen.length).toBe(seen);
});
