/** Guarantees of the simulator's further resources, through real sockets and the official SDKs. */
import { toFile } from 'openai';
import { describe, expect, test } from 'vitest';
import { withDemo } from './with-demo.ts';

const demo = withDemo();

describe('responses', () => {
  const model = 'gpt-4o';

  test('answer at once, remember what went before, and can be fetched and deleted', async () => {
    const client = demo.client();
    const first = await client.responses.create({ model, input: 'Count the locks' });
    expect(first.output_text).toContain('Count the locks');
    const second = await client.responses.create({ model, input: 'Again', previous_response_id: first.id });
    expect(second.usage?.input_tokens).toBeGreaterThan(first.usage?.total_tokens ?? 0);
    expect((await demo.client6().responses.retrieve(second.id)).previous_response_id).toBe(first.id);
    const items = await client.responses.inputItems.list(first.id);
    expect(items.data).toMatchObject([{ role: 'user', content: [{ text: 'Count the locks' }] }]);
    await client.responses.delete(first.id);
    await expect(client.responses.retrieve(first.id)).rejects.toMatchObject({ status: 404 });
    const unkept = await client.responses.create({ model, input: 'Forget me', store: false });
    await expect(client.responses.retrieve(unkept.id)).rejects.toMatchObject({ status: 404 });
  });

  test('stream in the documented order of events', async () => {
    const stream = await demo
      .client()
      .responses.create({ model, input: '[[words=3 delay=5]]', stream: true });
    const types: string[] = [];
    const numbers: number[] = [];
    for await (const event of stream) {
      types.push(event.type.replace('response.', ''));
      if ('sequence_number' in event) numbers.push(event.sequence_number);
      if (event.type === 'response.completed') expect(event.response.usage?.output_tokens).toBeGreaterThan(0);
    }
    expect(types).toEqual([
      'created',
      'in_progress',
      'output_item.added',
      'content_part.added',
      ...Array(3).fill('output_text.delta'),
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'completed',
    ]);
    expect(numbers).toEqual(types.map((_, index) => index));
  });

  test('in the background go from queued to completed, or stop when cancelled', async () => {
    const client = demo.client();
    const kept = await client.responses.create({ model, input: 'Slowly', background: true });
    const stopped = await client.responses.create({ model, input: 'Never', background: true });
    expect([kept.status, kept.output]).toEqual(['queued', []]);
    expect((await client.responses.cancel(stopped.id)).status).toBe('cancelled');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await client.responses.retrieve(kept.id)).status).toBe('completed');
    expect((await client.responses.retrieve(stopped.id)).status).toBe('cancelled');
  });
});

test('speech is a WAV file, and a transcript describes its upload', async () => {
  const client = demo.client();
  const speech = await client.audio.speech.create({
    model: 'tts-1',
    voice: 'alloy',
    input: 'three small words',
  });
  const bytes = Buffer.from(await speech.arrayBuffer());
  expect(bytes.toString('latin1', 0, 4) + bytes.toString('latin1', 8, 12)).toBe('RIFFWAVE');
  expect(bytes.readUInt32LE(40)).toBe(bytes.length - 44);
  const file = await toFile(bytes, 'words.wav');
  const transcript = await client.audio.transcriptions.create({ model: 'whisper-1', file });
  expect(transcript.text).toContain('words.wav');
  const translation = await client.audio.translations.create({ model: 'whisper-1', file });
  expect(translation.text).toContain('Translation');
});

test('moderation flags only what asks for it', async () => {
  const answer = await demo.client().moderations.create({ input: ['calm water', '[[flag]] storm'] });
  expect(answer.results.map((one) => one.flagged)).toEqual([false, true]);
});

test('an upload in parts becomes a file, and a cancelled one does not', async () => {
  const client = demo.client();
  const body = { bytes: 10, filename: 'a.jsonl', mime_type: 'text/plain', purpose: 'batch' as const };
  const upload = await client.uploads.create(body);
  const parts: string[] = [];
  for (const piece of ['hello', 'world']) {
    const data = await toFile(Buffer.from(piece), 'piece');
    parts.push((await client.uploads.parts.create(upload.id, { data })).id);
  }
  const done = await client.uploads.complete(upload.id, { part_ids: parts });
  expect(done.status).toBe('completed');
  expect(await (await client.files.content(done.file?.id ?? '')).text()).toBe('helloworld');
  const dropped = await client.uploads.create(body);
  expect((await client.uploads.cancel(dropped.id)).status).toBe('cancelled');
  await expect(client.uploads.complete(dropped.id, { part_ids: [] })).rejects.toMatchObject({ status: 400 });
});

test('a vector store finds the file that speaks of the query', async () => {
  const client = demo.client();
  const upload = async (name: string, words: string) =>
    (await client.files.create({ file: await toFile(Buffer.from(words), name), purpose: 'assistants' })).id;
  const locks = await upload('locks.txt', 'How the lock gate opens and the water falls');
  const tea = await upload('tea.txt', 'Seventeen ways with a purple kettle');
  const store = await client.vectorStores.create({ name: 'canal', file_ids: [locks] });
  const batch = await client.vectorStores.fileBatches.create(store.id, { file_ids: [tea] });
  expect(batch.file_counts.completed).toBe(1);
  const found = await client.vectorStores.search(store.id, { query: 'opening a lock gate' });
  expect(found.data.map((one) => one.file_id)).toEqual([locks, tea]);
  await client.vectorStores.files.delete(tea, { vector_store_id: store.id });
  const left = await client.vectorStores.files.list(store.id);
  expect(left.data.map((file) => file.id)).toEqual([locks]);
  expect((await client.vectorStores.update(store.id, { name: 'river' })).name).toBe('river');
  await client.vectorStores.delete(store.id);
  await expect(client.vectorStores.retrieve(store.id)).rejects.toMatchObject({ status: 404 });
});
