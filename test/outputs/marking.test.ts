/** Whatever goes wrong while a clip is marked, nobody of a marked cohort gets it without a mark, and nothing of it stays. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { ROUTES } from '../../src/gateway/routes.ts';
import { unmarkable } from '../../src/outputs/marks.ts';
import { run } from '../cli/with-cli.ts';
import { signedIn } from '../portal/with-portal.ts';
import { PERMISSIVE, post, sleep, startGate, startUpstream } from '../with-gate.ts';
import { end, firstTester, startProcess } from '../with-process.ts';
import { ffmpeg, filesIn, pathWith } from './with-clips.ts';

type Answer = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

const MARKED = `artists: { ${PERMISSIVE}, outputs: held, watermark: true }`;
const { PATH } = process.env;
let dir: string;
let clip: Buffer;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-marking-'));
  await ffmpeg(
    '-f',
    'lavfi',
    '-i',
    'testsrc=s=320x240:r=12',
    '-t',
    '1',
    '-pix_fmt',
    'yuv420p',
    join(dir, 'a.mp4'),
  );
  clip = readFileSync(join(dir, 'a.mp4'));
});
afterAll(() => rmSync(dir, { recursive: true }));

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  process.env.PATH = PATH;
  for (const one of open.splice(0).reverse()) await one.close();
});

const whole: Answer = (incoming, outgoing) =>
  outgoing
    .writeHead(200, { 'content-type': 'video/mp4', 'content-length': clip.length, etag: '"upstream"' })
    .end(incoming.method === 'HEAD' ? undefined : clip);
const json = (status: number, body: object) => (_: IncomingMessage, outgoing: ServerResponse) =>
  outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

async function setUp(answer: Answer = whole, bounds = '{}', cohorts = MARKED) {
  const upstream = await startUpstream(answer);
  const gate = await startGate(upstream.url, cohorts, `trace: { clips: false }\nmarks: ${bounds}`);
  open.push(upstream, gate);
  const token = await gate.tester('ada');
  await gate.sql(
    `insert into objects (id, tester, kind) values ('video_1', 'ada', 'videos'), ('file-1', 'ada', 'files')`,
  );
  const get = (path = 'videos/video_1/content', init: RequestInit = {}) =>
    fetch(`${gate.url}/v1/${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, ...init.headers },
    });
  return { gate, upstream, token, get };
}

/** The refusal; fails when there is a byte of a clip in it. */
async function code(answer: Response): Promise<string> {
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(bytes.includes('ftyp')).toBe(false);
  return `${answer.status} ${(JSON.parse(bytes.toString()) as { error: { code: string } }).error.code}`;
}

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !done(); i++) await sleep(25);
  expect(done()).toBe(true);
}

test.each([
  ['crashes', 'exit 1'],
  ['is killed', 'kill -9 $$'],
  ['makes nothing', 'exit 0'],
  ['hands out the clip as it is, and fails', 'cp "$from" "$to"; exit 1'],
  ['hangs', 'cp "$from" "$to"; exec sleep 600'],
  ['makes more than is let through', 'exec cat /dev/zero > "$to"'],
  ['makes more, and ends before anybody looks', 'head -c 3000000 /dev/zero > "$to"'],
])('when ffmpeg %s the tester gets a refusal, and the file goes', async (_, script) => {
  const { gate, get } = await setUp(whole, '{ seconds: 2, mostBytes: 2000000 }');
  process.env.PATH = await pathWith(dir, script);
  expect(await code(await get())).toBe('503 marking_failed');
  expect((await gate.settled()).at(-1)).toMatchObject({
    outcome: 'marking_failed',
    bytes_out: 0,
    used: '{"bytes":0}',
  });
  expect(filesIn(gate.dir)).toEqual([]);
});

test('when ffmpeg goes away while the gate runs, its calls are refused', async () => {
  const { get } = await setUp();
  process.env.PATH = dir;
  expect(await code(await get())).toBe('503 marking_failed');
});

test('a gate whose policy asks for marks does not start without ffmpeg, nor is such a policy taken up; it says the mend', async () => {
  process.env.PATH = dir;
  await expect(startGate('http://127.0.0.1:9', MARKED)).rejects.toThrow(
    /ffprobe are not installed.*install them/,
  );
  const gate = await startGate('http://127.0.0.1:9');
  open.push(gate);
  const text = 'cohorts: { artists: { allow: [], outputs: held, watermark: true } }';
  await expect(gate.admin('POST', 'policy', { text, reason: 'marks' })).rejects.toThrow('install them');
  await gate.stop();
  await gate.sql(
    `insert into policies (at, by, source, sha256, text, diff) values (1, 'x', 'api', 'x', '${text}', '')`,
  );
  const env = {
    ...{ PATH: dir, PORTCULLIS_DATA_DIR: gate.dir, PORTCULLIS_UPSTREAM_KEY: 'sk-upstream-canary-key' },
    ...{ PORTCULLIS_UPSTREAM_URL: 'http://127.0.0.1:9', PORTCULLIS_LISTEN: '127.0.0.1:0' },
    ...{
      PORTCULLIS_CONTROL_LISTEN: '127.0.0.1:0',
      PORTCULLIS_CONFIG: join(dirname(gate.dir), 'config.yaml'),
    },
  };
  const { code: exit, stderr } = await run(['serve'], env);
  expect([exit, stderr]).toEqual([2, expect.stringContaining('the policy in force: it asks for watermarks')]);
});

test('what is no clip, is a part of one, or another coding of it, is refused; upstream’s own fault is told', async () => {
  const answers: Record<string, Answer> = {
    '503 marking_failed': (_, outgoing) =>
      outgoing.writeHead(200, { 'content-type': 'video/mp4' }).end('#EXTM3U\n'),
    '502 upstream_answer_refused': (_, outgoing) =>
      outgoing
        .writeHead(206, { 'content-type': 'video/mp4', 'content-range': 'bytes 0-9/10' })
        .end(clip.subarray(0, 10)),
    '404 not_ready': json(404, { error: { code: 'not_ready' } }),
  };
  let answer: Answer = whole;
  const { get } = await setUp((incoming, outgoing) => answer(incoming, outgoing), '{ mostBytes: 100000 }');
  for (const [told, now] of Object.entries(answers)) {
    answer = now;
    expect(await code(await get())).toBe(told);
  }
  answer = (_, outgoing) =>
    outgoing.writeHead(200, { 'content-type': 'video/mp4', 'content-encoding': 'gzip' }).end(clip);
  expect(await code(await get())).toBe('502 upstream_answer_refused');
  answer = (_, outgoing) => outgoing.writeHead(404, { 'content-type': 'video/mp4' }).end(clip);
  expect(await code(await get())).toBe('502 upstream_answer_refused');
  answer = (_, outgoing) =>
    outgoing
      .writeHead(200, { 'content-type': 'video/mp4' })
      .end(Buffer.concat([clip, Buffer.alloc(100_000)]));
  expect(await code(await get())).toBe('503 marking_failed');
  answer = (_, outgoing) => {
    outgoing
      .writeHead(200, { 'content-type': 'video/mp4', 'content-length': clip.length })
      .write(clip.subarray(0, 1_000));
    setTimeout(() => outgoing.destroy(), 20);
  };
  expect(await code(await get())).toBe('502 upstream_error');
});

test('a part is answered with the whole, a condition with a clip; HEAD tells nothing of upstream’s', async () => {
  const { get, upstream } = await setUp();
  const headers = { range: 'bytes=0-9', 'if-none-match': '"upstream"', 'accept-encoding': 'gzip' };
  const answer = await get(undefined, { headers });
  expect([answer.status, answer.headers.get('etag')]).toEqual([200, null]);
  expect(String((await answer.arrayBuffer()).byteLength)).toBe(answer.headers.get('content-length'));
  const head = await get(undefined, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length'), head.headers.get('etag')]).toEqual([
    200,
    null,
    null,
  ]);
  for (const { headers: seen } of upstream.seen)
    expect([seen.range, seen['if-none-match'], seen['accept-encoding']]).toEqual([
      undefined,
      undefined,
      'identity',
    ]);
});

test('what else shows the clip is refused: other variants, other routes, addresses in answers', async () => {
  const { get, token, gate, upstream } = await setUp(
    json(200, { id: 'video_1', status: 'completed', url: 'https://cdn.example/a.mp4' }),
  );
  for (const variant of ['thumbnail', 'spritesheet', 'VIDEO', 'x'])
    expect(await code(await get(`videos/video_1/content?variant=${variant}`))).toBe('403 output_unmarked');
  expect(await code(await get('files/file-1/content'))).toBe('403 output_unmarked');
  expect(await code(await post(gate.url, token, { model: 'm', input: 'x' }, '/v1/responses'))).toBe(
    '403 output_unmarked',
  );
  expect(upstream.seen).toEqual([]);
  expect(await code(await get('videos/video_1'))).toBe('403 output_unmarked');
  const through = ROUTES.filter(
    ({ operation }) => unmarkable(operation, { object: 'x', variant: 'video' }) === null,
  );
  expect(
    through
      .filter(({ operation }) => !/^(?:models|videos|uploads|vector_stores)\./.test(operation))
      .map(({ operation }) => operation),
  ).toEqual([
    'embeddings.create',
    'moderations.create',
    'files.create',
    'files.list',
    'files.retrieve',
    'files.delete',
  ]);
});

test('a link to a released clip gives it marked too, under a code of its own', async () => {
  const { gate } = await setUp();
  await gate.sql(
    `insert into releases (object, tester, purpose, place, at, state, state_at) values ('video_1', 'ada', 'x', 'y', 1, 'approved', 1)`,
  );
  const { url } = await gate.admin('POST', 'releases/1/links');
  const answer = await fetch(`${gate.url}${url}`, { headers: { range: 'bytes=0-9' } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect([answer.status, bytes.includes('ftyp'), bytes.equals(clip)]).toEqual([200, true, false]);
  const row = (await gate.settled()).at(-1);
  expect(row).toMatchObject({ operation: 'links.follow', outcome: 'complete', bytes_out: bytes.length });
  const { request } = marksOf(gate)[0] ?? {};
  expect(request).toBe(row?.id);
});

function marksOf(gate: { sql(text: string): void; dir: string }): { request: string }[] {
  const db = new Database(join(gate.dir, 'portcullis.sqlite'), { readonly: true });
  const rows = db.prepare<[], { request: string }>('select request from marks').all();
  db.close();
  return rows;
}

test('the portal plays the marked clip, each time under a code of its own', async () => {
  const { gate, token } = await setUp();
  const ada = await signedIn(gate, token);
  const shown = [1, 2].map(() => ada.get('/portal/outputs/video_1/content', { range: 'bytes=0-9' }));
  for (const { status, headers, text } of await Promise.all(shown))
    expect([status, headers.get('content-type'), text.includes('ftyp')]).toEqual([200, 'video/mp4', true]);
  const calls = gate.rows("operation = 'videos.content'").map((one) => one.id);
  expect(marksOf(gate).map(({ request }) => request)).toEqual(expect.arrayContaining(calls));
  expect(new Set(calls).size).toBe(2);
  const upstreams = createHash('sha256').update(clip).digest('hex');
  await gate.settled();
  expect(gate.rows(`output_hash = '${upstreams}'`)).toEqual([]);
});

test('where outputs are reviewed first, the marked clip waits for its release as any other', async () => {
  const { gate, get } = await setUp(whole, '{}', MARKED.replace('held', 'reviewed-before-download'));
  expect(await code(await get())).toBe('403 output_held');
  await gate.sql(
    `insert into releases (object, tester, purpose, place, at, state, state_at) values ('video_1', 'ada', 'x', 'y', 1, 'approved', 1)`,
  );
  expect(Buffer.from(await (await get()).arrayBuffer()).equals(clip)).toBe(false);
  expect(marksOf(gate)).toHaveLength(1);
});

/** An encoder that never ends, and tells who it is and which files it has. */
const endless = (told: string) =>
  `cp "$from" "$to"; echo "$$ $to" > ${told}.new; mv ${told}.new ${told}; exec sleep 600`;
const isGone = (pid: number) => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

test('a stop while a clip is being marked kills the encoder, refuses the call, and leaves no file', async () => {
  const { gate, get } = await setUp();
  const told = join(dir, 'stopped');
  process.env.PATH = await pathWith(dir, endless(told));
  const answer = get();
  await until(() => existsSync(told));
  const [pid, file = ''] = readFileSync(told, 'utf8').trim().split(' ');
  expect([statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777]).toEqual([0o600, 0o700]);
  expect(filesIn(gate.dir).map((one) => statSync(one).mode & 0o777)).toEqual([0o600, 0o600]);
  await gate.admin('POST', 'switches', { scope: 'tester:ada', effect: 'stop', reason: 'a leak' });
  expect(await code(await answer)).toBe('403 access_suspended');
  await until(() => isGone(Number(pid)) && filesIn(gate.dir).length === 0);
  expect((await gate.settled()).at(-1)).toMatchObject({ outcome: 'access_suspended' });
});

test('a stop while the marked clip is being read cuts it, and leaves no file', async () => {
  const { gate, get } = await setUp();
  process.env.PATH = await pathWith(dir, 'head -c 60000000 /dev/zero > "$to"');
  const answer = await get();
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  await reader.read();
  await gate.admin('POST', 'switches', { scope: 'tester:ada', effect: 'stop', reason: 'a leak' });
  const reading = (async () => {
    while (!(await reader.read()).done);
  })();
  await expect(reading).rejects.toThrow();
  expect((await gate.settled()).at(-1)).toMatchObject({ outcome: 'cut', status: 200 });
  await until(() => filesIn(gate.dir).length === 0);
});

test('a client that leaves frees its place; one tester has not all of them, and beyond them calls wait for another time', async () => {
  const { gate, get } = await setUp(whole, '{ atOnce: 1, places: 5 }');
  const token = await gate.tester('eve');
  await gate.sql(`insert into objects (id, tester, kind) values ('video_2', 'eve', 'videos')`);
  const eve = (signal?: AbortSignal) =>
    fetch(`${gate.url}/v1/videos/video_2/content`, {
      headers: { authorization: `Bearer ${token}` },
      ...(signal && { signal }),
    });
  process.env.PATH = await pathWith(dir, endless(join(dir, 'waits')));
  const leaving = new AbortController();
  const mine = Array.from({ length: 4 }, () => get(undefined, { signal: leaving.signal }).catch(() => null));
  await until(() => filesIn(gate.dir).length === 5);
  const fifth = await get();
  expect(fifth.headers.get('retry-after')).toBe('5');
  expect(await code(fifth)).toBe('503 gateway_busy');
  const other = eve(leaving.signal).catch(() => null);
  await until(() => filesIn(gate.dir).length === 6);
  expect(await code(await eve())).toBe('503 gateway_busy');
  leaving.abort();
  await Promise.all([...mine, other]);
  await until(() => filesIn(gate.dir).length === 0);
  process.env.PATH = PATH;
  expect((await eve()).status).toBe(200);
});

test('no more encoders run at once than are let', async () => {
  const { get } = await setUp(whole, '{ atOnce: 1 }');
  const lock = join(dir, 'one-at-once');
  process.env.PATH = await pathWith(
    dir,
    `mkdir ${lock} || exit 1; sleep 0.1; cp "$from" "$to"; rmdir ${lock}`,
  );
  const answers = await Promise.all(Array.from({ length: 4 }, () => get()));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  for (const one of answers) await one.arrayBuffer();
});

test('a process that is killed while it marks leaves no file behind the next start, and another one that lives keeps its own', async () => {
  const upstream = await startUpstream(whole);
  open.push(upstream);
  const data = join(dir, 'killed');
  const told = join(dir, 'killed-pid');
  const config = join(dir, 'killed.yaml');
  writeFileSync(config, `cohorts: { ${MARKED} }\ntrace: { clips: false }\n`);
  const env = { PATH: await pathWith(dir, endless(told)), PORTCULLIS_CONFIG: config };
  const ask = (gateway: string, token: string) =>
    fetch(`${gateway}/v1/videos/video_1/content`, { headers: { authorization: `Bearer ${token}` } }).catch(
      () => null,
    );
  const first = await startProcess(data, upstream.url, env);
  const token = await firstTester(data, first.control);
  const db = new Database(join(data, 'portcullis.sqlite'));
  db.exec(`insert into objects (id, tester, kind) values ('video_1', 'ada', 'videos')`);
  db.close();
  const asked = ask(first.gateway, token);
  await until(() => existsSync(told));
  const second = await startProcess(data, upstream.url, env);
  expect(filesIn(data)).toHaveLength(2);
  await end(first, 'SIGKILL');
  await asked;
  expect(filesIn(data)).toHaveLength(2);
  const third = await startProcess(data, upstream.url, env);
  expect(filesIn(data)).toEqual([]);
  for (const one of [second, third]) await end(one);
  process.kill(Number(readFileSync(told, 'utf8').split(' ')[0]));
}, 60_000);
