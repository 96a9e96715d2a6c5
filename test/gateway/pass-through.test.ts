/** What HTTP allows between a tester and upstream comes through as it is, or is dropped for a reason. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request } from 'node:http';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CHAT, raw, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
let upstream: Upstream;
let gate: TestGate;
let token: string;
beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => answer(incoming, outgoing));
  gate = await startGate(upstream.url);
  token = await gate.tester('ada');
  await gate.enter('ada', 'video_zipped01');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});
beforeEach(() => void upstream.seen.splice(0));

/** The bytes of an answer as they are: nothing decodes them. */
function send(method: string, path: string, body = '', headers: Record<string, string> = {}) {
  return new Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }>(
    (resolve, reject) => {
      const json = body
        ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
        : {};
      const all = { authorization: `Bearer ${token}`, ...json, ...headers };
      const call = request(gate.url + path, { method, headers: all }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body: Buffer.concat(chunks),
          }),
        );
        incoming.on('error', reject);
      });
      call.on('error', reject);
      call.end(body);
    },
  );
}

const usage = { prompt_tokens: 5, completion_tokens: 6, total_tokens: 11 };
const zipped = (value: object) => gzipSync(JSON.stringify(value));

test.each([
  ['a chat', '/v1/chat/completions', CHAT, { id: 'chatcmpl-1', usage }],
  [
    'a new video',
    '/v1/videos',
    { model: 'sora-2', prompt: 'x' },
    { id: 'video_zipped01', status: 'queued', seconds: '4' },
  ],
])(
  'an answer that comes in gzip is passed on untouched, and read all the same: %s',
  async (_, path, body, told) => {
    const bytes = zipped(told);
    answer = (_, outgoing) =>
      outgoing.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bytes);
    const got = await send('POST', path, JSON.stringify(body), { 'accept-encoding': 'gzip' });
    expect(got.headers['content-encoding']).toBe('gzip');
    expect(got.body).toEqual(bytes);
    if ('seconds' in told) {
      answer = (_, outgoing) =>
        outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"x"}');
      expect((await send('GET', `/v1/videos/${told.id}`)).status).toBe(200);
    }
  },
);

test("a list in gzip is read, and goes out as the caller's own", async () => {
  const page = {
    object: 'list',
    data: [{ id: 'video_zipped01' }, { id: 'video_of_somebody' }],
    has_more: false,
  };
  answer = (_, outgoing) =>
    outgoing
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      .end(zipped(page));
  const got = await send('GET', '/v1/videos');
  expect(got.headers['content-encoding']).toBeUndefined();
  expect(JSON.parse(got.body.toString())).toEqual({ ...page, data: [{ id: 'video_zipped01' }] });
});

test.each([
  ['a coding that we do not know', { 'content-encoding': 'br' }, '?'],
  ['gzip that is none', { 'content-encoding': 'gzip' }, '{"id":"video_x"}'],
  ['no JSON', {}, '<html>'],
  ['a bomb', { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(100_000_000))],
])('an answer that should hold ids and cannot be read is refused: %s', async (_, headers, body) => {
  answer = (_, outgoing) =>
    outgoing.writeHead(200, { 'content-type': 'application/json', ...headers }).end(body);
  const got = await send('POST', '/v1/videos', '{"model":"sora-2","prompt":"x"}');
  expect(got.status).toBe(502);
  expect(JSON.parse(got.body.toString())).toMatchObject({ error: { code: 'upstream_answer_refused' } });
});

test('a download keeps its coding, for nobody reads it on the way', async () => {
  const bytes = gzipSync('text');
  answer = (incoming, outgoing) => {
    expect(incoming.headers['accept-encoding']).toBe('gzip');
    outgoing.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip' }).end(bytes);
  };
  const got = await send('GET', '/v1/videos/video_zipped01/content', '', { 'accept-encoding': 'gzip' });
  expect(gunzipSync(got.body).toString()).toBe('text');
});

test('hints (1xx) of upstream are for the hop that they came over', async () => {
  answer = (_, outgoing) => {
    outgoing.writeEarlyHints({ link: '</x>; rel=preload' });
    outgoing.writeProcessing();
    outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  };
  const body = JSON.stringify(CHAT);
  const got = await raw(
    gate.url,
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  expect(got).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(got).not.toMatch(/HTTP\/1\.1 1\d\d/);
});

test('trailers go neither up nor down', async () => {
  answer = (incoming, outgoing) => {
    expect(incoming.trailers).toEqual({});
    outgoing.writeHead(200, { 'content-type': 'application/json', trailer: 'x-late' });
    outgoing.write('{"ok":');
    outgoing.addTrailers({ 'x-late': 'secret' });
    outgoing.end('true}');
  };
  const body = JSON.stringify(CHAT);
  const got = await raw(
    gate.url,
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\ntrailer: x-late\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\nx-late: mine\r\n\r\n`,
  );
  expect(got).toContain('{"ok":');
  expect(got).not.toContain('secret');
  expect(upstream.seen[0]?.body).toBe(body);
  expect(JSON.stringify(upstream.seen[0]?.headers)).not.toContain('x-late');
});

test('a client that waits for leave to send its body gets it when its token is good, and not before', async () => {
  answer = (_, outgoing) => outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  const waiting = (bearer: string) =>
    `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${bearer}\r\ncontent-type: application/json\r\ncontent-length: 40\r\nexpect: 100-continue\r\n\r\n`;
  expect(await raw(gate.url, waiting('nonsense'))).toMatch(/^HTTP\/1\.1 401 /);
  expect(await raw(gate.url, waiting(token))).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  const body = JSON.stringify({ ...CHAT, user: 'x'.repeat(300_000) });
  const got = await send('POST', '/v1/chat/completions', body, { expect: '100-continue' });
  expect(got.status).toBe(200);
  expect(upstream.seen.at(-1)?.body).toBe(body);
  expect(upstream.seen.at(-1)?.headers.expect).toBeUndefined();
});
