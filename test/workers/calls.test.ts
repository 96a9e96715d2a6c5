/** The way of a call in a Durable Object: what passes is what upstream said, no faster than it is taken, and each call has its row. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { CHAT, post, raw, sleep, startUpstream, type Upstream } from '../with-gate.ts';
import { until } from '../with-socket-upstream.ts';
import { type Calls, KEY, startCalls } from './with-calls.ts';

const HELD_BYTES = 1_500_000;
let calls: Calls;
let upstream: Upstream;
let token: string;
let answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => answer(incoming, outgoing));
  calls = await startCalls(upstream.url, { heldBytes: HELD_BYTES });
  token = await calls.tester('ada');
});
afterAll(async () => {
  await calls.close();
  await upstream.close();
});
beforeEach(() => {
  upstream.seen.length = 0;
  answer = (_, outgoing) =>
    void outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
});
const last = async () => (await calls.settled()).at(-1);

interface Got {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** What has come so far. */
  readonly body: () => Buffer;
  readonly incoming: IncomingMessage;
  /** True when it came whole. */
  readonly ended: Promise<boolean>;
}

/** The bytes of an answer as they are: nothing decodes them. Resolves with its head. */
function ask(
  method: string,
  path: string,
  body: string | Buffer = '',
  headers: Record<string, string> = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const json = body
      ? { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      : {};
    const all = { authorization: `Bearer ${token}`, ...json, ...headers };
    const call = request(calls.url + path, { method, headers: all }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', () => {});
      const ended = new Promise<boolean>((tell) => incoming.on('close', () => tell(incoming.complete)));
      const { statusCode: status = 0 } = incoming;
      resolve({ status, headers: incoming.headers, body: () => Buffer.concat(chunks), incoming, ended });
    });
    call.on('error', reject);
    call.end(body);
  });
}
const chat = (body: object = CHAT) => ask('POST', '/v1/chat/completions', JSON.stringify(body));
/** Sound is passed on and not read. */
const speech = () => ask('POST', '/v1/audio/speech', '{"model":"tts-1","input":"x","voice":"x"}');

/** A clip of the tester's, of which upstream serves ranges. */
async function clip(bytes: Buffer): Promise<string> {
  const id = `video_${upstream.seen.length}${Date.now()}`;
  answer = (_, outgoing) =>
    void outgoing
      .writeHead(200, { 'content-type': 'application/json' })
      .end(`{"id":"${id}","status":"queued"}`);
  await (await ask('POST', '/v1/videos', '{"model":"sora-2","prompt":"x"}')).ended;
  answer = ({ method, headers }, outgoing) => {
    const [, from = '', to = ''] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    const part = from === '' ? bytes : bytes.subarray(Number(from), Number(to) + 1);
    outgoing.writeHead(from === '' ? 200 : 206, {
      'content-type': 'video/mp4',
      'content-length': part.length,
      'accept-ranges': 'bytes',
      etag: '"1"',
      ...(from === '' ? {} : { 'content-range': `bytes ${from}-${to}/${bytes.length}` }),
    });
    outgoing.end(method === 'HEAD' ? '' : part);
  };
  return `/v1/videos/${id}/content`;
}

test('a JSON answer passes as it is, under our key, and the call has its row', async () => {
  const got = await chat();
  expect([await got.ended, got.status, String(got.body())]).toEqual([true, 200, '{"ok":true}']);
  const row = await last();
  expect(row).toMatchObject({ tester: 'ada', outcome: 'complete', status: 200, bytes_out: 11 });
  expect(got.headers['x-request-id']).toBe(row?.id);
  const [seen] = upstream.seen;
  expect(seen).toMatchObject({ method: 'POST', url: '/v1/chat/completions', body: JSON.stringify(CHAT) });
  expect(seen?.headers).toMatchObject({ authorization: `Bearer ${KEY}`, 'x-request-id': row?.id });
  // What the runtime says where nothing may come out of a cache.
  expect(seen?.headers['cache-control']).toBe('no-cache');
  expect(JSON.stringify(seen)).not.toContain(token);
});

test('what the platform adds, and what we say to ourselves, goes no further', async () => {
  const headers = { 'cf-connecting-ip': '9.9.9.9', 'x-portcullis-peer': '9.9.9.9', 'x-real-ip': '9.9.9.9' };
  await (await ask('GET', '/v1/models', '', { ...headers, 'x-forwarded-for': '10.1.2.3' })).ended;
  expect(JSON.stringify(upstream.seen)).not.toMatch(/9\.9\.9\.9|10\.1\.2\.3/);
  expect(await last()).toMatchObject({ address: '10.1.2.3' });
});

test('events pass one by one, as they come', async () => {
  const next: (() => void)[] = [];
  answer = (_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    next.push(...[1, 2, 3].map((n) => () => void outgoing.write(`data: ${n}\n\n`)), () => outgoing.end());
    outgoing.flushHeaders();
  };
  const getting = chat({ ...CHAT, stream: true });
  await until(() => next.length > 0);
  next[0]?.();
  const got = await getting;
  for (const n of [1, 2, 3]) {
    await until(() => String(got.body()).endsWith(`data: ${n}\n\n`));
    next[n]?.();
  }
  expect([await got.ended, String(got.body())]).toEqual([true, 'data: 1\n\ndata: 2\n\ndata: 3\n\n']);
  expect(await last()).toMatchObject({ outcome: 'complete', bytes_out: 27 });
});

/** Pours sound as fast as it is taken; how much that was. */
function pour(): () => number {
  let bytes = 0;
  const block = Buffer.alloc(262_144, 1);
  answer = (_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'audio/mpeg' });
    const more = () => {
      let room = true;
      while (room && outgoing.writable) {
        bytes += block.length;
        room = outgoing.write(block);
      }
    };
    outgoing.on('drain', more);
    more();
  };
  return () => bytes;
}

test('upstream sends no more than the client takes', async () => {
  const poured = pour();
  const got = await speech();
  got.incoming.pause();
  await sleep(700);
  const stuck = poured();
  await sleep(300);
  expect(poured()).toBe(stuck);
  got.incoming.resume();
  await until(() => poured() > stuck + 20_000_000);
  got.incoming.destroy();
  expect(await last()).toMatchObject({ outcome: 'client-gone', status: 200 });
});

test('a client that takes nothing for long is dropped', async () => {
  pour();
  const got = await speech();
  got.incoming.pause();
  await until(async () => (await calls.rows()).at(-1)?.outcome === 'client-gone');
  got.incoming.resume();
  expect(await got.ended).toBe(false);
});

test('a client that leaves ends the request at upstream, also where nothing is being sent', async () => {
  const left = Promise.withResolvers<void>();
  answer = (_, outgoing) => {
    outgoing.on('close', () => left.resolve());
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
  };
  const got = await chat();
  await until(() => got.body().length > 0);
  // An end that is no reset could be that of a client that still listens, and the runtime takes it for one.
  got.incoming.socket.resetAndDestroy();
  await left.promise;
  expect(await last()).toMatchObject({ outcome: 'client-gone', status: 200 });
});

test('a stop tells a stream of events why it ends, and breaks any other body', async () => {
  answer = (_, outgoing) =>
    void outgoing.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
  const events = await chat();
  answer = (_, outgoing) => void outgoing.writeHead(200, { 'content-type': 'audio/mpeg' }).write('abc');
  const sound = await speech();
  answer = (_, outgoing) =>
    void outgoing.writeHead(200, { 'content-type': 'audio/mpeg', 'content-length': 9 }).write('abc');
  const counted = await speech();
  await until(() => [events, sound, counted].every(({ body }) => body().length > 0));
  const stopped = await calls.stop('tester:ada', 'Not now.');
  expect(stopped).toMatchObject({ nodes: [{ streamsCut: 3 }] });
  expect(await Promise.all([events.ended, sound.ended, counted.ended])).toEqual([true, false, false]);
  expect(String(events.body())).toMatch(/^data: 1\n\nevent: error\ndata: .*Not now\./);
  const rows = (await calls.settled()).slice(-3);
  expect(rows.map(({ outcome, detail }) => [outcome, detail])).toEqual(Array(3).fill(['cut', 'tester:ada']));
  await calls.release('tester:ada');
});

test('after a stop nothing goes out to a client that lags behind', async () => {
  const poured = pour();
  const got = await speech();
  got.incoming.pause();
  await sleep(500);
  const stuck = poured();
  await calls.stop('tester:ada', 'Not now.');
  got.incoming.resume();
  expect(await got.ended).toBe(false);
  expect(poured()).toBe(stuck);
  expect(await last()).toMatchObject({ outcome: 'cut' });
  await calls.release('tester:ada');
});

test('a range of a clip is that range, and the whole has its length', async () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251));
  const path = await clip(bytes);
  const part = await ask('GET', path, '', { range: 'bytes=1000-200999' });
  expect([await part.ended, part.status]).toEqual([true, 206]);
  expect(part.headers).toMatchObject({
    ...{ 'content-range': 'bytes 1000-200999/300000', 'content-length': '200000', etag: '"1"' },
  });
  expect(part.body().equals(bytes.subarray(1_000, 201_000))).toBe(true);
  const whole = await ask('GET', path);
  expect([await whole.ended, whole.headers['content-length']]).toEqual([true, '300000']);
  expect(whole.body().equals(bytes)).toBe(true);
  expect(await last()).toMatchObject({ outcome: 'complete', bytes_out: 300_000 });
});

test('a HEAD of a clip tells its length and has no body', async () => {
  const got = await ask('HEAD', await clip(Buffer.alloc(300_000)));
  expect([await got.ended, got.status, got.body().length]).toEqual([true, 200, 0]);
  expect(got.headers).toMatchObject({ 'content-length': '300000', 'accept-ranges': 'bytes' });
  expect(upstream.seen.at(-1)?.method).toBe('HEAD');
  expect(await last()).toMatchObject({ outcome: 'complete', bytes_out: 0 });
});

test('an empty answer of a known length is whole', async () => {
  answer = (_, outgoing) => void outgoing.writeHead(200, { 'content-length': 0 }).end();
  const got = await speech();
  expect([await got.ended, got.headers['content-length']]).toEqual([true, '0']);
});

test('a form goes up byte for byte', async () => {
  const file = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * 13) % 256));
  const head = '--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nvision\r\n--b\r\n';
  const named = 'content-disposition: form-data; name="file"; filename="x.bin"\r\n\r\n';
  const body = Buffer.concat([Buffer.from(head + named), file, Buffer.from('\r\n--b--\r\n')]);
  answer = (_, outgoing) =>
    void outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"file-1"}');
  const got = await ask('POST', '/v1/files', body, { 'content-type': 'multipart/form-data; boundary=b' });
  expect([await got.ended, got.status]).toEqual([true, 200]);
  expect(upstream.seen[0]?.body === body.toString('latin1')).toBe(true);
  expect(upstream.seen[0]?.headers['content-length']).toBe(String(body.length));
});

test('the query that is judged is the one that is sent', async () => {
  await (await ask('GET', "/v1/models?a='x'&b=[1]&c=%7e~")).ended;
  expect(upstream.seen[0]?.url).toBe('/v1/models?a=%27x%27&b=[1]&c=%7e~');
});

test.each(['GET', 'HEAD', 'DELETE'])('a %s takes no body with it', async (method) => {
  const path = method === 'DELETE' ? await clip(Buffer.alloc(9)) : '/v1/models';
  upstream.seen.length = 0;
  await (await ask(method, path.replace('/content', ''))).ended;
  expect(upstream.seen).toMatchObject([{ method, body: '' }]);
  expect(await last()).toMatchObject({ outcome: 'complete', method });
  const refused = await ask(method, '/v1/models', '{}');
  expect([await refused.ended, refused.status]).toEqual([true, 400]);
  expect(await last()).toMatchObject({ outcome: 'body_not_expected' });
  expect(upstream.seen.length).toBe(1);
});

const told = Buffer.from(JSON.stringify({ id: 'x', usage: { total_tokens: 11 } }));
test.each([
  ['gzip', gzipSync(told), told, undefined],
  ['GZIP', gzipSync(told), gzipSync(told), 'GZIP'],
  ['zstd', Buffer.from('what it may be'), Buffer.from('what it may be'), 'zstd'],
])('bytes and headers of an answer in %s agree', async (coding, bytes, expected, named) => {
  answer = (_, outgoing) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': coding, etag: '"coded"' };
    outgoing.writeHead(200, { ...headers, 'content-length': bytes.length }).end(bytes);
  };
  const got = await ask('POST', '/v1/embeddings', '{"model":"m","input":"x"}', { 'accept-encoding': 'gzip' });
  expect([await got.ended, got.headers['content-encoding']]).toEqual([true, named]);
  expect(got.body()).toEqual(expected);
  expect(got.headers.etag).toBe(named === undefined ? undefined : '"coded"');
  expect(upstream.seen[0]?.headers['accept-encoding']).toBe('identity');
});

test('a name of a file that is not ASCII comes through', async () => {
  const name = 'attachment; filename="caf\u00c3\u00a9.mp3"';
  answer = (_, outgoing) =>
    void outgoing.writeHead(200, { 'content-type': 'audio/mpeg', 'content-disposition': name }).end('abc');
  const got = await speech();
  expect([await got.ended, got.headers['content-disposition']]).toEqual([true, name]);
});

test('answers without bodies have none', async () => {
  for (const status of [204, 205, 304]) {
    answer = (_, outgoing) => void outgoing.writeHead(status).end();
    const got = await ask('GET', '/v1/models');
    expect([await got.ended, got.status, got.body().length]).toEqual([true, status, 0]);
  }
});

const head = (more: string) =>
  `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n${more}\r\n`;

test.each<[string, string, number, string]>([
  ['is announced too large', 'Content-Length: 2000000\r\n', 413, 'body_too_large'],
  ['comes too slowly', 'Content-Length: 2000\r\n', 408, 'body_timeout'],
])('a body that %s is refused, and the client is answered', async (_, more, status, code) => {
  const said = await raw(calls.url, `${head(more)}{`, 2_000);
  expect(said).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(said).toContain(`"code":"${code}"`);
  expect(await last()).toMatchObject({ outcome: code, status });
  expect(upstream.seen).toEqual([]);
});

test('a body that grows too large without having said so is refused', async () => {
  const chunk = `10000\r\n${' '.repeat(65_536)}\r\n`;
  const said = await raw(calls.url, head('Transfer-Encoding: chunked\r\n') + chunk.repeat(17), 2_000);
  expect(said).toMatch(/^HTTP\/1.1 413 /);
});

test('a body that nobody reads hangs nothing', async () => {
  const wrong = head('Content-Length: 30000000\r\n').replace(token, 'nonsense');
  expect(await raw(calls.url, wrong + 'x'.repeat(3_000_000), 2_000)).toMatch(/^HTTP\/1.1 401 /);
  expect(await last()).toMatchObject({ outcome: 'token_invalid' });
});

test('a client that breaks off in its body has its row, and upstream hears nothing', async () => {
  const before = (await calls.rows()).length;
  await raw(calls.url, `${head('Content-Length: 2000\r\n')}{`, 100);
  await until(async () => (await calls.rows()).length > before);
  expect(await last()).toMatchObject({ outcome: 'body_malformed' });
  expect(upstream.seen).toEqual([]);
});

test('bodies together take no more memory than is set aside, and give it back', async () => {
  const before = (await calls.held())[0];
  answer = (_, outgoing) => void setTimeout(() => outgoing.writeHead(200).end(), 500);
  const big = { ...CHAT, user: 'x'.repeat(HELD_BYTES * 0.4) };
  const statuses = await Promise.all(
    Array.from({ length: 6 }, async () => (await post(calls.url, token, big)).status),
  );
  expect(statuses.toSorted()).toEqual([200, 200, 503, 503, 503, 503]);
  await calls.settled();
  expect([before, (await calls.held())[0]]).toEqual([HELD_BYTES, HELD_BYTES]);
});

test.each([
  ['an escaped slash', '/v1/models/..%2f', 'x', 'path_not_canonical'],
  ['an empty segment', '//v1/models', 'x', 'path_not_canonical'],
  ['a matrix parameter', '/v1/models;x', 'x', 'path_not_canonical'],
  ['a host that is a path', '/v1/models', 'x/v1', 'invalid_request'],
  ['a host with a user', '/v1/models', 'x@y', 'invalid_request'],
  ['a port that is none', '/v1/models', 'x:99999', 'invalid_request'],
])('%s is refused, and has its row', async (_, path, host, code) => {
  const bytes = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
  expect(await raw(calls.url, bytes)).toMatch(/^HTTP\/1.1 400 /);
  expect(await last()).toMatchObject({ outcome: code });
  if (code === 'path_not_canonical') expect(await last()).toMatchObject({ operation: null });
  expect(upstream.seen).toEqual([]);
});
