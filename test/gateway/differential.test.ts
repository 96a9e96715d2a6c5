/** The same call through the gate and straight to upstream: equal status, body and headers, for every row of the route table. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDemo } from '../../src/demo/server.ts';
import { ROUTES, type Route } from '../../src/gateway/routes.ts';
import { sleep, startGate, type TestGate } from '../with-gate.ts';

const KEY = 'sk-upstream-canary-key';
const MODEL = 'gpt-4o-mini';
const NAMES = [
  'video',
  'file',
  'store',
  'batch',
  'response',
  'completion',
  'upload',
  'part',
  'character',
] as const;
type Ids = Record<(typeof NAMES)[number], string>;
type Body = object | FormData;

let demos: Awaited<ReturnType<typeof startDemo>>[];
let gate: TestGate;
let worlds: { url: string; key: string; ids: Ids }[];

beforeAll(async () => {
  const [demo, other] = await Promise.all([startDemo({ key: KEY }), startDemo({ key: KEY })]);
  demos = [demo, other];
  gate = await startGate(other.url);
  const places = [
    { url: demo.url, key: KEY },
    { url: gate.url, key: await gate.tester('ada') },
  ];
  worlds = await Promise.all(places.map(async (place) => ({ ...place, ids: await objects(place) })));
});
afterAll(async () => {
  await gate.close();
  await Promise.all(demos.map((demo) => demo.close()));
});

function send(
  { url, key }: { url: string; key: string },
  method: string,
  path: string,
  body?: Body,
  headers = {},
) {
  const isForm = body instanceof FormData;
  return fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body && !isForm ? { 'content-type': 'application/json' } : {}),
      ...headers,
    },
    ...(body ? { body: isForm ? body : JSON.stringify(body) } : {}),
  });
}

function form(fields: Record<string, string | File>): FormData {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) made.append(name, value);
  return made;
}

const text = (content = 'text') => new File([content], 'a.txt', { type: 'text/plain' });
const VIDEO = { model: 'sora-2', prompt: 'A heron', seconds: '4', size: '128x128' };
const UPLOAD = { bytes: 4, filename: 'a', mime_type: 'text/plain', purpose: 'user_data' };
const messages = [{ role: 'user', content: 'Hello' }];

/** One of each kind, made the same way in both worlds. */
async function objects(place: { url: string; key: string }): Promise<Ids> {
  const make = async (path: string, body: Body) =>
    ((await (await send(place, 'POST', path, body)).json()) as { id: string }).id;
  const file = await make('/v1/files', form({ file: text(), purpose: 'user_data' }));
  const store = await make('/v1/vector_stores', { name: 'library', file_ids: [file] });
  const upload = await make('/v1/uploads', UPLOAD);
  const video = await make('/v1/videos', VIDEO);
  for (let state = ''; state !== 'completed'; await sleep(50))
    state = ((await (await send(place, 'GET', `/v1/videos/${video}`)).json()) as { status: string }).status;
  return {
    ...{ file, store, upload, video },
    batch: await make(`/v1/vector_stores/${store}/file_batches`, { file_ids: [file] }),
    response: await make('/v1/responses', { model: MODEL, input: 'Hello' }),
    completion: await make('/v1/chat/completions', { model: MODEL, messages, store: true }),
    part: await make(`/v1/uploads/${upload}/parts`, form({ data: text() })),
    character: await make('/v1/videos/characters', form({ name: 'Heron', video: text() })),
  };
}

/** What each operation is asked. */
const BODIES: Record<string, (ids: Ids) => Body> = {
  'chat.completions.create': () => ({ model: MODEL, messages }),
  'chat.completions.update': () => ({ metadata: { a: 'b' } }),
  'responses.create': ({ response }) => ({ model: MODEL, input: 'And?', previous_response_id: response }),
  'embeddings.create': () => ({ model: 'text-embedding-3-small', input: 'a' }),
  'moderations.create': () => ({ model: 'omni-moderation-latest', input: 'a' }),
  'images.generate': () => ({ model: 'gpt-image-1', prompt: 'A gate', size: '64x64' }),
  'images.edit': () => form({ model: 'gpt-image-1', prompt: 'A gate', size: '64x64', image: text() }),
  'images.variation': () => form({ model: 'gpt-image-1', size: '64x64', image: text() }),
  'audio.speech.create': () => ({ model: 'tts-1', voice: 'alloy', input: 'Hello' }),
  'audio.transcriptions.create': () => form({ model: 'whisper-1', file: text() }),
  'audio.translations.create': () => form({ model: 'whisper-1', file: text() }),
  'videos.create': () => form(VIDEO),
  'videos.edit': ({ video }) => form({ prompt: 'Slower', 'video[id]': video }),
  'videos.extend': ({ video }) => form({ prompt: 'On', seconds: '4', 'video[id]': video }),
  'videos.characters.create': () => form({ name: 'Crane', video: text() }),
  'videos.remix': () => ({ prompt: 'At dusk' }),
  'files.create': () => form({ file: text(), purpose: 'user_data' }),
  'uploads.create': () => UPLOAD,
  'uploads.parts.create': () => form({ data: text() }),
  'uploads.complete': ({ part }) => ({ part_ids: [part] }),
  'vector_stores.create': () => ({ name: 'other' }),
  'vector_stores.update': () => ({ name: 'archive' }),
  'vector_stores.search': () => ({ query: 'text' }),
  'vector_stores.files.create': ({ file }) => ({ file_id: file }),
  'vector_stores.files.update': () => ({ attributes: { year: 2026 } }),
  'vector_stores.file_batches.create': ({ file }) => ({ file_ids: [file] }),
};
const pathOf = (path: string, ids: Ids) =>
  path.replace(':model', MODEL).replaceAll(/:(\w+)/g, (_, name: keyof Ids) => ids[name]);

/** What must differ between two worlds: ids, times, random numbers. */
function same(body: string): string {
  return body
    .replaceAll(/\b([a-z]+[-_])[0-9a-f]{32}(-\d+)?/g, '$1ID')
    .replaceAll(/"(created|created_at|completed_at|expires_at|last_active_at)":\d+/g, '"$1":0')
    .replaceAll(/"progress":\d+/g, '"progress":0')
    .replaceAll(/"status":"(?:queued|in_progress)"/g, '"status":"queued"');
}
const HEADERS = [
  ...['content-type', 'content-disposition', 'content-range', 'accept-ranges', 'etag', 'openai-version'],
  ...['last-modified', 'content-encoding', 'location'],
];

async function compared(method: string, path: string, body?: (ids: Ids) => Body, headers = {}) {
  const [straight, gated] = await Promise.all(
    worlds.map(async (world) => {
      const answer = await send(world, method, pathOf(path, world.ids), body?.(world.ids), headers);
      const bytes = Buffer.from(await answer.arrayBuffer());
      const isText = /json|text/.test(answer.headers.get('content-type') ?? '');
      return {
        status: answer.status,
        headers: HEADERS.map((name) => [name, answer.headers.get(name)]),
        body: isText ? same(bytes.toString()) : bytes.toString('base64'),
      };
    }),
  );
  return { straight, gated };
}

test.each([
  ['the whole, by HEAD', 'HEAD', {}],
  ['a range', 'GET', { range: 'bytes=10-99' }],
  ['the last bytes', 'GET', { range: 'bytes=-10' }],
  ['a range beyond the end', 'GET', { range: 'bytes=99999999-' }],
  ['a range of what is still the same', 'GET', { range: 'bytes=0-9', 'if-range': '"other"' }],
])('a download: %s', async (_, method, headers) => {
  const [straight, gated] = await Promise.all(
    worlds.map(async (world) => {
      const answer = await send(
        world,
        method,
        `/v1/videos/${world.ids.video}/content?variant=thumbnail`,
        undefined,
        headers,
      );
      const all = HEADERS.map((name) => [name, answer.headers.get(name)]);
      return [
        answer.status,
        all,
        answer.headers.get('content-length'),
        Buffer.from(await answer.arrayBuffer()),
      ];
    }),
  );
  expect(gated).toEqual(straight);
});

/** What deletes comes last, and what is inside goes before what it is in. */
const order = ({ method, path }: Route) => (method === 'DELETE' ? 1_000 - path.length : 0);
const calls = ROUTES.filter(({ socket }) => !socket).toSorted((a, b) => order(a) - order(b));

test.each(calls.map((route) => [route.operation, route] as const))(
  '%s',
  async (operation, { method, path, body }) => {
    const make = BODIES[operation];
    expect([operation, make !== undefined]).toEqual([
      operation,
      body === 'json' || body === 'multipart' || body === 'either',
    ]);
    const { straight, gated } = await compared(method, path, make);
    expect([200, 400]).toContain(straight?.status);
    expect(gated).toEqual(straight);
  },
);

describe("upstream's own refusals come through as they are", () => {
  const faulty = calls.filter(({ body }) => body === 'json' || body === 'either');
  test.each(faulty.map(({ method, path, operation }) => [operation, method, path] as const))(
    'of an empty %s',
    async (_, method, path) => {
      // What the calls above have deleted is unknown to upstream by now, and still the caller's.
      const { straight, gated } = await compared(method, path, () => ({}));
      expect(gated).toEqual(straight);
    },
  );
  test.each([
    ['GET', '/v1/videos?limit=1000'],
    ['GET', '/v1/videos/:video/content?variant=nothing'],
    ['GET', '/v1/files?order=up'],
    ['GET', '/v1/models/no-such-model'],
  ])('%s %s', async (method, path) => {
    const { straight, gated } = await compared(method, path);
    expect(gated).toEqual(straight);
  });
});

test.each(
  calls
    .filter(({ path }) => /:(?!model)/.test(path))
    .map(({ operation, ...route }) => [operation, route] as const),
)('an id that nobody has is unknown here as there: %s', async (operation, { method, path }) => {
  const unknown = path.replaceAll(/:(\w+)/g, '$1_0123456789abcdef0123456789abcdef');
  const { straight, gated } = await compared(method, unknown, BODIES[operation]);
  expect(gated?.status).toBe(straight?.status);
  const shape = (answer = '') => Object.keys((JSON.parse(answer) as { error: object }).error).sort();
  expect(shape(gated?.body)).toEqual(shape(straight?.body));
});
