/** The control listener reads a request in one way only, and shares no route with the testers'. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROUTES } from '../../src/gateway/routes.ts';
import { send } from '../with-attack.ts';
import { startGate, type TestGate } from '../with-gate.ts';

let gate: TestGate;
beforeAll(async () => {
  gate = await startGate(null);
});
afterAll(() => gate.close());

const ask = async (line: string, lines: string[] = [], body = '') => {
  const head = [
    `${line} HTTP/1.1`,
    'Host: 127.0.0.1',
    `Authorization: Bearer ${gate.credential}`,
    ...lines,
    '',
    body,
  ];
  return (await send(gate.control, head.join('\r\n')))[0]?.status ?? 'closed';
};

test('a plain request is answered', async () => {
  expect(await ask('GET /admin/me')).toBe(200);
  expect(await ask('GET /admin/requests?limit=1&since=2h')).toBe(200);
  expect(await ask('GET /admin/testers/a%20b')).toBe(404);
});

test.each([
  ...['/x/../admin/me', '/admin/./me', '/%2e%2e/admin/me', '/admin/%2E/me', '//admin/me', '/admin//me'],
  ...[
    '/admin%2Fme',
    '/admin%2fme',
    '/admin%5cme',
    '/admin\\me',
    '/admin/me%00',
    '/admin/%256de',
    '/admin/me;x',
  ],
  ...[
    'http://example.com/admin/me',
    'http://127.0.0.1/admin/me',
    'admin/me',
    '*',
    '/admin/me#x',
    '/admin/me/',
  ],
])('the target %s is refused', async (target) => {
  expect(await ask(`GET ${target}`)).toBe(400);
});

test.each<[string, string[], string?]>([
  ['a second host', ['Host: 127.0.0.1']],
  ['a second credential', ['Authorization: Bearer pco_other']],
  ['a GET with a body', ['Content-Length: 2'], '{}'],
  ['a GET with a chunked body', ['Transfer-Encoding: chunked'], '0\r\n\r\n'],
])('%s is refused', async (_, lines, body = '') => {
  expect(await ask('GET /admin/me', [...lines], body)).toBe(400);
});

const post = (body: string, lines: string[] = []) =>
  ask(
    'POST /admin/switches',
    ['Content-Type: application/json', ...(lines.length ? lines : [`Content-Length: ${body.length}`])],
    body,
  );
const engaged = async () =>
  ((await gate.admin('GET', 'switches?engaged=true')).switches as { scope: string }[]).map(
    ({ scope }) => scope,
  );
const CHUNKED = '23\r\n{"scope":"model:none","reason":"x"}\r\n0\r\n\r\n';

test('a chunked body is read as any other, up to its bound', async () => {
  expect(await post(CHUNKED, ['Transfer-Encoding: chunked'])).toBe(200);
  expect(await engaged()).toEqual(['model:none']);
  await gate.admin('POST', 'switches/release', { scope: 'model:none', reason: 'test' });
  const large = `${(100_000).toString(16)}\r\n${' '.repeat(100_000)}\r\n`;
  expect(await post(large, ['Transfer-Encoding: chunked'])).toBe(413);
});

test.each<[string, string, string[]?]>([
  ['a scope twice', '{"reason":"x","scope":"model:none","scope":"global"}'],
  ['a scope twice, once escaped', '{"reason":"x","scope":"model:none","\\u0073cope":"global"}'],
  ['a byte order mark', '\xef\xbb\xbf{"reason":"x","scope":"global"}'],
  ['bytes that are no UTF-8', '{"scope":"global","reason":"\xff"}'],
  ['nesting without end', `{"reason":"x","scope":"global","x":${'['.repeat(500)}${']'.repeat(500)}}`],
  ['gzip', '{"reason":"x","scope":"global"}', ['Content-Length: 31', 'Content-Encoding: gzip']],
  ['another coding before chunked', CHUNKED, ['Transfer-Encoding: gzip, chunked']],
  ['a coding that nobody knows', CHUNKED, ['Transfer-Encoding: xchunked']],
  ['both framings', CHUNKED, ['Content-Length: 3', 'Transfer-Encoding: chunked']],
])('a stop with %s is refused, and nothing is stopped', async (_, body, lines) => {
  expect(await post(body, lines)).toBe(400);
  expect(await engaged()).toEqual([]);
});

test('a Host that is no name, and versions beyond HTTP/1.1, are refused', async () => {
  for (const host of ['a@127.0.0.1', '127.0.0.1/x', '127.0.0.1:99999', '127.0.0.1, x', ''])
    expect([host, (await send(gate.control, plain(host)))[0]?.status]).toEqual([host, 400]);
  const [older] = await send(gate.control, `${plain('127.0.0.1').replace('1.1', '1.0')}`);
  expect(older?.status).toBe(200);
  const chunked = `POST /admin/switches HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${gate.credential}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED}`;
  expect((await send(gate.control, chunked))[0]?.status).toBe(400);
});
const plain = (host: string) =>
  `GET /admin/me HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${gate.credential}\r\n\r\n`;

test('CONNECT, an upgrade and HTTP/2 get no answer of the admin API', async () => {
  for (const [line, lines] of [
    ['CONNECT 127.0.0.1:1', []],
    ['GET /admin/me', ['Connection: Upgrade', 'Upgrade: websocket']],
    ['PRI *', []],
  ] as const)
    expect([line, await ask(line, [...lines])]).not.toContainEqual(200);
});

test("no route of one listener is another's", async () => {
  const spec = (await (await fetch(`${gate.control}/admin/openapi.json`)).json()) as { paths: object };
  const token = await gate.tester('bob');
  for (const path of Object.keys(spec.paths)) {
    const answer = await fetch(gate.url + path.replaceAll(/\{.*?\}/g, 'x'), {
      headers: { authorization: `Bearer ${token}` },
    });
    expect([path, answer.status]).toEqual([path, 404]);
  }
  for (const path of [...ROUTES.map((route) => route.path), '/.well-known/jwks.json', '/readyz']) {
    const answer = await fetch(gate.control + path.replaceAll(/:\w+/g, 'x'), {
      headers: { authorization: `Bearer ${gate.credential}` },
    });
    expect([path, answer.status]).toEqual([path, 404]);
  }
});
