/** Quotas in units: set aside before the call goes up, settled to what was used, exact whatever happens at once. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { PERMISSIVE, post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
afterEach(async () => {
  await gate.close();
  await upstream.close();
});

type Answer = (incoming: IncomingMessage, outgoing: ServerResponse) => void;
const json =
  (body: object | ((incoming: IncomingMessage) => object), status = 200): Answer =>
  (incoming, outgoing) => {
    const value = typeof body === 'function' ? body(incoming) : body;
    outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
async function start(quotas: string, answer: Answer) {
  upstream = await startUpstream(answer);
  gate = await startGate(upstream.url, `artists: { ${PERMISSIVE}, ${quotas} }`);
  return gate.tester('ada');
}
function used(subject = 'tester:ada'): Record<string, number> {
  return Object.fromEntries(
    gate.usage().flatMap((row) => (row.subject === subject ? [[row.unit, row.total_used]] : [])),
  );
}
const VIDEO = { model: 'sora-2', prompt: 'x' };
let made = 0;
const queued = () => ({
  id: `video_${++made}_abcdef`,
  object: 'video',
  status: 'queued',
  seconds: '8',
  created_at: 1,
});

test('of 200 calls at once against room for 37 exactly 37 pass', async () => {
  const token = await start('quotas: { videoSeconds: { day: 300 } }', json(queued));
  const answers = await Promise.all(
    Array.from({ length: 200 }, () => post(gate.url, token, { ...VIDEO, seconds: '8' }, '/v1/videos')),
  );
  const passed = answers.filter(({ status }) => status === 200).length;
  expect(passed).toBe(37);
  expect(upstream.seen).toHaveLength(37);
  const refused = answers.find(({ status }) => status !== 200);
  expect(refused?.status).toBe(429);
  expect(refused?.headers.get('x-should-retry')).toBe('false');
  expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused?.json()).toMatchObject({
    error: { code: 'quota_exceeded', message: expect.stringContaining('4 are left, and this call needs 8') },
  });
  expect(used()).toEqual({ videoSeconds: 296 });
});

test('a cohort shares its quota, exactly, between testers who call at once', async () => {
  await start('sharedQuotas: { images: { total: 20 } }', json({ data: [] }));
  const tokens = await Promise.all(['bob', 'cleo', 'dan'].map((id) => gate.tester(id)));
  const calls = Array.from({ length: 60 }, (_, i) =>
    post(gate.url, tokens[i % 3] ?? '', { model: 'm', prompt: 'x', n: 3 }, '/v1/images/generations'),
  );
  expect((await Promise.all(calls)).filter(({ status }) => status === 200)).toHaveLength(6);
  expect(used('cohort:artists')).toEqual({ images: 18 });
});

test('what the job itself says counts, once, however often it is polled', async () => {
  const token = await start('quotas: { videoSeconds: { total: 20 } }', (incoming, outgoing) =>
    json(
      incoming.method === 'POST' ? queued : { ...queued(), id: lastId(), status: 'completed', seconds: '8' },
    )(incoming, outgoing),
  );
  const lastId = () => `video_${made - 1}_abcdef`;
  const created = (await (await post(gate.url, token, VIDEO, '/v1/videos')).json()) as { id: string };
  expect(used()).toEqual({ videoSeconds: 8 });
  for (let i = 0; i < 3; i++) {
    made = Number(created.id.split('_')[1]);
    const polled = await fetch(`${gate.url}/v1/videos/${created.id}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(await polled.json()).toMatchObject({ status: 'completed' });
  }
  await gate.settled();
  expect(used()).toEqual({ videoSeconds: 8 });
  expect(gate.rows("operation = 'videos.create'")[0]).toMatchObject({
    reserved: '{"videoSeconds":4}',
    used: '{"videoSeconds":8}',
  });
});

test('a job that failed gives back what it had set aside, once', async () => {
  let id = '';
  const token = await start('quotas: { videoSeconds: { total: 20 } }', (incoming, outgoing) =>
    json(incoming.method === 'POST' ? queued : { id, object: 'video', status: 'failed', seconds: '8' })(
      incoming,
      outgoing,
    ),
  );
  id = ((await (await post(gate.url, token, VIDEO, '/v1/videos')).json()) as { id: string }).id;
  for (let i = 0; i < 2; i++)
    await (
      await fetch(`${gate.url}/v1/videos/${id}`, { headers: { authorization: `Bearer ${token}` } })
    ).text();
  await gate.settled();
  expect(used()).toEqual({ videoSeconds: 0 });
});

test.each([
  ['refuses', json({ error: { message: 'no' } }, 400)],
  ['fails', json({ error: { message: 'no' } }, 500)],
  ['cannot be reached', (incoming: IncomingMessage) => incoming.socket.destroy()],
])('when upstream %s, nothing is used up that did not happen', async (what, answer) => {
  const token = await start('quotas: { videoSeconds: { total: 20 } }', answer as Answer);
  if (what === 'cannot be reached') await upstream.close();
  await (await post(gate.url, token, VIDEO, '/v1/videos')).text();
  await gate.settled();
  expect(used()).toEqual({ videoSeconds: 0 });
});

const CHAT = { model: 'm', max_tokens: 100, messages: [{ role: 'user', content: 'x'.repeat(40) }] };
const usage = { prompt_tokens: 12, completion_tokens: 30, total_tokens: 42 };

test('tokens are settled to the usage of the answer', async () => {
  const token = await start(
    'quotas: { tokens: { day: 1000 } }',
    json({ id: 'chatcmpl-1', choices: [], usage }),
  );
  await (await post(gate.url, token, CHAT)).text();
  await gate.settled();
  expect(used()).toEqual({ tokens: 42 });
});

test('tokens of a stream are settled to the usage of its last chunk, or else to the chunks that came', async () => {
  const token = await start('quotas: { tokens: { day: 1000 } }', (incoming, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let i = 0; i < 5; i++)
      outgoing.write(`data: {"choices":[{"delta":{"content":"\\"usage\\":{"}}]}\n\n`);
    if (incoming.headers['openai-beta'])
      outgoing.write(`data: {"choices":[],"usage":${JSON.stringify(usage)}}\n\n`);
    outgoing.end('data: [DONE]\n\n');
  });
  const call = (headers: Record<string, string>) =>
    fetch(`${gate.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ ...CHAT, stream: true }),
    }).then((answer) => answer.text());
  await call({ 'openai-beta': 'usage' });
  await gate.settled();
  expect(used()).toEqual({ tokens: 42 });
  await call({});
  await gate.settled();
  const body = JSON.stringify({ ...CHAT, stream: true }).length;
  expect(used()).toEqual({ tokens: 42 + Math.ceil(body / 4) + 6 });
});

test('a quota of a day begins anew with the UTC day, and the total goes on', async () => {
  const token = await start('quotas: { images: { day: 2, total: 3 } }', json({ data: [] }));
  const image = async () =>
    (await post(gate.url, token, { model: 'm', prompt: 'x' }, '/v1/images/generations')).status;
  expect([await image(), await image(), await image()]).toEqual([200, 200, 429]);
  await gate.sql('update usage set day = day - 1');
  expect([await image(), await image()]).toEqual([200, 429]);
  expect(gate.rows("outcome = 'quota_exceeded'").map(({ rule }) => rule)).toEqual([
    'quota:tester.images.day',
    'quota:tester.images.total',
  ]);
});

test("a quota of the tester's own goes before the cohort's", async () => {
  const token = await start('quotas: { images: { total: 1 } }', json({ data: [] }));
  await gate.admin('PATCH', 'testers/ada', { quotas: { images: { total: 2 } }, reason: 'a trial' });
  const image = async () =>
    (await post(gate.url, token, { model: 'm', prompt: 'x' }, '/v1/images/generations')).status;
  expect([await image(), await image(), await image()]).toEqual([200, 200, 429]);
  await gate.settled();
  expect(await gate.admin('GET', 'testers/ada')).toMatchObject({
    usage: [{ unit: 'images', today: 2, total: 2 }],
  });
});

test('a refused call uses up no quota, and a quota that is used up uses up no rate limit', async () => {
  const token = await start(
    'quotas: { images: { total: 1 } }, limits: { requestsPerMinute: 2 }',
    json({ data: [] }),
  );
  const image = () => post(gate.url, token, { model: 'm', prompt: 'x' }, '/v1/images/generations');
  expect((await image()).status).toBe(200);
  expect((await image()).status).toBe(429);
  expect((await post(gate.url, token, CHAT)).status).toBe(200);
  const limited = await post(gate.url, token, CHAT);
  expect(await limited.json()).toMatchObject({ error: { code: 'rate_limited' } });
  await gate.settled();
  expect(used().images).toBe(1);
});

test('bytes up and down count', async () => {
  const token = await start('quotas: { bytes: { total: 1000 } }', (incoming, outgoing) => {
    if (incoming.method === 'POST') json({ id: 'file-1234567890', object: 'file' })(incoming, outgoing);
    else outgoing.writeHead(200, { 'content-type': 'video/mp4' }).end(Buffer.alloc(900));
  });
  const form = new FormData();
  form.set('file', new File(['y'.repeat(100)], 'y'));
  form.set('purpose', 'user_data');
  const authorization = `Bearer ${token}`;
  await (
    await fetch(`${gate.url}/v1/files`, { method: 'POST', headers: { authorization }, body: form })
  ).text();
  const up = used().bytes ?? 0;
  expect(up).toBeGreaterThan(100);
  const get = () => fetch(`${gate.url}/v1/files/file-1234567890/content`, { headers: { authorization } });
  await (await get()).arrayBuffer();
  await gate.settled();
  expect(used().bytes).toBe(up + 900);
  expect((await get()).status).toBe(429);
});
