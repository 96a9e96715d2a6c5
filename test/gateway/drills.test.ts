/** Drills: they show that the stop works, touch nobody, and fail when it does not. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { CHAT, post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
let token: string;
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url, undefined, 'drills: { everyHours: 0, required: true }');
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});
afterEach(async () => {
  await gate.sql('drop trigger if exists sabotage');
});

const drill = () => gate.admin('POST', 'drills');
const ready = async () => {
  const answer = await fetch(`${gate.url}/readyz`);
  return { status: answer.status, ...((await answer.json()) as object) };
};
const armed = async () => (await gate.admin('GET', 'status')).armed;
const engaged = async () => (await gate.admin('GET', 'switches?engaged=true')).switches;

test('a gate that was never drilled says so', async () => {
  expect(await armed()).toMatchObject({ state: 'not-drilled' });
  expect(await ready()).toEqual({ status: 200, ready: true, armed: 'not-drilled' });
});

test('a drill goes the whole way of a call, is measured, and leaves nothing engaged', async () => {
  const before = upstream.seen.length;
  const done = await drill();
  expect(done).toMatchObject({ outcome: 'ok', fault: null, streams: 8, by: 'operator' });
  for (const figure of ['commitMs', 'lastByteMs', 'firstRefusalMs'])
    expect(done[figure]).toBeGreaterThanOrEqual(0);
  expect(await engaged()).toEqual([]);
  expect(upstream.seen.length).toBe(before);
  const rows = (await gate.settled()).filter(({ tester }) => tester === 'portcullis-drill');
  expect(rows.filter(({ outcome }) => outcome === 'cut').length).toBeGreaterThanOrEqual(8);
  expect(rows.filter(({ outcome }) => outcome === 'access_suspended')).toHaveLength(1);
  expect(await armed()).toMatchObject({ state: 'armed', lastByteMs: done.lastByteMs });
  expect(await ready()).toEqual({ status: 200, ready: true, armed: 'armed' });
  const { acts } = (await gate.admin('GET', 'acts?limit=1')) as { acts: object[] };
  expect(acts).toMatchObject([{ act: 'drill.run', subject: 'ok', operator: 'operator' }]);
});

test('a drill cuts nobody, and testers go on calling', async () => {
  const running = drill();
  for (let i = 0; i < 5; i++) expect((await post(gate.url, token, CHAT)).status).toBe(200);
  expect(await running).toMatchObject({ outcome: 'ok' });
});

test('a second drill at the same time is refused', async () => {
  const first = drill();
  await expect(drill()).rejects.toThrow(/^409 /);
  expect(await first).toMatchObject({ outcome: 'ok' });
});

test('where everything is stopped a drill leaves that alone, and is no failure', async () => {
  await gate.admin('POST', 'switches', { scope: 'global', reason: 'test' });
  expect(await drill()).toMatchObject({ outcome: 'not-run', fault: expect.stringContaining('stopped') });
  expect(await engaged()).toMatchObject([{ scope: 'global' }]);
  expect(await armed()).toMatchObject({ state: 'armed' });
  await gate.admin('POST', 'switches/release', { scope: 'global', reason: 'test' });
});

test('a stop that does not hold fails the drill, shows everywhere, and leaves nothing engaged', async () => {
  await gate.sql(
    `create trigger sabotage after insert on switches begin
     update switches set scope = 'tester:nobody' where id = new.id; end`,
  );
  expect(await drill()).toMatchObject({
    outcome: 'failed',
    fault: expect.stringContaining('A call after the stop was answered 200'),
  });
  expect(await armed()).toMatchObject({ state: 'failed' });
  expect(await ready()).toEqual({ status: 503, ready: false, armed: 'failed' });
  await gate.sql("drop trigger sabotage; update switches set released_at = 1 where scope = 'tester:nobody'");
  expect(await drill()).toMatchObject({ outcome: 'ok' });
  expect(await ready()).toMatchObject({ status: 200 });
});

test('what a drill that a crash broke off left engaged is released at the next start', async () => {
  await gate.sql("insert into switches (scope) values ('tester:portcullis-drill')");
  await gate.restart();
  expect(await engaged()).toEqual([]);
  expect(await drill()).toMatchObject({ outcome: 'ok' });
});

test('where drills cannot be read the gate is not ready, and says no more', async () => {
  await gate.sql('alter table drills rename to gone');
  expect(await ready()).toEqual({ status: 503, ready: false, armed: 'unknown' });
  await gate.sql('alter table gone rename to drills');
  expect(await ready()).toMatchObject({ status: 200, armed: 'armed' });
});

test("nobody gets a token of the drill's tester, or into its cohort, and it is in no list", async () => {
  await expect(gate.admin('POST', 'tokens', { tester: 'portcullis-drill' })).rejects.toThrow(/^404 /);
  await expect(gate.admin('PATCH', 'testers/ada', { cohort: 'portcullis-drill' })).rejects.toThrow(/^404 /);
  const bob = { id: 'bob', cohort: 'portcullis-drill' };
  await expect(gate.admin('POST', 'testers', bob)).rejects.toThrow(/^404 /);
  const { testers } = await gate.admin('GET', 'testers');
  expect(JSON.stringify(testers)).not.toContain('portcullis-drill');
});
