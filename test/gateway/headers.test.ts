/** Headers pass by an allow-list in both directions: nothing else goes up, nothing else comes down. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { fc, test } from '@fast-check/vitest';
import { afterAll, beforeAll, expect } from 'vitest';
import { answerHeaders } from '../../src/gateway/answer-headers.ts';
import { send } from '../with-attack.ts';
import { startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const KEY = 'sk-upstream-canary-key';
let answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
let heard: string[] = [];
let gate: TestGate;
let upstream: Upstream;
let token: string;
beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => {
    heard = incoming.rawHeaders;
    answer(incoming, outgoing);
  });
  gate = await startGate(upstream.url, null);
  token = await gate.tester('ada', 'default');
  await gate.admin('PATCH', 'testers/ada', {
    limits: { requestsPerSecond: 100_000, requestsPerMinute: 100_000 },
    reason: 'many cases',
  });
  await gate.admin('POST', 'objects/give', { to: 'ada', ids: ['video_1'] });
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const ok = (_: IncomingMessage, outgoing: ServerResponse) =>
  outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
const request = (lines: string, line = 'GET /v1/models') =>
  `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${lines}\r\n`;

/** What may go up beside what belongs to our own hop. */
const UP = [
  ...['accept', 'accept-encoding', 'accept-language', 'idempotency-key', 'if-match', 'if-modified-since'],
  ...['if-none-match', 'if-range', 'if-unmodified-since', 'openai-beta', 'range', 'content-type'],
];
/** Goes up as a digest that holds the tester too: two testers never share a key. */
const OWN_KEY = 'idempotency-key';
const OURS = ['authorization', 'connection', 'content-length', 'host', 'x-request-id'];

const anyCase = (name: string) =>
  fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((up) => [...name].map((char, i) => (up[i] ? char.toUpperCase() : char)).join(''));
const HOSTILE = [
  ...['Cookie', 'X-Forwarded-For', 'X_Forwarded_User', 'X-Forwarded-Host', 'Forwarded', 'Via', 'X-Real-IP'],
  ...['X-HTTP-Method-Override', 'X-Method-Override', 'X-Original-URL', 'X-Rewrite-URL', 'Proxy', 'TE'],
  ...['Proxy-Authorization', 'X-Api-Key', 'Api-Key', 'OpenAI-Organization', 'OpenAI-Project', 'DPoP'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'X-Request-Id', 'Keep-Alive', 'Trailer'],
  ...['Proxy-Connection', 'Sec-WebSocket-Key', 'HTTP2-Settings', 'Origin', 'Authorization_', 'Accept_'],
];
const names = fc.oneof(
  fc.constantFrom(...HOSTILE, ...UP).chain(anyCase),
  fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}$/),
);
const values = fc.stringMatching(/^[\x21-\x7e]{1,12}$/);
const headers = fc.array(fc.tuple(names, values), { maxLength: 6 });

test.prop([headers], { numRuns: 150 })(
  'whatever headers are sent: the call is refused, or upstream sees each allowed one once and as it was, and no other',
  async (sent) => {
    answer = ok;
    const [seen, before] = [upstream.seen.length, gate.rows().length];
    const [got] = await send(
      gate.url,
      request(sent.map(([name, value]) => `${name}: ${value}\r\n`).join('')),
    );
    await gate.settled();
    expect(gate.rows().length).toBe(before + 1);
    if (upstream.seen.length === seen) {
      expect(got?.status).toBeGreaterThanOrEqual(400);
      return;
    }
    expect(got?.status).toBe(200);
    const up = heard.flatMap((name, i) => (i % 2 ? [] : [[name.toLowerCase(), heard[i + 1]] as const]));
    const wanted = sent.map(([name, value]) => [name.toLowerCase(), value] as const);
    const passed = up.filter(([name]) => !OURS.includes(name));
    const asSent = ([name]: readonly [string, unknown]) => UP.includes(name) && name !== OWN_KEY;
    expect(passed.filter(([name]) => name !== OWN_KEY)).toEqual(wanted.filter(asSent));
    expect(passed.filter(([name]) => name === OWN_KEY).map(([, value]) => value)).toEqual(
      wanted.filter(([name]) => name === OWN_KEY).map(() => expect.stringMatching(/^[0-9a-f]{64}$/)),
    );
    expect(new Set(up.map(([name]) => name)).size).toBe(up.length);
    expect(up.find(([name]) => name === 'authorization')?.[1]).toBe(`Bearer ${KEY}`);
    expect(up.find(([name]) => name === 'x-request-id')?.[1]).toBe(got?.headers.get('x-request-id'));
  },
);

test.each([
  'Authorization',
  'Authorization, close',
  'X-Forwarded-For',
  'close, Cookie',
  '__proto__',
  ',,',
  'x-request-id',
])('with "Connection: %s" our own credentials still go up, and nothing of the tester', async (named) => {
  answer = ok;
  const lines = `Connection: ${named}\r\nCookie: a=b\r\nX_Forwarded_User: root\r\n`;
  const [got] = await send(gate.url, request(lines));
  expect(got?.status).toBe(200);
  expect(upstream.seen.at(-1)?.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(heard.join('\n')).not.toMatch(/a=b|root|cookie|forwarded/i);
  expect(heard.join('\n')).not.toContain(token);
});

const DOWN = [
  ...['accept-ranges', 'content-disposition', 'content-encoding', 'content-language', 'content-length'],
  ...['content-range', 'content-type', 'etag', 'last-modified', 'openai-processing-ms', 'openai-version'],
  ...['retry-after', 'retry-after-ms', 'vary', 'x-should-retry'],
];
const down = fc.dictionary(
  fc.constantFrom(...DOWN, 'set-cookie', 'cache-control', 'location', 'www-authenticate', 'x-secret', 'link'),
  fc.oneof(values, fc.array(values, { minLength: 1, maxLength: 3 })),
);
const listed = fc.array(
  fc.tuple(fc.constantFrom(...DOWN, 'cache-control', 'close').chain(anyCase), fc.constantFrom('', ' ', '\t')),
);

test.prop([down, listed, fc.boolean(), fc.boolean()])(
  'of an answer only allowed headers come down, none that Connection names, and it is never to be stored',
  (said, hop, inLines, reframed) => {
    const lines = hop.map(([name, space]) => `${space}${name}${space}`);
    const connection = inLines ? lines : lines.join(',');
    const out = answerHeaders({ ...said, connection }, reframed);
    const told = out.filter((_, i) => i % 2 === 0);
    expect(new Set(told).size).toBe(told.length);
    expect(out.slice(0, 2)).toEqual(['cache-control', 'no-store']);
    const named = new Set(hop.map(([name]) => name.toLowerCase()));
    for (const name of told.slice(2)) {
      if (name === 'x-content-type-options') continue;
      expect(DOWN).toContain(name);
      expect(named).not.toContain(name);
    }
  },
);

const STORED = { 'cache-control': 'public, max-age=600', expires: 'Thu, 01 Jan 2099 00:00:00 GMT' };
const JSON_TYPE = { 'content-type': 'application/json' };
test.each<[string, string, number, (outgoing: ServerResponse) => void]>([
  ['an answer', 'GET /v1/models', 200, (out) => out.writeHead(200, { ...STORED, ...JSON_TYPE }).end('{}')],
  [
    'a list',
    'GET /v1/files',
    200,
    (out) => out.writeHead(200, { ...STORED, ...JSON_TYPE }).end('{"data":[]}'),
  ],
  ['an answer to HEAD', 'HEAD /v1/models', 200, (out) => out.writeHead(200, STORED).end()],
  [
    'a download',
    'GET /v1/videos/video_1/content',
    200,
    (out) => out.writeHead(200, { ...STORED, 'content-type': 'video/mp4' }).end('x'),
  ],
  ['nothing new', 'GET /v1/videos/video_1/content', 304, (out) => out.writeHead(304, STORED).end()],
  [
    'an event stream',
    'GET /v1/models',
    200,
    (out) => out.writeHead(200, { ...STORED, 'content-type': 'text/event-stream' }).end('data: 1\n\n'),
  ],
  ['an error of upstream', 'GET /v1/models', 500, (out) => out.writeHead(500, STORED).end('{}')],
  ['a redirect', 'GET /v1/models', 502, (out) => out.writeHead(302, STORED).end()],
  ['an object that is not there', 'GET /v1/videos/video_2', 404, () => {}],
  ['a route that is not there', 'GET /v1/nowhere', 404, () => {}],
])('%s is never to be stored, whatever upstream says', async (_, line, status, act) => {
  answer = (_, outgoing) => act(outgoing);
  const [got] = await send(gate.url, request('', line));
  expect([got?.status, got?.headers.get('cache-control')]).toEqual([status, 'no-store']);
  expect(got?.headers.has('expires')).toBe(false);
  await gate.settled();
});
