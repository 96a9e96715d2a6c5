/** Outputs of a reviewed cohort reach their tester only with an approved release, by whatever route. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { ROUTES } from '../../src/gateway/routes.ts';
import { outletOf, outputIn } from '../../src/outputs/holding.ts';
import { PERMISSIVE, post, sleep, startGate, startUpstream, type TestGate } from '../with-gate.ts';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const MODES = `artists: { ${PERMISSIVE}, outputs: reviewed-before-download }
  held: { ${PERMISSIVE}, outputs: held }`;
type Answer = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

const json = (outgoing: ServerResponse, body: object) =>
  outgoing.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const clip: Answer = (_, outgoing) =>
  outgoing.writeHead(200, { 'content-type': 'video/mp4' }).end('the clip itself');

async function setUp(answer: Answer = clip) {
  const upstream = await startUpstream(answer);
  const gate = await startGate(upstream.url, MODES, 'trace: { clips: false }');
  open.push(upstream, gate);
  const token = await gate.tester('ada');
  await gate.sql(
    `insert into objects (id, tester, kind) values ('video_1', 'ada', 'videos'), ('file-1', 'ada', 'files')`,
  );
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${gate.url}/v1/${path}`, { headers: { authorization: `Bearer ${token}`, ...headers } });
  return { gate, upstream, token, get };
}

async function code(answer: Response): Promise<string> {
  const { error } = (await answer.json()) as { error?: { code: string } };
  return `${answer.status} ${error?.code ?? ''}`;
}

function approve(gate: TestGate): Promise<void> {
  return gate.sql(
    `insert into releases (object, tester, purpose, place, at, state, state_at) values ('video_1', 'ada', 'x', 'y', 1, 'approved', 1)`,
  );
}

test.each(['video_1/content', 'video_1/content?variant=thumbnail', 'video_1/content?variant=spritesheet'])(
  'before approval no byte of %s is asked for upstream; after it the tester has them; after withdrawal not',
  async (path) => {
    const { gate, upstream, get } = await setUp();
    const held = await get(`videos/${path}`);
    expect(held.headers.get('x-should-retry')).toBe('false');
    expect(await code(held)).toBe('403 output_held');
    expect(await code(await get(`videos/${path}`, { range: 'bytes=0-3' }))).toBe('403 output_held');
    expect(upstream.seen).toEqual([]);
    await approve(gate);
    expect(await (await get(`videos/${path}`)).text()).toBe('the clip itself');
    await gate.sql(`update releases set state = 'withdrawn'`);
    expect(await code(await get(`videos/${path}`))).toBe('403 output_held');
    expect(gate.rows("decision = 'refused'").map(({ outcome, rule }) => `${outcome} ${rule}`)).toEqual(
      Array(3).fill('output_held outputs'),
    );
  },
);

test('a cohort whose outputs are held, and one whose are open, have the bytes at once', async () => {
  const { gate } = await setUp();
  const token = await gate.tester('eve', 'held');
  await gate.sql(`insert into objects (id, tester, kind) values ('video_2', 'eve', 'videos')`);
  const answer = await fetch(`${gate.url}/v1/videos/video_2/content`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(await answer.text()).toBe('the clip itself');
});

test('routes whose answers hold outputs themselves are refused, and so is whatever nobody has thought of', async () => {
  const { gate, token, upstream, get } = await setUp();
  const asked = { model: 'm', prompt: 'a lock', input: 'x', messages: [] };
  for (const path of ['images/generations', 'images/edits', 'audio/speech', 'chat/completions', 'responses'])
    expect([path, await code(await post(gate.url, token, asked, `/v1/${path}`))]).toEqual([
      path,
      '403 output_held',
    ]);
  expect(await code(await get('files/file-1/content'))).toBe('403 output_held');
  expect(upstream.seen).toEqual([]);
  expect(outletOf('videos.download_url')).toBe('answer');
  // What is let through is listed here once more: who adds a route has to think.
  const through = ROUTES.map(({ operation }) => operation).filter(
    (operation) => outletOf(operation) !== 'answer',
  );
  expect(
    through.filter((operation) => !/^(?:models|videos|uploads|vector_stores)\./.test(operation)),
  ).toEqual([
    'embeddings.create',
    'moderations.create',
    'files.create',
    'files.list',
    'files.retrieve',
    'files.delete',
  ]);
});

test.each([
  [
    'a direct address',
    { id: 'video_1', status: 'completed', output: [{ url: 'https://cdn.example/clip.mp4' }] },
  ],
  ['bytes in base64', { id: 'video_1', status: 'completed', b64_json: 'AAAA'.repeat(500) }],
  ['a data address', { id: 'video_1', status: 'completed', preview: 'data:image/png;base64,AAAA' }],
])('an answer that tells of a job and holds %s is refused', async (_, body) => {
  const { get } = await setUp((_incoming, outgoing) => json(outgoing, body));
  const answer = await get('videos/video_1');
  expect(await code(answer)).toBe('403 output_held');
});

test('what a refused answer made is the tester’s all the same', async () => {
  const { gate, token } = await setUp((_, outgoing) =>
    json(outgoing, { id: 'video_new', status: 'queued', url: 'https://cdn.example/x.mp4' }),
  );
  expect(await code(await post(gate.url, token, { model: 'sora-2', prompt: 'a lock' }, '/v1/videos'))).toBe(
    '403 output_held',
  );
  await gate.settled();
  expect((await gate.admin('GET', 'objects/video_new')).tester).toBe('ada');
});

test('what a tester of a reviewed cohort deletes is known to be gone', async () => {
  const { gate, token } = await setUp((_, outgoing) =>
    json(outgoing, { id: 'video_1', object: 'video.deleted', deleted: true }),
  );
  const headers = { authorization: `Bearer ${token}` };
  await (await fetch(`${gate.url}/v1/videos/video_1`, { method: 'DELETE', headers })).text();
  await gate.settled();
  expect((await gate.admin('GET', 'objects/video_1')).deletedAt).not.toBeNull();
});

test('an answer that could not be looked through is refused; the tester’s own words are no output', async () => {
  const { get } = await setUp((incoming, outgoing) =>
    incoming.url?.includes('video_1')
      ? clip(incoming, outgoing)
      : json(outgoing, {
          data: [{ id: 'video_1', prompt: 'like https://example.org/lock.png' }],
          has_more: false,
        }),
  );
  expect(await code(await get('videos/video_1'))).toBe('403 output_held');
  const list = await get('videos');
  expect([list.status, ((await list.json()) as { data: unknown[] }).data.length]).toEqual([200, 1]);
});

test('a download in flight is cut when its release is withdrawn, by whomever', async () => {
  const { gate, get } = await setUp((_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'video/mp4' });
    const timer = setInterval(() => outgoing.write(Buffer.alloc(1000)), 5);
    outgoing.on('close', () => clearInterval(timer));
  });
  await approve(gate);
  const answer = await get('videos/video_1/content');
  const reading = answer.arrayBuffer().then(
    () => 'whole',
    () => 'cut',
  );
  await sleep(50);
  await gate.sql(`update releases set state = 'withdrawn'`);
  expect(await reading).toBe('cut');
  expect((await gate.settled()).at(-1)).toMatchObject({ outcome: 'cut', rule: 'outputs' });
});

test('outputs are found however deep they stand, and words are none', () => {
  expect(outputIn({ data: [{ a: { b: [{ c: 'https://x.example' }] } }] })).toBe('data.0.a.b.0.c');
  expect(outputIn({ id: 'video_1', error: { message: 'Your prompt was refused. '.repeat(60) } })).toBeNull();
  expect(outputIn({ prompt: 'https://x.example', metadata: { from: 'https://x.example' } })).toBeNull();
});
