/** Held clips in the bucket: a reviewer still sees them after upstream has let them go, and nobody else's are kept. */
import { createHash, randomBytes } from 'node:crypto';
import { globSync, readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PERMISSIVE, post, sleep, startUpstream, type Upstream } from '../with-gate.ts';
import { startWorkers, type WorkersGate } from './with-gate.ts';

const CLIP = randomBytes(300_000);
const VIDEO = { model: 'sora-2', prompt: 'A heron', seconds: '4' };
let upstream: Upstream;
let gate: WorkersGate;
let isSlow = false;
let type = 'video/mp4';
const gone = new Set<string>();
let made = 0;

beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => {
    const json = (status: number, body: object) =>
      outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const [, id = '', content] = /^\/v1\/videos\/([^/?]+)(\/content)?/.exec(incoming.url ?? '') ?? [];
    if (incoming.method === 'POST') return json(200, { ...VIDEO, id: `video_${++made}`, status: 'queued' });
    if (incoming.method === 'DELETE') return json(200, { id, deleted: true, object: 'video.deleted' });
    if (!content) return json(200, { ...VIDEO, id, status: 'completed' });
    if (gone.has(id)) return json(404, { error: { message: 'expired' } });
    outgoing.writeHead(200, { 'content-type': type, 'content-length': CLIP.length });
    outgoing.write(CLIP.subarray(0, 1_000));
    // Long enough for a stop to come in between.
    setTimeout(() => outgoing.end(CLIP.subarray(1_000)), isSlow ? 1_500 : 0);
  });
  const cohorts = `artists: { ${PERMISSIVE}, outputs: held }\n  partners: { ${PERMISSIVE} }`;
  gate = await startWorkers(upstream.url, cohorts, 'trace: { clips: true }\nlog: { keepTextDays: 30 }');
}, 60_000);
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

/** A finished clip whose bytes are known. */
async function clipOf(token: string): Promise<string> {
  const { id } = (await (await post(gate.url, token, VIDEO, '/v1/videos')).json()) as { id: string };
  await fetch(`${gate.url}/v1/videos/${id}`, { headers: { authorization: `Bearer ${token}` } });
  for (let i = 0; i < 200 && gate.read(`select 1 from outputs where object = '${id}'`).length === 0; i++)
    await sleep(50);
  return id;
}
const kept = () =>
  gate.read<{ object: string }>(`select object from held where state = 'kept'`).map(({ object }) => object);
/** How often upstream was asked for their bytes. */
const asked = (ids: readonly string[]) =>
  upstream.seen.filter(({ url }) => ids.some((id) => url === `/v1/videos/${id}/content`)).length;
/** Copies of the clip, whatever the store says. */
const inBucket = () => globSync(`${gate.dir}/**/blobs/*`).filter((file) => readFileSync(file).equals(CLIP));
const play = (id: string, headers: Record<string, string> = {}) =>
  fetch(`${gate.control}/admin/objects/${id}/content`, {
    headers: { authorization: `Bearer ${gate.credential}`, ...headers },
  });
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());

test('a held clip is shown after upstream has let it go, whole and in part; one of an open cohort is not kept', async () => {
  const held = await clipOf(await gate.tester('ada'));
  const free = await clipOf(await gate.tester('bob', 'partners'));
  await gate.tick();
  expect(kept()).toEqual([held]);
  gone.add(held).add(free);
  const whole = await play(held);
  expect([whole.status, whole.headers.get('content-type')]).toEqual([200, 'video/mp4']);
  expect(
    createHash('sha256')
      .update(await bytesOf(whole))
      .digest(),
  ).toEqual(createHash('sha256').update(CLIP).digest());
  const part = await play(held, { range: 'bytes=1000-1999' });
  expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 1000-1999/${CLIP.length}`]);
  expect((await bytesOf(part)).equals(CLIP.subarray(1_000, 2_000))).toBe(true);
  expect((await play(held, { range: 'bytes=900000-' })).status).toBe(416);
  expect((await play(free)).status).toBe(404);
}, 60_000);

test('a page in the place of a clip is shown to nobody as one, however it became known', async () => {
  type = 'text/html';
  const token = await gate.tester('kim');
  const { id } = (await (await post(gate.url, token, VIDEO, '/v1/videos')).json()) as { id: string };
  const headers = { authorization: `Bearer ${token}` };
  await bytesOf(await fetch(`${gate.url}/v1/videos/${id}/content`, { headers }));
  await gate.settled();
  await gate.tick();
  type = 'video/mp4';
  expect(kept()).toContain(id);
  gone.add(id);
  expect((await play(id)).headers.get('content-type')).toBe('application/octet-stream');
}, 60_000);

test('a stop breaks off what is being kept, and no more is begun; it is kept when the stop is over', async () => {
  const token = await gate.tester('cleo');
  const clips = [await clipOf(token), await clipOf(token)];
  const before = asked(clips);
  isSlow = true;
  const looking = gate.tick();
  for (let i = 0; i < 100 && asked(clips) === before; i++) await sleep(20);
  await gate.admin('POST', 'switches', { scope: 'tester:cleo', reason: 'test' });
  await looking;
  isSlow = false;
  await gate.tick();
  expect(asked(clips)).toBe(before + 1);
  for (const one of clips) expect(kept()).not.toContain(one);
  expect(inBucket().length).toBe(kept().length);
  await gate.admin('POST', 'switches/release', { scope: 'tester:cleo', reason: 'over' });
  await gate.tick();
  expect(kept()).toEqual(expect.arrayContaining(clips));
}, 60_000);

test('what its tester deletes goes from the bucket too', async () => {
  const token = await gate.tester('dan');
  const held = await clipOf(token);
  await gate.tick();
  expect(kept()).toContain(held);
  await fetch(`${gate.url}/v1/videos/${held}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token}` },
  });
  await gate.settled();
  await gate.tick();
  expect(kept()).not.toContain(held);
  expect(inBucket().length).toBe(kept().length);
  expect((await play(held)).status).toBe(404);
}, 60_000);

test('of a tester who is forgotten no copy stays, and none is made of what was made before', async () => {
  const token = await gate.tester('eve');
  const held = await clipOf(token);
  await gate.tick();
  const waiting = await clipOf(token);
  expect(kept()).toContain(held);
  await gate.admin('POST', 'testers/eve/forget', {});
  expect(kept()).not.toContain(held);
  const before = asked([held, waiting]);
  for (let i = 0; i < 2; i++) await gate.tick();
  expect(inBucket().length).toBe(kept().length);
  expect(asked([held, waiting])).toBe(before);
  gone.add(held).add(waiting);
  for (const id of [held, waiting]) expect((await play(id)).status).toBe(404);
}, 60_000);

test('a copy that is older than texts may be goes, and is not made again', async () => {
  const held = await clipOf(await gate.tester('ivy'));
  await gate.tick();
  expect(kept()).toContain(held);
  await gate.sql(`update held set at = at - 31 * 86400000 where object = '${held}'`);
  for (let i = 0; i < 2; i++) await gate.tick();
  expect(kept()).not.toContain(held);
  expect(inBucket().length).toBe(kept().length);
}, 60_000);

test('clips that upstream gives no more keep no others from being kept, and are not asked for each minute', async () => {
  const token = await gate.tester('fay');
  const last = await clipOf(token);
  const dead = await Promise.all(Array.from({ length: 20 }, () => clipOf(token)));
  for (const id of dead) gone.add(id);
  const before = asked([last, ...dead]);
  for (let i = 0; i < 3; i++) await gate.tick();
  expect(kept()).toContain(last);
  expect(asked([last, ...dead])).toBe(before + dead.length + 1);
}, 60_000);

test('whoever goes on with other bytes than those that are kept has the whole', async () => {
  const held = await clipOf(await gate.tester('gil'));
  await gate.tick();
  const { headers } = await play(held);
  const range = 'bytes=10-19';
  for (const [ifRange, status] of [
    [headers.get('etag') ?? '', 206],
    ['"another"', 200],
  ] as const)
    expect((await play(held, { range, 'if-range': ifRange })).status).toBe(status);
}, 60_000);

test('a copy that the bucket has lost is shown as upstream has it', async () => {
  const held = await clipOf(await gate.tester('hal'));
  await gate.tick();
  expect(kept()).toContain(held);
  for (const file of inBucket()) rmSync(file);
  expect((await bytesOf(await play(held))).equals(CLIP)).toBe(true);
}, 60_000);
