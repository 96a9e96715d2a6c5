/** What a stop can do besides: end by itself, revoke, cancel jobs at upstream, and be asked what it would hit. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  CHAT,
  post,
  sleep,
  startGate,
  startUpstream,
  streamsCut,
  type TestGate,
  type Upstream,
} from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
let made = 0;
let deletes: (id: string) => number = () => 200;
const deleted: string[] = [];
beforeAll(async () => {
  upstream = await startUpstream(answer);
  gate = await startGate(upstream.url, null);
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

function answer({ method, url = '' }: IncomingMessage, outgoing: ServerResponse): void {
  const json = (body: object, status = 200) =>
    outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const id = url.split('/')[3] ?? '';
  if (method === 'DELETE') {
    deleted.push(id);
    json({ id, object: 'video.deleted', deleted: true }, deletes(id));
  } else if (method === 'POST' && url === '/v1/videos')
    json({ id: `video_${++made}`, object: 'video', status: 'queued', model: 'sora-2', seconds: '4' });
  else if (url.endsWith('/content')) {
    outgoing.writeHead(200, { 'content-type': 'video/mp4' });
    outgoing.write('first bytes');
  } else if (url.startsWith('/v1/videos/')) json({ id, object: 'video', status: 'completed', seconds: '4' });
  else json({});
}

const stop = (scope: string, more = {}) => gate.admin('POST', 'switches', { scope, reason: 'test', ...more });
const release = (scope: string) => gate.admin('POST', 'switches/release', { scope, reason: 'test' });
const video = async (token: string, model = 'sora-2') => {
  const answer = await post(gate.url, token, { model, prompt: 'A heron', seconds: '4' }, '/v1/videos');
  return String(((await answer.json()) as { id: string }).id);
};
const get = (token: string, path: string) =>
  fetch(`${gate.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
const until = async (done: () => boolean | Promise<boolean>) => {
  for (let i = 0; i < 200 && !(await done()); i++) await sleep(25);
};

test('with cancelUpstream the running jobs of the scope are deleted at upstream, and those of others are not', async () => {
  const [ada, bob] = [await gate.tester('ada', 'a'), await gate.tester('bob', 'b')];
  const [first, second, others] = [await video(ada), await video(ada), await video(bob)];
  await get(ada, `/v1/videos/${second}`).then((one) => one.text());
  const stopped = await stop('tester:ada', { cancelUpstream: true });
  expect(stopped.jobs).toBe(1);
  await until(() => deleted.length > 0);
  expect(deleted).toEqual([first]);
  const jobs = async () => (await gate.admin('GET', `switches/${stopped.id}`)).jobs;
  await until(async () => ((await jobs()) as { cancelled: number }).cancelled === 1);
  expect(await jobs()).toEqual({ waiting: 0, cancelled: 1, failed: [] });
  const { acts } = (await gate.admin('GET', 'acts?limit=1')) as { acts: object[] };
  expect(acts).toMatchObject([{ act: 'object.cancel', subject: first, operator: 'portcullis' }]);
  expect((await get(bob, `/v1/videos/${others}`)).status).toBe(200);
  await release('tester:ada');
});

test('a job that upstream does not delete at once is asked for again, and one that is gone is gone', async () => {
  const cay = await gate.tester('cay', 'c');
  const [busy, gone] = [await video(cay), await video(cay)];
  let asked = 0;
  deletes = (id) => (id === gone ? 404 : ++asked < 2 ? 500 : 200);
  const { id } = await stop('cohort:c', { cancelUpstream: true });
  const jobs = async () => (await gate.admin('GET', `switches/${id}`)).jobs as { cancelled: number };
  await until(async () => (await jobs()).cancelled === 2);
  expect(await jobs()).toMatchObject({ waiting: 0, cancelled: 2 });
  expect(deleted.filter((one) => one === busy)).toHaveLength(2);
  deletes = () => 200;
  await release('cohort:c');
});

test('a model stopped with cancelUpstream is not handed out: open downloads break, new ones are refused', async () => {
  const dan = await gate.tester('dan', 'd');
  const [clip, other] = [await video(dan, 'sora-2'), await video(dan, 'sora-9')];
  await get(dan, `/v1/videos/${clip}`).then((one) => one.text());
  const download = await get(dan, `/v1/videos/${clip}/content`);
  const whole = expect(download.text()).rejects.toThrow();
  const stopped = await stop('model:sora-2', { cancelUpstream: true });
  expect(streamsCut(stopped)).toBe(1);
  await whole;
  expect((await get(dan, `/v1/videos/${clip}/content`)).status).toBe(403);
  expect((await get(dan, `/v1/videos/${other}`)).status).toBe(200);
  await gate.admin('POST', `switches/${stopped.id}/readmissions`, { scopes: ['tester:dan'], reason: 'fine' });
  expect((await get(dan, `/v1/videos/${clip}`)).status).toBe(200);
  await release('model:sora-2');
});

test('with revokeTokens the tokens of then stay dead when the stop is released', async () => {
  const old = await gate.tester('eve', 'e');
  const stopped = await stop('tester:eve', { revokeTokens: true });
  expect(stopped.revocation).toBe(Number(stopped.id) + 1);
  await release('tester:eve');
  expect((await post(gate.url, old, CHAT)).status).toBe(401);
  const fresh = String((await gate.admin('POST', 'tokens', { tester: 'eve' })).token);
  expect((await post(gate.url, fresh, CHAT)).status).toBe(200);
});

test('a stop with an end releases itself, not before, and says so in the log', async () => {
  const fay = await gate.tester('fay', 'f');
  const end = Date.now() + 1_500;
  await stop('tester:fay', { until: new Date(end).toISOString() });
  expect((await post(gate.url, fay, CHAT)).status).toBe(403);
  await until(async () => (await post(gate.url, fay, CHAT)).status === 200);
  expect(Date.now()).toBeGreaterThanOrEqual(end);
  const { acts } = (await gate.admin('GET', 'acts?limit=1')) as { acts: object[] };
  expect(acts).toMatchObject([{ act: 'switch.release', operator: 'until', subject: 'tester:fay' }]);
});

test.each([
  ['a time that is past', { until: '2020-01-01T00:00:00Z' }, 'until'],
  ['a time that is none', { until: 'tomorrow' }, 'until'],
  ['an end of a revocation', { effect: 'revoke', until: '2999-01-01T00:00:00Z' }, 'until'],
  ['a revocation that revokes', { effect: 'revoke', revokeTokens: true }, 'revokeTokens'],
  ['a revocation that cancels', { effect: 'revoke', cancelUpstream: true }, 'cancelUpstream'],
])('a stop with %s is refused by name, and nothing is stopped', async (_, more, field) => {
  await expect(stop('model:none', more)).rejects.toThrow(new RegExp(`^400 .*"field":"${field}"`));
  expect((await gate.admin('GET', 'switches?engaged=true')).switches).not.toMatchObject([
    { scope: 'model:none' },
  ]);
});

test('whoever stops or frees says why, to testers or to operators', async () => {
  const bare = gate.admin('POST', 'switches', { scope: 'model:none' });
  await expect(bare).rejects.toThrow(/^400 .*"field":"reason"/);
  await gate.admin('POST', 'switches', { scope: 'model:none', note: 'a private word' });
  await expect(gate.admin('POST', 'switches/release', { scope: 'model:none' })).rejects.toThrow(/^400 /);
  await release('model:none');
});

test('a note is for operators: a tester never reads it', async () => {
  const gus = await gate.tester('gus', 'g');
  await gate.admin('POST', 'switches', { scope: 'tester:gus', note: 'suspected of sharing' });
  const answer = await post(gate.url, gus, CHAT);
  expect(answer.status).toBe(403);
  expect(await answer.text()).not.toContain('suspected');
  expect(await gate.admin('GET', 'testers/gus')).toMatchObject({
    switches: [{ note: 'suspected of sharing' }],
  });
  await release('tester:gus');
});

test('what a stop would hit can be asked, and asking changes nothing', async () => {
  const hal = await gate.tester('hal', 'h');
  await gate.tester('ida', 'h');
  await video(hal);
  await gate.settled();
  const reach = await gate.admin('GET', 'switches/reach?scope=cohort:h');
  expect(reach).toMatchObject({ testers: 2, tokens: 2, jobs: 1, some: ['hal', 'ida'], streams: 0 });
  await expect(gate.admin('GET', 'switches/reach?scope=cohort:none')).rejects.toThrow(/^404 /);
  expect((await post(gate.url, hal, CHAT)).status).toBe(200);
});

test('of two changes the later one has the greater epoch, and the last byte has its time', async () => {
  const [one, two] = [await stop('model:x'), await stop('model:y')];
  expect(Number(two.epoch)).toBeGreaterThan(Number(one.epoch));
  expect(one.lastByteMs).toBeNull();
  await release('model:x');
  await release('model:y');
});
