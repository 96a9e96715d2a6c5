/** Hostile or broken upstreams and readers: the key never comes down, nobody's slowness hurts the others. */
import { get } from 'node:http';
import { fc, test as property } from '@fast-check/vitest';
import { afterEach, expect, test } from 'vitest';
import { KeyWatch } from '../../src/gateway/key-watch.ts';
import { CHAT, post, sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const KEY = 'sk-upstream-canary-key';
let gate: TestGate;
let upstream: Upstream;
afterEach(async () => {
  await gate.close();
  await upstream.close();
});
type Answer = Parameters<typeof startUpstream>[0];
async function start(answer: Answer, more = '') {
  upstream = await startUpstream(answer);
  gate = await startGate(upstream.url, undefined, more);
  return gate.tester('ada');
}

test.each<[string, Answer]>([
  [
    'in a header',
    (_, out) =>
      out.writeHead(200, { 'content-type': 'application/json', 'openai-version': `v-${KEY}` }).end('{}'),
  ],
  [
    'in a body that is held',
    (_, out) => out.writeHead(200, { 'content-type': 'application/json' }).end(`{"id":"${KEY}"}`),
  ],
  [
    'in the first bytes of a body that is passed on',
    (_, out) => out.writeHead(200, { 'content-type': 'text/plain' }).end(`You are ${KEY}.`),
  ],
  [
    'in an error',
    (_, out) => out.writeHead(500, { 'content-type': 'application/json' }).end(`{"error":"${KEY}"}`),
  ],
  [
    'in the first event of a stream, in two pieces',
    (_, out) => {
      out.writeHead(200, { 'content-type': 'text/event-stream' });
      out.write(`data: ${KEY.slice(0, 9)}`);
      setTimeout(() => out.end(`${KEY.slice(9)}\n\n`), 30);
    },
  ],
])('an answer with our key %s is refused, and the row says why', async (what, answer) => {
  const token = await start(answer);
  const path = what.includes('held') ? '/v1/videos' : '/v1/chat/completions';
  const got = await post(gate.url, token, CHAT, path);
  expect(got.status).toBe(502);
  expect(`${JSON.stringify([...got.headers])}${await got.text()}`).not.toContain(KEY);
  expect((await gate.settled()).at(-1)).toMatchObject({
    outcome: 'upstream_answer_refused',
    detail: 'key-echoed',
  });
});

test('an answer that holds our key in pieces is broken off before the key is whole', async () => {
  const token = await start((_, out) => {
    out.writeHead(200, { 'content-type': 'text/plain' });
    out.write(`before ${KEY.slice(0, 9)}`);
    setTimeout(() => out.end(`${KEY.slice(9)} after`), 50);
  });
  const got = await post(gate.url, token, CHAT);
  let read = '';
  await expect(
    (async () => {
      for await (const chunk of got.body ?? []) read += Buffer.from(chunk).toString();
    })(),
  ).rejects.toThrow();
  expect(read).toBe('before ');
  expect((await gate.settled()).at(-1)).toMatchObject({ outcome: 'upstream-error', detail: 'key-echoed' });
});

property.prop([fc.array(fc.string({ maxLength: 30 }), { maxLength: 8 }), fc.nat(8), fc.nat(21)])(
  'what passes the watch is what came, unless the key is in it',
  (texts, place, cut) => {
    const withKey = place <= texts.length;
    const pieces = withKey ? texts.toSpliced(place, 0, KEY.slice(0, cut), KEY.slice(cut)) : texts;
    const watch = new KeyWatch(Buffer.from(KEY));
    const out = pieces.map((piece) => watch.push(Buffer.from(piece)));
    expect(out.includes(null)).toBe(withKey);
    const passed = out.slice(0, withKey ? out.indexOf(null) : undefined).join('');
    if (withKey) expect(pieces.join('').startsWith(passed)).toBe(true);
    else expect(passed + watch.rest()).toBe(pieces.join(''));
    expect(passed).not.toContain(KEY);
  },
);

test('a client that takes nothing of its answer is dropped, its slot is free again, and others are not hurt', async () => {
  const block = Buffer.alloc(1_048_576);
  const token = await start((_, out) => {
    out.writeHead(200, { 'content-type': 'video/mp4' });
    const more = () => {
      while (out.writable && out.write(block));
      out.once('drain', more);
    };
    more();
  }, 'requests: { readSeconds: 0.5 }');
  await gate.admin('POST', 'objects/give', { to: 'ada', ids: ['video_1'] });
  const headers = { authorization: `Bearer ${token}` };
  const slow = get(`${gate.url}/v1/videos/video_1/content`, { headers }, (answer) => answer.pause());
  slow.on('error', () => {});
  const fast = await fetch(`${gate.url}/v1/videos/video_1/content`, { headers });
  let bytes = 0;
  const until = Date.now() + 1_500;
  for await (const chunk of fast.body ?? []) {
    bytes += chunk.length;
    if (Date.now() > until) break;
  }
  await sleep(100);
  expect(bytes).toBeGreaterThan(10_000_000);
  const rows = await gate.settled();
  expect(rows.slice(-2).map(({ outcome }) => outcome)).toEqual(['client-gone', 'client-gone']);
});

test('bodies together take no more memory than is set aside for them', async () => {
  const token = await start(
    (_, out) => setTimeout(() => out.writeHead(200).end(), 300),
    'requests: { heldBytes: 500000 }',
  );
  const big = { ...CHAT, user: 'x'.repeat(200_000) };
  const together = await Promise.all(
    Array.from({ length: 6 }, async () => (await post(gate.url, token, big)).status),
  );
  const passed = together.filter((status) => status === 200).length;
  expect(passed).toBeLessThanOrEqual(2);
  expect(together.filter((status) => status === 503)).toHaveLength(6 - passed);
  expect((await post(gate.url, token, big)).status).toBe(200);
});

test("an id that upstream gives out twice stays its first maker's, and the second tester does not see that answer", async () => {
  const token = await start((_, out) =>
    out
      .writeHead(200, { 'content-type': 'application/json' })
      .end('{"id":"video_twice_0001","status":"queued"}'),
  );
  const other = await gate.tester('bob');
  const video = { model: 'm', prompt: 'x' };
  expect((await post(gate.url, token, video, '/v1/videos')).status).toBe(200);
  const second = await post(gate.url, other, video, '/v1/videos');
  expect(second.status).toBe(502);
  expect(await second.text()).not.toContain('video_twice');
  expect((await gate.settled()).at(-1)?.detail).toContain("ada's");
});
