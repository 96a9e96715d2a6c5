/** What operators read of limits and quotas is what admission goes by. */
import { afterEach, expect, test } from 'vitest';
import {
  CHAT,
  PERMISSIVE,
  post,
  startGate,
  startUpstream,
  type TestGate,
  type Upstream,
} from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
const held: (() => void)[] = [];
afterEach(async () => {
  for (const answer of held.splice(0)) answer();
  await gate.close();
  await upstream.close();
});

interface Bound {
  readonly rule: string;
  readonly subject: string;
  readonly limit: number;
  readonly used: number;
  readonly left: number;
  readonly resetsAt: string | null;
  readonly from: string;
}

async function start(rules: string, answer?: Parameters<typeof startUpstream>[0]) {
  upstream = await startUpstream(answer);
  gate = await startGate(upstream.url, `artists: { ${PERMISSIVE}, ${rules} }\n  others: { ${PERMISSIVE} }`);
  return gate.tester('ada');
}
const read = (query: string) =>
  gate.admin('GET', `limits?${query}`) as unknown as Promise<{ bounds: Bound[]; nearest: Bound[] }>;
async function boundsOf(tester: string) {
  const { bounds } = await read(`tester=${tester}`);
  return Object.fromEntries(bounds.map(({ rule, ...bound }) => [rule, bound]));
}
const image = { model: 'gpt-image-1', prompt: 'x', n: 2 };
const images = (token: string) => post(gate.url, token, image, '/v1/images/generations');

test('each window and quota is shown with what is used and left, the shared ones too', async () => {
  const token = await start(
    'limits: { requestsPerMinute: 5, concurrent: 2 }, quotas: { images: { day: 10 } }, sharedQuotas: { images: { total: 100 } }',
    (_, outgoing) =>
      void outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{"data":[{},{}]}'),
  );
  const before = Date.now();
  expect((await boundsOf('ada'))['limit:minute']).toMatchObject({ used: 0, left: 5, resetsAt: null });
  for (let i = 0; i < 3; i++) expect((await images(token)).status).toBe(200);
  await gate.settled();
  const bounds = await boundsOf('ada');
  expect(Object.keys(bounds)).toEqual([
    'limit:minute',
    'limit:concurrent',
    'quota:tester.images.day',
    'quota:cohort.images.total',
  ]);
  expect(bounds['limit:minute']).toMatchObject({
    subject: 'tester:ada',
    limit: 5,
    used: 3,
    left: 2,
    from: 'rules',
  });
  const resetsAt = Date.parse(bounds['limit:minute']?.resetsAt ?? '');
  expect(resetsAt).toBeGreaterThan(before);
  expect(resetsAt).toBeLessThanOrEqual(Date.now() + 60_000);
  expect(bounds['limit:concurrent']).toMatchObject({ used: 0, left: 2, resetsAt: null });
  expect(bounds['quota:tester.images.day']).toMatchObject({ limit: 10, used: 6, left: 4 });
  expect(bounds['quota:tester.images.day']?.resetsAt).toMatch(/T00:00:00\.000Z$/);
  expect(bounds['quota:cohort.images.total']).toMatchObject({ subject: 'cohort:artists', used: 6, left: 94 });
});

test('as many calls pass as are said to be left, and then none; the refusal names the bound as it is listed', async () => {
  const token = await start('limits: { requestsPerMinute: 7 }');
  await post(gate.url, token, CHAT);
  const left = (await boundsOf('ada'))['limit:minute']?.left ?? 0;
  const answers = await Promise.all(Array.from({ length: 20 }, () => post(gate.url, token, CHAT)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(left);
  expect((await boundsOf('ada'))['limit:minute']).toMatchObject({ used: 7, left: 0 });
  expect(new Set(gate.rows("outcome = 'rate_limited'").map(({ rule }) => rule))).toEqual(
    new Set(['limit:minute']),
  );
});

test('calls in flight are shown as used', async () => {
  const token = await start('limits: { concurrent: 3 }', (_, outgoing) => {
    held.push(() => outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  const calls = [1, 2].map(() => post(gate.url, token, CHAT));
  await expect.poll(() => held.length).toBe(2);
  expect((await boundsOf('ada'))['limit:concurrent']).toMatchObject({ used: 2, left: 1 });
  for (const answer of held.splice(0)) answer();
  await Promise.all(calls);
});

test('an override is shown as such, holds at once, is an act with its reason, and is cleared again', async () => {
  const token = await start('limits: { requestsPerMinute: 1 }');
  await expect(gate.admin('PATCH', 'testers/ada', { limits: { requestsPerMinute: 3 } })).rejects.toThrow(
    /^400 .*say why/,
  );
  await gate.admin('PATCH', 'testers/ada', { limits: { requestsPerMinute: 3 }, reason: 'demo' });
  expect((await boundsOf('ada'))['limit:minute']).toMatchObject({ limit: 3, from: 'override' });
  for (const status of [200, 200, 200, 429]) expect((await post(gate.url, token, CHAT)).status).toBe(status);
  await gate.admin('PATCH', 'testers/ada', { limits: null, reason: 'over' });
  expect((await boundsOf('ada'))['limit:minute']).toMatchObject({
    limit: 1,
    used: 3,
    left: 0,
    from: 'rules',
  });
  const { acts } = (await gate.admin('GET', 'acts')) as { acts: { act: string; reason: string | null }[] };
  expect(acts.filter(({ act }) => act === 'tester.update').map(({ reason }) => reason)).toEqual([
    'set limits of the cohort: over',
    'set limits {"requestsPerMinute":3}: demo',
  ]);
});

test('of a cohort the shared bounds are shown, and those testers first who have least left', async () => {
  const token = await start('limits: { requestsPerMinute: 4 }, sharedQuotas: { bytes: { day: 1000000 } }');
  const other = await gate.tester('bob');
  await gate.tester('cleo');
  await gate.tester('dan', 'others');
  await post(gate.url, token, CHAT);
  for (let i = 0; i < 3; i++) await post(gate.url, other, CHAT);
  const { bounds, nearest } = await read('cohort=artists');
  expect(bounds.map(({ rule }) => rule)).toEqual(['quota:cohort.bytes.day']);
  expect(nearest.map(({ subject, left }) => [subject, left])).toEqual([
    ['tester:bob', 1],
    ['tester:ada', 3],
  ]);
  expect((await read('cohort=artists&limit=1')).nearest).toHaveLength(1);
  expect((await read('cohort=others')).nearest).toEqual([]);
  expect((await read('')).nearest).toHaveLength(2);
});

test('who does not exist has no bounds, and two subjects at once are refused', async () => {
  await start('limits: {}');
  await expect(read('tester=eve')).rejects.toThrow(/^404 .*tester_unknown/);
  await expect(read('cohort=nobodys')).rejects.toThrow(/^404 .*cohort_unknown/);
  await expect(read('tester=ada&cohort=artists')).rejects.toThrow(/^400 /);
});
