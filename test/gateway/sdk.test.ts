/** The official SDKs, unchanged, through the gate to the demo upstream. */
import OpenAI from 'openai';
import OpenAI6 from 'openai6';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sleep, startGate, type TestGate } from '../with-gate.ts';

let gate: TestGate;
let token: string;
beforeAll(async () => {
  gate = await startGate(null, null);
  token = await gate.tester('grace');
});
afterAll(() => gate.close());

describe.each([
  ['openai 7.57', () => new OpenAI({ baseURL: `${gate.url}/v1`, apiKey: token })],
  ['openai 6.49', () => new OpenAI6({ baseURL: `${gate.url}/v1`, apiKey: token }) as unknown as OpenAI],
])('%s', (_, make) => {
  test('a chat completion comes back', async () => {
    const answer = await make().chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'Hello' }],
    });
    expect(answer.choices[0]?.message.content).toContain('Hello');
  });

  test('a streamed chat completion arrives in pieces, with its usage', async () => {
    const stream = await make().chat.completions.create({
      model: 'gpt-4o-mini',
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: '[[words=5 delay=5]]' }],
    });
    let text = '';
    let usage = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage?.completion_tokens ?? usage;
    }
    expect(text.trim().split(/\s+/)).toHaveLength(5);
    expect(usage).toBeGreaterThan(0);
  });

  test('a video is created, polled and downloaded, whole and by range', async () => {
    const client = make();
    const video = await client.videos.create({
      model: 'sora-2',
      prompt: 'A heron at dawn',
      seconds: '4',
      size: '1280x720',
    });
    let state = video;
    for (let i = 0; i < 100 && state.status !== 'completed'; i++) {
      await sleep(100);
      state = await client.videos.retrieve(video.id);
    }
    expect(state.status).toBe('completed');
    const clip = Buffer.from(await (await client.videos.downloadContent(video.id)).arrayBuffer());
    expect(clip.subarray(4, 8).toString()).toBe('ftyp');
    const part = await fetch(`${gate.url}/v1/videos/${video.id}/content`, {
      headers: { authorization: `Bearer ${token}`, range: 'bytes=0-99' },
    });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(clip.subarray(0, 100));
    const row = (await gate.settled()).findLast(({ operation }) => operation === 'videos.create');
    expect(row).toMatchObject({ model: 'sora-2', seconds: 4, size: '1280x720', outcome: 'complete' });
  });

  test('a file goes up and comes back', async () => {
    const client = make();
    const file = await client.files.create({
      file: new File(['a line of text'], 'note.txt'),
      purpose: 'user_data',
    });
    expect(await (await client.files.content(file.id)).text()).toBe('a line of text');
  });

  test('an image and an embedding are made', async () => {
    const client = make();
    const image = await client.images.generate({ model: 'gpt-image-1', prompt: 'A gate', size: '1024x1024' });
    expect(image.data?.[0]?.b64_json?.length).toBeGreaterThan(100);
    const embedding = await client.embeddings.create({ model: 'text-embedding-3-small', input: 'gate' });
    expect(embedding.data[0]?.embedding.length).toBeGreaterThan(10);
  });

  test('a stop is told to the SDK in our words, and it does not try again', async () => {
    await gate.admin('POST', 'switches', { scope: 'tester:grace', reason: 'A look at your calls.' });
    const before = gate.rows().length;
    const call = make().models.list();
    await expect(call).rejects.toMatchObject({ status: 403, code: 'access_suspended' });
    await expect(call).rejects.toThrow('A look at your calls.');
    expect(gate.rows().length).toBe(before + 1);
    await gate.admin('POST', 'switches/release', { scope: 'tester:grace', reason: 'fine' });
  });

  test('a stream that is cut ends with an error in the SDK, never as if it were whole', async () => {
    const stream = await make().chat.completions.create({
      model: 'gpt-4o-mini',
      stream: true,
      messages: [{ role: 'user', content: '[[words=400 delay=20]]' }],
    });
    const reading = (async () => {
      let chunks = 0;
      for await (const _ of stream)
        if (++chunks === 3) void gate.admin('POST', 'switches', { scope: 'tester:grace', reason: 'Enough.' });
    })();
    await expect(reading).rejects.toThrow('Enough.');
    await gate.admin('POST', 'switches/release', { scope: 'tester:grace', reason: 'fine' });
  });
});
