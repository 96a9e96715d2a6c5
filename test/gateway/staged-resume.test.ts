/** After a stop of everybody: some are let back in, one after another, while it holds for the rest. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { CHAT, post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
const tokens: Record<string, string> = {};
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url, null);
  for (const [id, cohort] of [
    ['ada', 'artists'],
    ['bob', 'artists'],
    ['eve', 'others'],
  ] as const)
    tokens[id] = await gate.tester(id, cohort);
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});
afterEach(async () => {
  for (const { scope, effect } of await engaged())
    if (effect === 'stop')
      await gate.admin('POST', 'switches/release', { scope, reason: 'over' }).catch(() => {});
});

interface Switch {
  readonly id: number;
  readonly scope: string;
  readonly effect: string;
}
const engaged = async () => (await gate.admin('GET', 'switches?engaged=true')).switches as Switch[];
const stop = async (scope: string, more = {}) =>
  Number((await gate.admin('POST', 'switches', { scope, reason: 'test', ...more })).id);
const readmit = (id: number, ...scopes: string[]) =>
  gate.admin('POST', `switches/${id}/readmissions`, { scopes, reason: 'looked at' });
const call = async (id: string) => (await post(gate.url, tokens[id] ?? '', CHAT)).status;
const may = async () => Promise.all(['ada', 'bob', 'eve'].map(call));
const standing = async () => (await gate.admin('GET', 'standing')) as { may: number; testers: Standing[] };
interface Standing {
  readonly tester: string;
  readonly may: boolean;
  readonly why: { because: string; switch: number | null }[];
  readonly readmittedThrough: number[];
}

test('a tester, then a cohort, is let through a global stop, and the table says who may call', async () => {
  const id = await stop('global');
  expect(await may()).toEqual([403, 403, 403]);
  await readmit(id, 'tester:ada');
  expect(await may()).toEqual([200, 403, 403]);
  expect(await standing()).toMatchObject({
    may: 1,
    testers: [
      { tester: 'ada', may: true, why: [], readmittedThrough: [id] },
      { tester: 'bob', may: false, why: [{ because: 'switch', switch: id }] },
      { tester: 'eve', may: false },
    ],
  });
  await readmit(id, 'cohort:artists');
  expect(await may()).toEqual([200, 200, 403]);
  expect((await gate.admin('GET', 'status')).open).toBe(false);
});

test('one who is let through a stop is stopped by every other one', async () => {
  await readmit(await stop('global'), 'cohort:artists');
  const second = await stop('tester:bob');
  expect(await may()).toEqual([200, 403, 403]);
  await stop('global', { reason: 'Again.' });
  expect(await may()).toEqual([403, 403, 403]);
  expect((await standing()).testers[1]?.why.map((why) => why.switch)).toContain(second);
});

test('being let through outlives a restart, and ends no open stream of whoever was let in', async () => {
  await readmit(await stop('global'), 'tester:ada');
  await gate.restart();
  expect(await may()).toEqual([200, 403, 403]);
  await gate.sql("insert into switches (scope) values ('model:nothing')");
  expect(await call('ada')).toBe(200);
});

test('a revocation lets nobody through, and neither does a stop that is over', async () => {
  const revoked = await stop('model:other', { effect: 'revoke' });
  await expect(readmit(revoked, 'tester:ada')).rejects.toThrow(/^404 .*revocation/);
  const over = await stop('cohort:artists');
  await gate.admin('POST', 'switches/release', { scope: 'cohort:artists', reason: 'over' });
  await expect(readmit(over, 'tester:ada')).rejects.toThrow(/^404 .*released already/);
  await expect(readmit(9_999, 'tester:ada')).rejects.toThrow(/^404 /);
});

test.each([
  ['tester:ada', 'tester:ada'],
  ['cohort:artists', 'cohort:artists'],
  ['cohort:artists', 'cohort:others'],
])('through a stop of %s nothing as wide as %s is let', async (stopped, scope) => {
  const id = await stop(stopped);
  await expect(readmit(id, scope)).rejects.toThrow(/^400 .*not narrower/);
});

test('nobody who does not exist is let through, and who lets somebody through says why', async () => {
  const id = await stop('global');
  await expect(readmit(id, 'tester:nobody')).rejects.toThrow(/^404 /);
  await expect(readmit(id, 'global')).rejects.toThrow(/^400 .*scopes/);
  const body = { scopes: ['tester:ada'] };
  await expect(gate.admin('POST', `switches/${id}/readmissions`, body)).rejects.toThrow(/^400 .*reason/);
  expect(await may()).toEqual([403, 403, 403]);
});

test('letting somebody through is an act and an entry, and a row by hand gets its entry too', async () => {
  const id = await stop('global');
  await readmit(id, 'tester:ada');
  const { acts } = (await gate.admin('GET', 'acts?limit=1')) as { acts: object[] };
  expect(acts).toMatchObject([{ act: 'switch.readmit', subject: `tester:ada through switch ${id}` }]);
  await gate.sql(`insert into readmissions (switch, scope) values (${id}, 'tester:bob')`);
  expect(await call('bob')).toBe(200);
  const shown = await gate.admin('GET', `switches/${id}`);
  expect(shown.readmitted).toMatchObject([{ scope: 'tester:ada' }, { scope: 'tester:bob', by: 'sqlite' }]);
});

test('a release that a wider stop stands above names the way through it', async () => {
  const id = await stop('global');
  const release = gate.admin('POST', 'switches/release', { scope: 'tester:ada', reason: 'x' });
  await expect(release).rejects.toThrow(`switches/${id}/readmissions`);
});
