/** Attacks on whose an object is, made from the route table: a new route is attacked without a new test. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROUTES } from '../../src/gateway/routes.ts';
import { send } from '../with-attack.ts';
import { sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const HERS = { video: 'video_ada0123456789', file: 'file-ada0123456789', response: 'resp_ada0123456789' };
let gate: TestGate;
let upstream: Upstream;
let bob: string;
let ada: string;
let wait = 0;

beforeAll(async () => {
  let made = 0;
  upstream = await startUpstream((request, response) => {
    const answer =
      request.method === 'POST'
        ? { id: `video_made${made++}`, object: 'video', status: 'queued' }
        : { ok: true };
    setTimeout(() => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    }, wait);
  });
  gate = await startGate(upstream.url);
  ada = await gate.tester('ada');
  bob = await gate.tester('bob');
  await gate.enter('ada', ...Object.values(HERS));
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

/** Refused, with one row, and nothing sent. */
async function refused(method: string, target: string, body: string | null, type = 'application/json') {
  const [seen, rows] = [upstream.seen.length, gate.rows().length];
  const content =
    body === null ? '' : `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  const head = `${method} ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${bob}\r\nConnection: close\r\n${content}\r\n`;
  const [answer] = await send(gate.url, head + (body ?? ''));
  const what = `${method} ${target.slice(0, 80)} ${body?.slice(0, 120) ?? ''}`;
  expect([what, upstream.seen.slice(seen)]).toEqual([what, []]);
  expect([what, [400, 404, 414, 431].includes(answer?.status ?? 0)]).toEqual([what, true]);
  expect(gate.rows().slice(rows)).toMatchObject([{ decision: 'refused' }]);
  expect(answer?.body ?? '').not.toContain("ada's");
}

const encoded = (id: string) => `%${id.charCodeAt(0).toString(16)}${id.slice(1)}`;
const SPELLINGS: readonly ((id: string) => string)[] = [
  (id) => id,
  (id) => id.toUpperCase(),
  encoded,
  (id) => encoded(encoded(id)),
  (id) => `${id}.`,
  (id) => `${id}%20`,
  (id) => `./${id}`,
  (id) => `x/../${id}`,
  (id) => `${id};x`,
  (id) => `${id}%00`,
  (id) => id.padEnd(8_000, 'a'),
  (id) => `${id},${id}`,
];

const withId = ROUTES.filter(({ path, socket }) => !socket && /:(?!model)/.test(path));
test.each(withId.map(({ method, path, body }) => [method, path, body] as const))(
  '%s %s: no spelling of an id in its path reaches what is hers, of whatever kind',
  async (method, path, kind) => {
    for (const id of Object.values(HERS))
      for (const spell of SPELLINGS)
        await refused(method, path.replaceAll(/:\w+/g, spell(id)), kind === 'json' ? '{}' : null);
  },
);

test('an object is hers before anybody can name it: no race between its making and its first use', async () => {
  wait = 5;
  const call = (token: string, method: string, path: string, body?: object) =>
    fetch(gate.url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body ? JSON.stringify(body) : null,
    });
  let over = false;
  const statuses = new Set<number>();
  const attack = Promise.all(
    Array.from({ length: 6 }, async (_, i) => {
      while (!over) {
        const answer = await call(bob, 'GET', `/v1/videos/video_made${i}`);
        await answer.text();
        statuses.add(answer.status);
      }
    }),
  );
  const made: string[] = [];
  for (let i = 0; i < 6; i++) {
    const answer = await call(ada, 'POST', '/v1/videos', { model: 'sora-2', prompt: 'x', seconds: '4' });
    made.push(String(((await answer.json()) as { id: string }).id));
    expect((await call(ada, 'GET', `/v1/videos/${made.at(-1)}`)).status).toBe(200);
  }
  await sleep(30);
  over = true;
  await attack;
  expect(made).toContain('video_made0');
  expect([...statuses]).toEqual([404]);
});

test("a key for repeated calls is each tester's own: upstream never takes one tester's call for another's", async () => {
  const sent = async (token: string, key: string) => {
    await fetch(`${gate.url}/v1/models`, {
      headers: { authorization: `Bearer ${token}`, 'idempotency-key': key },
    }).then((answer) => answer.text());
    return String(upstream.seen.at(-1)?.headers['idempotency-key']);
  };
  const [first, again, other, his] = [
    await sent(ada, 'k-1'),
    await sent(ada, 'k-1'),
    await sent(ada, 'k-2'),
    await sent(bob, 'k-1'),
  ];
  expect(again).toBe(first);
  expect(new Set([first, other, his]).size).toBe(3);
  expect(first).toMatch(/^[0-9a-f]{64}$/);
});
