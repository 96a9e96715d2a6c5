/** The control listener reads a request in one way only, and shares no route with the testers'. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROUTES } from '../../src/gateway/routes.ts';
import { send } from '../with-attack.ts';
import { startGate, type TestGate } from '../with-gate.ts';

let gate: TestGate;
let credential: string;
beforeAll(async () => {
  gate = await startGate(null);
  credential = readFileSync(join(gate.dir, 'operator-credential'), 'utf8').trim();
});
afterAll(() => gate.close());

const ask = async (line: string, lines: string[] = [], body = '') => {
  const head = [
    `${line} HTTP/1.1`,
    'Host: 127.0.0.1',
    `Authorization: Bearer ${credential}`,
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
      headers: { authorization: `Bearer ${credential}` },
    });
    expect([path, answer.status]).toEqual([path, 404]);
  }
});
