/** Every place of a call that could name an object, on every row of the route table: none reaches what another tester made. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROUTES } from '../../src/gateway/routes.ts';
import { send } from '../with-attack.ts';
import { startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const HERS = { video: 'video_ada0123456789', file: 'file-ada0123456789', response: 'resp_ada0123456789' };
const HIS = 'file-bob0123456789';
const STRANGE = 'file-nobody0123456789';
let gate: TestGate;
let upstream: Upstream;
let bob: string;

beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url);
  await gate.tester('ada');
  bob = await gate.tester('bob');
  await gate.enter('ada', ...Object.values(HERS));
  await gate.enter('bob', HIS);
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

interface Attack {
  readonly target: string;
  readonly body: string | null;
  readonly type?: string;
}

async function attack(method: string, { target, body, type = 'application/json' }: Attack) {
  const content =
    body === null ? '' : `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bob}\r\nConnection: close\r\n${content}\r\n`;
  const [answer] = await send(gate.url, head + (body ?? ''));
  const what = `${method} ${target.slice(0, 200)} ${body?.slice(0, 200) ?? ''}`;
  expect([what, answer?.status]).toEqual([what, expect.toBeOneOf([400, 404])]);
  expect(answer?.body ?? '').not.toContain("ada's");
}

/** Each is a bad request, or names what does not exist: one row each, and nothing sent. */
async function refused(method: string, attacks: readonly Attack[]) {
  const [seen, last] = [upstream.seen.length, gate.rows().at(-1)?.id ?? ''];
  await Promise.all(attacks.map((one) => attack(method, one)));
  expect(upstream.seen.slice(seen).map(({ url, body }) => [url, body])).toEqual([]);
  const rows = gate.rows(`id > '${last}'`);
  expect(rows).toHaveLength(attacks.length);
  for (const { decision, detail } of rows) {
    expect(decision).toBe('refused');
    expect(detail?.length ?? 0).toBeLessThan(513);
  }
}

/** His own object in the path, so that only what else stands in the call can be at fault. */
const own = (path: string) => path.replaceAll(':model', 'm').replaceAll(/:\w+/g, HIS);
const all = (take: (route: (typeof ROUTES)[number]) => boolean) =>
  ROUTES.filter((route) => !route.socket && take(route)).map(({ method, path }) => [method, path] as const);

const coded = (text: string) =>
  [...text].map((one) => `%${one.charCodeAt(0).toString(16).padStart(2, '0')}`).join('');
/** As they stand in a query; each decodes to her id, or is no id of his. */
const QUERIES: readonly ((id: string) => string)[] = [
  (id) => `file_id=${id}`,
  (id) => `FILE_ID=${id}`,
  (id) => `file_id[]=${id}`,
  (id) => `filter[file_id]=${id}`,
  (id) => `file_id=${HIS}&file_id=${id}`,
  (id) => `file_ids[]=${HIS}&file_ids[]=${id}`,
  (id) => `x=${id}`,
  (id) => `x=${coded(id)}`,
  (id) => `x=${coded(coded(id))}`,
  (id) => `x=%20${id}%20`,
  (id) => `x=${HIS},${id}`,
  (id) => `file_id=${id.toUpperCase()}`,
  (id) => `file_id=${id}.`,
  (id) => `file_id=${id}${'a'.repeat(3_000)}`,
  (id) => `${coded('file_id')}=${id}`,
];
test.each(all(() => true))('%s %s: no query names what is hers', async (method, path) => {
  const route = ROUTES.find((one) => one.method === method && one.path === path);
  const body = route?.body === 'json' ? '{"model":"m"}' : null;
  const targets = QUERIES.map((query) => `${own(path)}?${query(HERS.file)}`);
  await refused(
    method,
    targets.map((target) => ({ target, body })),
  );
});

/** Members of a body, each of which names hers, or nobody's. */
const SHAPES: readonly ((id: string) => object)[] = [
  (id) => ({ file_id: id }),
  (id) => ({ id }),
  (id) => ({ File_Id: id }),
  (id) => ({ file_ids: [HIS, id] }),
  (id) => ({ file_ids: [[[id]]] }),
  (id) => ({ video: { id } }),
  (id) => ({ video: id }),
  (id) => ({ previous_response_id: id }),
  (id) => ({ input: [{ role: 'user', content: [{ type: 'input_file', file_id: id }] }] }),
  (id) => ({ messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: id } }] }] }),
  (id) => ({ tools: [{ type: 'file_search', vector_store_ids: [id] }] }),
  (id) => ({ anything: { at: { all: [[[{ deep: id }]]] } } }),
  (id) => ({ reference: id }),
  (id) => ({ reference: ` ${id}\n` }),
  (id) => ({ reference: `${id}.` }),
  (id) => ({ reference: coded(id) }),
  (id) => ({ reference: `https://api.example/v1/files/${id}/content` }),
  (id) => ({ reference: `${HIS},${id}` }),
  (id) => ({ file_id: id.toUpperCase() }),
  (id) => ({ file_id: `${id} ` }),
  (id) => ({ file_id: `${id}.` }),
  (id) => ({ file_id: `${id}\u0000` }),
  (id) => ({ file_id: id.padEnd(8_000, 'a') }),
  (id) => ({ file_id: HIS.padEnd(8_000, ' ') + id }),
  (id) => ({ file_id: { value: id } }),
  (id) => ({ file_id: { toString: id } }),
  () => ({ file_id: 17 }),
  () => ({ file_id: 1e21 }),
  () => ({ file_id: STRANGE }),
  (id) => ({ constructor: { file_id: id } }),
  (id) => ({ prompt: { id: 'x', variables: { city: { type: 'input_file', file_id: id } } } }),
];
test.each(all(({ body }) => body === 'json' || body === 'either'))(
  '%s %s: no member of its body names what is hers',
  async (method, path) => {
    const target = own(path);
    const bodies = SHAPES.flatMap((shape) => Object.values(HERS).map((id) => json(shape(id))));
    bodies.push(
      `{"model":"m","__proto__":{"file_id":"${HERS.file}"}}`,
      `{"model":"m","file_id":"${HIS}","file_id":"${HERS.file}"}`,
      `{"model":"m","file_id":"${HIS}","file\\u005fid":"${HERS.file}"}`,
    );
    await refused(method, [
      ...bodies.map((body) => ({ target, body })),
      { target: `${target}?file_id=${HERS.file}`, body: json({ file_id: HIS }) },
      { target: `${target}?file_id=${HIS}`, body: json({ file_id: HERS.file }) },
    ]);
  },
);
const json = (more: object) => JSON.stringify({ model: 'm', ...more });

const TYPE = 'multipart/form-data; boundary=b';
const part = (name: string, value: string, more = '') =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const form = (...parts: string[]) => `${part('model', 'm')}${parts.join('')}--b--\r\n`;
const NAMES = [
  'file_id',
  'FILE_ID',
  'file_ids[]',
  'video[id]',
  'characters[0][id]',
  'input_reference[file_id]',
];
test.each(all(({ body }) => body === 'multipart' || body === 'either'))(
  '%s %s: no field of its form names what is hers',
  async (method, path) => {
    const target = own(path);
    const forms = Object.values(HERS).flatMap((id) => [
      ...NAMES.flatMap((name) => spellings(id).map((value) => form(part(name, value)))),
      ...[id, `${id} `, coded(id), `x,${id}`].map((value) => form(part('reference', value))),
      // Not read as text here, but perhaps by another reader.
      form(part('video[id]', id, '; filename="x"')),
      form(part('video[id]', id.padEnd(70_000, ' '))),
      form(part('video', id.padEnd(70_000, ' '))),
    ]);
    forms.push(
      form(part('file_id', HIS), part('file_id', HERS.file)),
      form(part('file_ids[]', HIS), part('file_ids[]', HERS.file)),
    );
    await refused(method, [
      ...forms.map((body) => ({ target, body, type: TYPE })),
      { target: `${target}?file_id=${HERS.file}`, body: form(part('file_id', HIS)), type: TYPE },
    ]);
  },
);
const spellings = (id: string) => [id, ` ${id}`, `${id}.`, id.toUpperCase(), id.padEnd(8_000, 'a')];

test('what is his own passes, wherever it stands', async () => {
  const call = (path: string, more: object) =>
    fetch(gate.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${bob}`, 'content-type': 'application/json' },
      body: json(more),
    });
  for (const more of [{ file_id: HIS }, { reference: ` ${HIS}` }, { reference: `x://${HIS}/content` }]) {
    const answer = await call('/v1/chat/completions', more);
    expect([more, answer.status, await answer.text()]).toEqual([more, 200, '{"ok":true}']);
  }
});
