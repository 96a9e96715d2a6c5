/** Reviewers play what testers made: in parts, under our key, and what upstream says beside the bytes stays here. */
import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const CLIP = randomBytes(300_000);
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

type Answer = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

/** Gives parts as a file server does, and says more than it should. */
const clip: Answer = (incoming, outgoing) => {
  const range = /^bytes=(\d+)-(\d*)$/.exec(incoming.headers.range ?? '');
  const from = Number(range?.[1] ?? 0);
  const to = range?.[2] ? Number(range[2]) : CLIP.length - 1;
  const bytes = CLIP.subarray(from, to + 1);
  outgoing.writeHead(range ? 206 : 200, {
    'content-type': 'video/mp4',
    'content-length': bytes.length,
    'accept-ranges': 'bytes',
    etag: '"clip"',
    'set-cookie': 'upstream=1',
    'x-internal': 'region-7',
    'content-security-policy': "script-src 'unsafe-inline'",
    ...(range ? { 'content-range': `bytes ${from}-${to}/${CLIP.length}` } : {}),
  });
  outgoing.end(incoming.method === 'HEAD' ? undefined : bytes);
};

async function setUp(answer: Answer = clip): Promise<{ gate: TestGate; upstream: Upstream }> {
  const upstream = await startUpstream(answer);
  const gate = await startGate(upstream.url);
  open.push(upstream, gate);
  await gate.tester('ada');
  await gate.sql(
    `insert into objects (id, tester, kind) values ('video_1', 'ada', 'videos'), ('file-1', 'ada', 'files')`,
  );
  return { gate, upstream };
}

function play(gate: TestGate, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${gate.credential}`, ...init.headers };
  return fetch(`${gate.control}/admin/objects/${path}`, { ...init, headers });
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const bytesOf = async (answer: Response) => new Uint8Array(await answer.arrayBuffer());
async function plays(gate: TestGate): Promise<string[]> {
  const { acts } = (await gate.admin('GET', 'acts')) as { acts: { act: string; subject: string }[] };
  return acts.filter(({ act }) => act === 'object.play').map(({ subject }) => subject);
}

test('a clip is played whole or in part, under our own key', async () => {
  const { gate, upstream } = await setUp();
  const whole = await play(gate, 'video_1/content');
  expect(whole.status).toBe(200);
  expect(sha256(await bytesOf(whole))).toBe(sha256(CLIP));
  const part = await play(gate, 'video_1/content', { headers: { range: 'bytes=1000-1999' } });
  expect(part.status).toBe(206);
  expect(part.headers.get('content-range')).toBe(`bytes 1000-1999/${CLIP.length}`);
  expect(sha256(await bytesOf(part))).toBe(sha256(CLIP.subarray(1000, 2000)));
  const head = await play(gate, 'video_1/content?variant=thumbnail', { method: 'HEAD' });
  expect(head.headers.get('content-length')).toBe(String(CLIP.length));
  expect(upstream.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
    'GET /v1/videos/video_1/content',
    'GET /v1/videos/video_1/content',
    'HEAD /v1/videos/video_1/content?variant=thumbnail',
  ]);
  for (const { headers } of upstream.seen)
    expect(headers.authorization).toBe('Bearer sk-upstream-canary-key');
});

test('a browser is told to play and to do nothing else; what upstream says beside the bytes stays here', async () => {
  const { gate } = await setUp();
  const answer = await play(gate, 'video_1/content');
  await answer.body?.cancel();
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'video/mp4',
    'content-disposition': 'inline',
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    'content-security-policy': expect.stringMatching(/^default-src 'none';.*sandbox/),
  });
  for (const name of ['set-cookie', 'x-internal']) expect(answer.headers.has(name)).toBe(false);
});

test.each(['text/html', 'image/svg+xml', 'application/xhtml+xml', ''])(
  'a page in the place of a clip (%s) is shown to nobody as one',
  async (type) => {
    const { gate } = await setUp((_, outgoing) =>
      outgoing.writeHead(200, type ? { 'content-type': type } : {}).end('<script>alert(1)</script>'),
    );
    const answer = await play(gate, 'video_1/content');
    expect(answer.headers.get('content-type')).toBe('application/octet-stream');
  },
);

test('the many requests of a player leave one act', async () => {
  const { gate } = await setUp();
  const parts = [...Array(12).keys()].map((i) =>
    play(gate, 'video_1/content', { headers: { range: `bytes=${i * 100}-${i * 100 + 99}` } }),
  );
  for (const answer of await Promise.all(parts)) expect(answer.status).toBe(206);
  expect(await plays(gate)).toEqual(['object:video_1']);
});

test('what is nobody’s, no video, or gone is not played; neither is what upstream refuses, whose words stay here', async () => {
  const { gate, upstream } = await setUp((incoming, outgoing) =>
    outgoing
      .writeHead(incoming.url?.includes('broken') ? 500 : 404, { 'content-type': 'application/json' })
      .end('{"error":"account acct_77"}'),
  );
  await gate.sql(
    `insert into objects (id, tester, kind, deleted_at) values ('video_gone', 'ada', 'videos', 1), ('video_broken', 'ada', 'videos', null)`,
  );
  for (const [path, status] of [
    ['video_none/content', 404],
    ['file-1/content', 404],
    ['video_gone/content', 404],
    ['video_1/content?variant=source', 400],
  ] as const)
    expect((await play(gate, path)).status).toBe(status);
  expect(upstream.seen).toEqual([]);
  const [missing, broken] = [await play(gate, 'video_1/content'), await play(gate, 'video_broken/content')];
  expect([missing.status, broken.status]).toEqual([404, 502]);
  expect(`${await missing.text()} ${await broken.text()}`).not.toContain('acct_77');
});

test('a reviewer who leaves ends the request to upstream, and memory holds a piece of the clip only', async () => {
  const state = { sent: 0, closed: false };
  const { gate } = await setUp((_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'video/mp4' });
    outgoing.on('close', () => {
      state.closed = true;
    });
    const piece = Buffer.alloc(65_536);
    const pump = () => {
      for (let room = true; room && !state.closed; state.sent += piece.length) room = outgoing.write(piece);
    };
    outgoing.on('drain', pump);
    pump();
  });
  const leaving = new AbortController();
  const answer = await play(gate, 'video_1/content', { signal: leaving.signal });
  await answer.body?.getReader().read();
  for (let last = -1; last !== state.sent; ) {
    last = state.sent;
    await sleep(150);
  }
  // What sockets hold on the way, and no more: the clip has no end.
  expect(state.sent).toBeLessThan(32 * 1024 * 1024);
  leaving.abort();
  for (let i = 0; i < 100 && !state.closed; i++) await sleep(20);
  expect(state.closed).toBe(true);
});
