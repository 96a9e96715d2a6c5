/** Guarantees of the simulator's first resources, through real sockets and the official SDKs. */
import type OpenAI from 'openai';
import { toFile } from 'openai';
import { describe, expect, test } from 'vitest';
import { isPng, pngSize, withDemo } from './with-demo.ts';

const demo = withDemo();

describe('the front door', () => {
  test('refuses a wrong key with 401 and quotes part of it', async () => {
    for (const client of [demo.client('sk-wrong-key-9876'), demo.client6('sk-wrong-key-9876')]) {
      await expect(client.models.list()).rejects.toMatchObject({
        status: 401,
        code: 'invalid_api_key',
        message: expect.stringContaining('sk-wrong*****9876'),
      });
    }
  });

  test('answers unknown routes and ids with 404 in the API error shape, and dresses every answer', async () => {
    const answer = await demo.fetch('/nowhere');
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({
      error: {
        message: 'Invalid URL (GET /v1/nowhere)',
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
    });
    expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
    expect(answer.headers.get('openai-organization')).toBe('demo-org');
    await expect(demo.client().files.retrieve('file-none')).rejects.toMatchObject({ status: 404 });
    await expect(demo.client().models.retrieve('nothing')).rejects.toMatchObject({ code: 'model_not_found' });
  });

  test('lists its models', async () => {
    const ids: string[] = [];
    for await (const model of demo.client().models.list()) ids.push(model.id);
    expect(ids).toContain('sora-2');
  });
});

describe('chat', () => {
  const messages = [{ role: 'user' as const, content: 'Tell me about weirs' }];

  test('answers at once, mentions the prompt and counts tokens', async () => {
    const answer = await demo.client().chat.completions.create({ model: 'gpt-4o-mini', messages });
    expect(answer.choices[0]?.message.content).toContain('Tell me about weirs');
    expect(answer.usage?.total_tokens).toBeGreaterThan(10);
  });

  test('streams the same words, then a finish reason, then usage', async () => {
    // One type for both generations, whose overloads TypeScript cannot call as a union.
    for (const client of [demo.client(), demo.client6() as unknown as OpenAI]) {
      const body = {
        model: 'gpt-4o',
        messages: [{ role: 'user' as const, content: '[[words=12 delay=5]]' }],
      };
      const stream = await client.chat.completions.create({
        ...body,
        stream: true,
        stream_options: { include_usage: true },
      });
      let text = '';
      const ends: unknown[] = [];
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
        if (chunk.choices[0]?.finish_reason) ends.push(chunk.choices[0].finish_reason);
        if (chunk.choices.length === 0) ends.push(chunk.usage?.completion_tokens);
      }
      expect(text.split(' ')).toHaveLength(12);
      expect(ends).toEqual(['stop', expect.any(Number)]);
    }
  });

  test('sends words as they come, before the answer is whole', async () => {
    const abort = new AbortController();
    const answer = await demo.fetch('/chat/completions', {
      method: 'POST',
      signal: abort.signal,
      body: JSON.stringify({
        model: 'gpt-4o',
        stream: true,
        messages: [{ role: 'user', content: '[[words=500 delay=50]]' }],
      }),
    });
    const reader = answer.body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toContain('"role":"assistant"');
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    abort.abort();
  });

  test('keeps a completion when asked, until it is deleted', async () => {
    const client = demo.client();
    const metadata = { team: 'locks' };
    const made = await client.chat.completions.create({ model: 'gpt-4o', messages, store: true, metadata });
    expect(await client.chat.completions.retrieve(made.id)).toMatchObject({ id: made.id, metadata });
    await client.chat.completions.update(made.id, { metadata: { team: 'weirs' } });
    const listed = await client.chat.completions.list();
    expect(listed.data.map((one) => one.metadata)).toEqual([{ team: 'weirs' }]);
    const kept = await client.chat.completions.messages.list(made.id);
    expect(kept.data[0]?.content).toBe('Tell me about weirs');
    await client.chat.completions.delete(made.id);
    await expect(client.chat.completions.retrieve(made.id)).rejects.toMatchObject({ status: 404 });
  });
});

test('files are kept byte for byte, listed by purpose, and deleted', async () => {
  const client = demo.client();
  const bytes = Buffer.alloc(3_000_000, 'river ');
  const file = await client.files.create({ file: await toFile(bytes, 'notes.txt'), purpose: 'user_data' });
  await demo.client6().files.create({ file: await toFile(Buffer.from('{}'), 'b.jsonl'), purpose: 'batch' });
  expect(file).toMatchObject({
    object: 'file',
    bytes: bytes.length,
    filename: 'notes.txt',
    status: 'processed',
  });
  expect(Buffer.from(await (await client.files.content(file.id)).arrayBuffer()).equals(bytes)).toBe(true);
  expect((await client.files.list({ purpose: 'batch' })).data).toHaveLength(1);
  expect((await client.files.delete(file.id)).deleted).toBe(true);
  await expect(client.files.content(file.id)).rejects.toMatchObject({ status: 404 });
});

test('images come as PNG of the size asked for, with usage', async () => {
  const answer = await demo.client().images.generate({ prompt: 'A barge', n: 2, size: '256x256' });
  const images = answer.data?.map((one) => Buffer.from(one.b64_json ?? '', 'base64')) ?? [];
  expect(images.map(pngSize)).toEqual([
    [256, 256],
    [256, 256],
  ]);
  expect(images[0]?.equals(images[1] ?? Buffer.alloc(0))).toBe(false);
  expect(answer.usage?.total_tokens).toBeGreaterThan(0);
  const image = await toFile(images[0] ?? Buffer.alloc(0), 'a.png', { type: 'image/png' });
  const edited = await demo
    .client()
    .images.edit({ image: [image, image], prompt: 'Brighter', size: '256x256' });
  expect(isPng(Buffer.from(edited.data?.[0]?.b64_json ?? '', 'base64'))).toBe(true);
});

test('embeddings are unit vectors in either encoding, and texts that share words are closer', async () => {
  const client = demo.client();
  const model = 'text-embedding-3-small';
  const input = ['the lock gate opens', 'the lock gate closes', 'seventeen purple kettles'];
  const answer = await client.embeddings.create({ model, input, dimensions: 256 });
  const plain = await client.embeddings.create({ model, input, dimensions: 256, encoding_format: 'float' });
  const [first = [], near = [], far = []] = answer.data.map((one) => one.embedding);
  const dot = (a: number[], b: number[]) => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
  expect(dot(first, first)).toBeCloseTo(1, 4);
  expect(dot(first, near)).toBeGreaterThan(dot(first, far) + 0.3);
  expect(plain.data[0]?.embedding[7]).toBeCloseTo(first[7] ?? 0, 5);
});
