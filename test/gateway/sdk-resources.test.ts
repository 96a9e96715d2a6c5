/** Every resource of the route table, by the official SDKs, unchanged, through the gate to the demo upstream. */
import OpenAI from 'openai';
import OpenAI6 from 'openai6';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sleep, startGate, type TestGate } from '../with-gate.ts';

let gate: TestGate;
let token: string;
beforeAll(async () => {
  gate = await startGate(null, 'artists: { allow: [{ operations: ["*"], models: ["*"] }] }');
  token = await gate.tester('grace');
});
afterAll(() => gate.close());

const MODEL = 'gpt-4o-mini';
const text = (name: string, content = 'a line of text') => new File([content], name);
const messages = [{ role: 'user' as const, content: 'Hello' }];

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of pages) found.push(one);
  return found;
}

describe.each([
  ['openai 7.57', () => new OpenAI({ baseURL: `${gate.url}/v1`, apiKey: token, maxRetries: 0 })],
  [
    'openai 6.49',
    () => new OpenAI6({ baseURL: `${gate.url}/v1`, apiKey: token, maxRetries: 0 }) as unknown as OpenAI,
  ],
])('%s', (_, make) => {
  let client: OpenAI;
  beforeAll(() => {
    client = make();
  });

  test('models', async () => {
    const models = await all(client.models.list());
    expect(models.map(({ id }) => id)).toContain(MODEL);
    expect((await client.models.retrieve(MODEL)).id).toBe(MODEL);
  });

  test('stored chat completions', async () => {
    const { id } = await client.chat.completions.create({ model: MODEL, messages, store: true });
    expect((await client.chat.completions.retrieve(id)).id).toBe(id);
    const changed = await client.chat.completions.update(id, { metadata: { mood: 'good' } });
    expect(changed.metadata).toEqual({ mood: 'good' });
    expect((await all(client.chat.completions.list())).map((one) => one.id)).toContain(id);
    expect(await all(client.chat.completions.messages.list(id))).toMatchObject([{ content: 'Hello' }]);
    expect((await client.chat.completions.delete(id)).deleted).toBe(true);
    await expect(client.chat.completions.retrieve(id)).rejects.toMatchObject({ status: 404 });
  });

  test('responses: at once, as a stream, one after the other', async () => {
    const first = await client.responses.create({ model: MODEL, input: 'Hello' });
    expect(first.output_text).toContain('Hello');
    const stream = await client.responses.create({
      ...{ model: MODEL, input: 'And then?', stream: true },
      previous_response_id: first.id,
    });
    const types = (await all(stream)).map(({ type }) => type);
    expect([types[0], types.at(-1)]).toEqual(['response.created', 'response.completed']);
    expect(await all(client.responses.inputItems.list(first.id))).toHaveLength(1);
    await client.responses.delete(first.id);
    await expect(client.responses.retrieve(first.id)).rejects.toMatchObject({ status: 404 });
  });

  test('responses: in the background, polled and cancelled', async () => {
    const start = () => client.responses.create({ model: MODEL, input: 'Hello', background: true });
    let state = await start();
    expect(state.status).toBe('queued');
    for (let i = 0; i < 100 && state.status !== 'completed'; i++) {
      await sleep(50);
      state = await client.responses.retrieve(state.id);
    }
    expect(state.output_text).toContain('Hello');
    expect((await client.responses.cancel((await start()).id)).status).toBe('cancelled');
  });

  test('embeddings and moderations', async () => {
    const { data } = await client.embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] });
    expect(data).toHaveLength(2);
    const moderation = await client.moderations.create({
      model: 'omni-moderation-latest',
      input: '[[flag]]',
    });
    expect(moderation.results[0]?.flagged).toBe(true);
  });

  test('images: made, edited and varied', async () => {
    const options = { model: 'gpt-image-1', size: '256x256' } as const;
    const made = await client.images.generate({ ...options, size: '1024x1024', prompt: 'A gate' });
    const png = Buffer.from(made.data?.[0]?.b64_json ?? '', 'base64');
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    const image = new File([png], 'gate.png', { type: 'image/png' });
    expect((await client.images.edit({ ...options, image, prompt: 'Open it' })).data).toHaveLength(1);
    expect(
      (await client.images.edit({ ...options, image: [image, image], prompt: 'Both' })).data,
    ).toHaveLength(1);
    expect((await client.images.createVariation({ ...options, image, n: 2 })).data).toHaveLength(2);
  });

  test('audio: spoken, transcribed and translated', async () => {
    const speech = await client.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'Hello there' });
    const file = new File([await speech.arrayBuffer()], 'speech.wav', { type: 'audio/wav' });
    expect(
      Buffer.from(await file.arrayBuffer())
        .subarray(0, 4)
        .toString(),
    ).toBe('RIFF');
    expect((await client.audio.transcriptions.create({ model: 'whisper-1', file })).text).toContain(
      'speech.wav',
    );
    expect((await client.audio.translations.create({ model: 'whisper-1', file })).text).toContain(
      'speech.wav',
    );
  });

  test('files and uploads in parts', async () => {
    const file = await client.files.create({ file: text('a.txt'), purpose: 'user_data' });
    expect((await client.files.retrieve(file.id)).filename).toBe('a.txt');
    expect((await all(client.files.list({ purpose: 'user_data' }))).map(({ id }) => id)).toContain(file.id);
    const upload = await client.uploads.create({
      ...{ bytes: 10, filename: 'b.txt', mime_type: 'text/plain' },
      purpose: 'user_data',
    });
    const parts = await Promise.all(
      ['01234', '56789'].map((data) =>
        client.uploads.parts.create(upload.id, { data: new File([data], 'part') }),
      ),
    );
    const whole = await client.uploads.complete(upload.id, { part_ids: parts.map(({ id }) => id) });
    expect(await (await client.files.content(whole.file?.id ?? '')).text()).toBe('0123456789');
    const other = await client.uploads.create({
      ...{ bytes: 1, filename: 'c', mime_type: 'text/plain' },
      purpose: 'user_data',
    });
    expect((await client.uploads.cancel(other.id)).status).toBe('cancelled');
    expect((await client.files.delete(file.id)).deleted).toBe(true);
  });

  test('videos in full', async () => {
    const video = { model: 'sora-2', prompt: 'A heron', seconds: '4', size: '1280x720' } as const;
    const done = async (id: string) => {
      for (let i = 0; i < 200; i++) {
        if ((await client.videos.retrieve(id)).status === 'completed') return;
        await sleep(50);
      }
      throw new Error(`${id} was never completed`);
    };
    const still = await client.files.create({ file: text('still.png'), purpose: 'vision' });
    const first = await client.videos.create({ ...video, input_reference: text('still.png') });
    const second = await client.videos.create({ ...video, input_reference: { file_id: still.id } });
    await done(first.id);
    expect((await client.videos.remix(first.id, { prompt: 'At dusk' })).remixed_from_video_id).toBe(first.id);
    expect((await client.videos.edit({ prompt: 'Slower', video: { id: first.id } })).status).toBe('queued');
    const longer = await client.videos.extend({ prompt: 'On', seconds: '4', video: { id: first.id } });
    expect(Number(longer.seconds)).toBe(8);
    const character = await client.videos.createCharacter({ name: 'Heron', video: text('heron.mp4') });
    expect((await client.videos.getCharacter(character.id ?? '')).name).toBe('Heron');
    for (const [variant, magic] of [
      ['video', 'ftyp'],
      ['thumbnail', 'PNG'],
      ['spritesheet', 'PNG'],
    ] as const) {
      const bytes = Buffer.from(
        await (await client.videos.downloadContent(first.id, { variant })).arrayBuffer(),
      );
      expect(bytes.subarray(0, 8).toString('latin1')).toContain(magic);
    }
    const listed = (await all(client.videos.list({ limit: 2 }))).map(({ id }) => id);
    expect(listed).toContain(second.id);
    expect((await client.videos.delete(second.id)).deleted).toBe(true);
    await expect(client.videos.retrieve(second.id)).rejects.toMatchObject({ status: 404 });
  });

  test('vector stores, their files and batches', async () => {
    const stores = client.vectorStores;
    const [a, b] = await Promise.all(
      ['a.txt', 'b.txt'].map((name) =>
        client.files.create({ file: text(name, `all of ${name}`), purpose: 'user_data' }),
      ),
    );
    if (!a || !b) throw new Error('no files');
    const store = await stores.create({ name: 'library' });
    expect((await stores.update(store.id, { name: 'archive' })).name).toBe('archive');
    expect((await stores.files.create(store.id, { file_id: a.id })).id).toBe(a.id);
    const batch = await stores.fileBatches.create(store.id, { file_ids: [b.id] });
    expect((await stores.fileBatches.retrieve(batch.id, { vector_store_id: store.id })).status).toBe(
      'completed',
    );
    expect(await all(stores.fileBatches.listFiles(batch.id, { vector_store_id: store.id }))).toHaveLength(1);
    await stores.fileBatches.cancel(batch.id, { vector_store_id: store.id });
    expect(await all(stores.files.list(store.id, { limit: 1 }))).toHaveLength(2);
    const changed = { vector_store_id: store.id, attributes: { year: 2026 } };
    expect((await stores.files.update(a.id, changed)).attributes).toEqual({ year: 2026 });
    expect((await stores.files.retrieve(a.id, { vector_store_id: store.id })).status).toBe('completed');
    expect(await all(stores.files.content(a.id, { vector_store_id: store.id }))).toMatchObject([
      { text: 'all of a.txt' },
    ]);
    expect((await all(stores.search(store.id, { query: 'b.txt' })))[0]?.filename).toBe('b.txt');
    await stores.files.delete(a.id, { vector_store_id: store.id });
    expect((await client.files.retrieve(a.id)).id).toBe(a.id);
    expect((await all(stores.list())).map(({ id }) => id)).toContain(store.id);
    expect((await stores.delete(store.id)).deleted).toBe(true);
    await expect(stores.retrieve(store.id)).rejects.toMatchObject({ status: 404 });
  });
});

test('every operation of these has its row, and none was refused', async () => {
  const rows = await gate.settled();
  expect(rows.filter(({ decision }) => decision !== 'allowed')).toEqual([]);
});
