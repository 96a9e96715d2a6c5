/** Law 5: under one shared upstream key each tester reaches only the objects that this tester made. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startDemo } from '../../src/demo/server.ts';
import { ROUTES } from '../../src/gateway/routes.ts';
import { post, startGate, type TestGate } from '../with-gate.ts';

const KEY = 'sk-upstream-canary-key';
const video = { model: 'sora-2', prompt: 'A heron', seconds: '4' } as const;

let demo: Awaited<ReturnType<typeof startDemo>>;
let gate: TestGate;
let ada: OpenAI;
let bob: OpenAI;
let bobsToken: string;
/** The owner of the shared key, past the gate. */
let owner: OpenAI;
let hers: {
  video: string;
  file: string;
  response: string;
  store: string;
  upload: string;
  chat: string;
  item: string;
};

beforeAll(async () => {
  demo = await startDemo({ key: KEY });
  gate = await startGate(demo.url);
  const client = (apiKey: string) => new OpenAI({ baseURL: `${gate.url}/v1`, apiKey, maxRetries: 0 });
  ada = client(await gate.tester('ada'));
  bobsToken = await gate.tester('bob');
  bob = client(bobsToken);
  owner = new OpenAI({ baseURL: `${demo.url}/v1`, apiKey: KEY });
  const response = await ada.responses.create({ model: 'gpt-4o-mini', input: 'Hello' });
  hers = {
    video: (await ada.videos.create(video)).id,
    file: (await ada.files.create({ file: new File(['text'], 'a.txt'), purpose: 'user_data' })).id,
    response: response.id,
    item: response.output[0]?.id ?? '',
    store: (await ada.vectorStores.create({ name: 'hers' })).id,
    upload: (
      await ada.uploads.create({ bytes: 4, filename: 'a', mime_type: 'text/plain', purpose: 'user_data' })
    ).id,
    chat: (
      await ada.chat.completions.create({
        model: 'gpt-4o-mini',
        store: true,
        messages: [{ role: 'user', content: 'Hi' }],
      })
    ).id,
  };
});
afterAll(async () => {
  await gate.close();
  await demo.close();
});

/** Refused as unknown, in one row that tells the truth, with nothing sent. */
async function expectUnknown(call: Promise<unknown>, truth: RegExp) {
  await expect(call).rejects.toMatchObject({ status: 404, code: 'object_unknown' });
  const row = gate.rows().at(-1);
  expect(row).toMatchObject({ decision: 'refused', outcome: 'object_unknown', status: 404 });
  expect(row?.detail).toMatch(truth);
}

describe('what another tester made is answered as if it did not exist', () => {
  const cases: [string, (his: OpenAI, id: typeof hers) => Promise<unknown>][] = [
    ['videos.retrieve', (c, id) => c.videos.retrieve(id.video)],
    ['videos.delete', (c, id) => c.videos.delete(id.video)],
    ['videos.remix', (c, id) => c.videos.remix(id.video, { prompt: 'mine now' })],
    ['videos.downloadContent', (c, id) => c.videos.downloadContent(id.video)],
    ['videos.edit, video[id] of a form', (c, id) => c.videos.edit({ prompt: 'x', video: { id: id.video } })],
    ['videos.extend', (c, id) => c.videos.extend({ prompt: 'x', seconds: '4', video: { id: id.video } })],
    [
      'videos.create, input_reference[file_id]',
      (c, id) => c.videos.create({ ...video, input_reference: { file_id: id.file } }),
    ],
    ['files.retrieve', (c, id) => c.files.retrieve(id.file)],
    ['files.content', (c, id) => c.files.content(id.file)],
    ['files.delete', (c, id) => c.files.delete(id.file)],
    ['responses.retrieve', (c, id) => c.responses.retrieve(id.response)],
    ['responses.delete', (c, id) => c.responses.delete(id.response)],
    ['responses.inputItems', async (c, id) => (await c.responses.inputItems.list(id.response)).data],
    [
      'previous_response_id',
      (c, id) => c.responses.create({ model: 'gpt-4o-mini', input: 'x', previous_response_id: id.response }),
    ],
    [
      'an item reference',
      (c, id) =>
        c.responses.create({ model: 'gpt-4o-mini', input: [{ type: 'item_reference', id: id.item }] }),
    ],
    [
      'a file in a message',
      (c, id) =>
        c.chat.completions.create({
          model: 'gpt-4o-mini',
          messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: id.file } }] }],
        }),
    ],
    [
      'a file in an input',
      (c, id) =>
        c.responses.create({
          model: 'gpt-4o-mini',
          input: [{ role: 'user', content: [{ type: 'input_image', detail: 'low', file_id: id.file }] }],
        }),
    ],
    [
      'vector stores of a tool',
      (c, id) =>
        c.responses.create({
          model: 'gpt-4o-mini',
          input: 'x',
          tools: [{ type: 'file_search', vector_store_ids: [id.store] }],
        }),
    ],
    ['vectorStores.search', async (c, id) => (await c.vectorStores.search(id.store, { query: 'x' })).data],
    ['vectorStores.files.create', (c, id) => c.vectorStores.files.create(id.store, { file_id: id.file })],
    ['vectorStores.create, file_ids', (c, id) => c.vectorStores.create({ file_ids: [id.file] })],
    ['uploads.cancel', (c, id) => c.uploads.cancel(id.upload)],
    ['chat.completions.retrieve', (c, id) => c.chat.completions.retrieve(id.chat)],
    ['chat.completions.update', (c, id) => c.chat.completions.update(id.chat, { metadata: { mine: 'now' } })],
    ['a cursor', async (c, id) => (await c.videos.list({ after: id.video })).data],
  ];
  test.each(cases)('%s', (_, call) => expectUnknown(call(bob, hers), /is ada's$/));
  test.each(cases)('and so is an id that this gate never handed out: %s', async (_, call) => {
    const strange = Object.fromEntries(Object.keys(hers).map((name) => [name, `${name}_0123456789abcdef`]));
    await expectUnknown(call(bob, strange as typeof hers), /is nobody's$/);
  });

  test.each([
    ['a name that nobody thought of', { reference: '{file}' }],
    ['deep inside', { tools: [{ type: 'custom', settings: { sources: ['{file}'] } }] }],
    ['in capitals', { FILE_ID: '{file}' }],
    ['as a text in place of an object', { conversation: '{response}' }],
    ['in a list', { file_ids: ['{file}'] }],
  ])('under %s', async (_, more) => {
    const text = JSON.stringify({ model: 'gpt-4o-mini', input: 'x', ...more }).replace(
      /\{(file|response)\}/,
      (_, name: 'file' | 'response') => hers[name],
    );
    const answer = await post(gate.url, bobsToken, JSON.parse(text), '/v1/responses');
    expect(answer.status).toBe(404);
    await answer.text();
  });

  test('a member that stands twice is refused, whichever of the two a reader takes', async () => {
    const mine = await bob.files.create({ file: new File(['b'], 'b'), purpose: 'user_data' });
    const answer = await fetch(`${gate.url}/v1/responses`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bobsToken}`, 'content-type': 'application/json' },
      body: `{"model":"gpt-4o-mini","input":[{"content":[{"file_id":"${hers.file}","file_id":"${mine.id}"}]}]}`,
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'body_ambiguous' } });
  });
});

test('every id in a path of the route table is looked after', async () => {
  for (const { path, method, body } of ROUTES.filter(({ path }) => /:(?!model)/.test(path))) {
    const answer = await fetch(gate.url + path.replaceAll(/:(\w+)/g, '$1_0123456789abcdef'), {
      method,
      headers: {
        authorization: `Bearer ${bobsToken}`,
        ...(body === 'json' ? { 'content-type': 'application/json' } : {}),
      },
      ...(body === 'json' ? { body: '{}' } : {}),
    });
    expect([path, answer.status]).toEqual([path, 404]);
    expect(await answer.json()).toMatchObject({ error: { code: 'object_unknown' } });
  }
});

test('a tester reaches what this tester made, also after a restart', async () => {
  await gate.restart();
  const again = new OpenAI({ baseURL: `${gate.url}/v1`, apiKey: ada.apiKey, maxRetries: 0 });
  expect((await again.videos.retrieve(hers.video)).id).toBe(hers.video);
  expect((await again.responses.retrieve(hers.response)).id).toBe(hers.response);
  const next = { model: 'gpt-4o-mini', input: 'And?', previous_response_id: hers.response };
  expect((await again.responses.create(next)).previous_response_id).toBe(hers.response);
  const replay = [{ type: 'item_reference' as const, id: hers.item }];
  expect((await again.responses.create({ model: 'gpt-4o-mini', input: replay })).status).toBe('completed');
  ada = again;
  bob = new OpenAI({ baseURL: `${gate.url}/v1`, apiKey: bobsToken, maxRetries: 0 });
});

test("a streamed response is the caller's from its first event on", async () => {
  const stream = await ada.responses.create({
    model: 'gpt-4o-mini',
    stream: true,
    input: '[[words=6 delay=30]]',
  });
  for await (const event of stream) {
    if (event.type !== 'response.created') continue;
    await expectUnknown(bob.responses.retrieve(event.response.id), /is ada's$/);
    break;
  }
});

test("an id stays its maker's when the object is deleted", async () => {
  const file = await ada.files.create({ file: new File(['x'], 'x'), purpose: 'user_data' });
  await ada.files.delete(file.id);
  await expectUnknown(bob.files.retrieve(file.id), /is ada's$/);
  await expect(ada.files.retrieve(file.id)).rejects.toMatchObject({ status: 404, code: null });
});

test("an object that an operator hands over is the other tester's from then on, and a known id can be entered", async () => {
  const { id } = await ada.videos.create(video);
  await gate.admin('POST', 'objects/give', { to: 'bob', ids: [id] });
  expect((await bob.videos.retrieve(id)).id).toBe(id);
  await expectUnknown(ada.videos.retrieve(id), /is bob's$/);
  const old = await owner.videos.create(video);
  await gate.admin('POST', 'objects/give', { to: 'bob', ids: [old.id] });
  expect((await bob.videos.retrieve(old.id)).id).toBe(old.id);
  const listed = (await bob.videos.list()).data.map((one) => one.id);
  expect(listed).toEqual([old.id, id]);
});

describe('lists', () => {
  test("auto-paging shows each of three testers exactly their own of 120 objects, in upstream's order", async () => {
    const names = ['cleo', 'dan', 'eve'];
    const clients = await Promise.all(
      names.map(async (name) => new OpenAI({ baseURL: `${gate.url}/v1`, apiKey: await gate.tester(name) })),
    );
    const made = clients.map((): string[] => []);
    for (let i = 0; i < 120; i++) {
      // Mixed, and not evenly: runs of others' objects are longer than a page.
      const who = i < 60 ? i % 2 : i < 110 ? 1 : 2;
      const client = clients[who];
      if (client) made[who]?.push((await client.videos.create(video)).id);
    }
    await owner.videos.create(video);
    for (const [who, client] of clients.entries()) {
      const own = made[who] ?? [];
      for (const order of ['asc', 'desc'] as const) {
        const seen: string[] = [];
        for await (const one of client.videos.list({ limit: 7, order })) seen.push(one.id);
        expect(seen).toEqual(order === 'asc' ? own : own.toReversed());
      }
      const page = await client.videos.list({ limit: 5, order: 'asc' });
      expect(page.data.map(({ id }) => id)).toEqual(own.slice(0, 5));
      expect(page.has_more).toBe(own.length > 5);
      const rest = await client.videos.list({ limit: 100, order: 'asc', after: own[4] ?? '' });
      expect(rest.data.map(({ id }) => id)).toEqual(own.slice(5));
      expect(rest.has_more).toBe(false);
    }
  });

  test("a list has upstream's own shape, and its first and last id are the caller's", async () => {
    const answer = await fetch(`${gate.url}/v1/files?limit=2`, {
      headers: { authorization: `Bearer ${bobsToken}` },
    });
    const list = (await answer.json()) as { data: { id: string }[]; first_id: string; last_id: string };
    expect(list).toMatchObject({ object: 'list', has_more: false });
    expect(list.first_id).toBe(list.data[0]?.id);
    expect(list.last_id).toBe(list.data.at(-1)?.id);
  });

  test('a tester with nothing sees nothing, of any kind', async () => {
    const token = await gate.tester('newcomer');
    for (const { path } of ROUTES.filter(({ lists }) => lists)) {
      const answer = await fetch(gate.url + path, { headers: { authorization: `Bearer ${token}` } });
      expect(await answer.json()).toMatchObject({ data: [], has_more: false });
    }
  });

  test('what upstream says to a bad query comes through', async () => {
    await expect(ada.videos.list({ limit: 1_000 })).rejects.toMatchObject({ status: 400, param: 'limit' });
  });
});
