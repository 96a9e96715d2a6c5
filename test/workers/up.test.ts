/** Rows and letters that go from testers' objects to the gate, under workerd: each once, none lost. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { firstIdOf } from '../../src/log/id.ts';
import type { Letter } from '../../src/worker/letters.worker.ts';
import { captureLetter, delivered, kinds, startRows, until } from './with-rows.ts';

let rows: Awaited<ReturnType<typeof startRows>>;
type Gate = Awaited<ReturnType<typeof rows.joined>>['gate'];
beforeAll(async () => {
  rows = await startRows();
});
afterAll(() => rows.close());

const alert = (message: string): Letter => ({
  ...{ kind: 'alert', message },
  event: { event: 'quota.exhausted', at: 1, data: { tester: 'ada' } },
});

test('every call is in the gate’s log, with its end, as soon as it is over', async () => {
  const { gate, ada } = await rows.joined();
  expect(await ada.ask('call', 'ada')).toBeNull();
  expect(await ada.ask('call', 'ada', { named: [{ id: 'no', param: 'id' }] })).toBe('object_unknown');
  await delivered(ada);
  const columns = 'id, tester, cohort, token, decision, rule, outcome, node, bytes_out, duration_ms, policy';
  const [own, copy] = [ada, gate].map((one) => one.sql(`select ${columns} from requests order by id`));
  expect(await copy).toEqual(await own);
  expect(await copy).toHaveLength(2);
  expect(await kinds(gate)).toEqual({ request: 2, settled: 1 });
  const used = await gate.sql("select last_used_at > 0 as used from tokens where jti = 'token-ada'");
  expect([used, await gate.count('limits')]).toEqual([[{ used: 1 }], 1]);
});

test('what it made is known at the gate while it runs, and what it used once it has ended', async () => {
  const { gate, ada } = await rows.joined();
  await ada.ask('made', 'ada', 'clip');
  await delivered(ada);
  expect(await gate.sql('select id, tester, pending is null as settled from objects')).toEqual([
    { id: 'clip', tester: 'ada', settled: 0 },
  ]);
  await ada.ask('ended', 'ada', 'clip');
  await delivered(ada);
  expect(
    await gate.sql('select pending, job_used as used from objects join requests r on r.id = request'),
  ).toEqual([{ pending: null, used: '{"videoSeconds":3}' }]);
  expect(await gate.count('inspections')).toBe(1);
  expect(await kinds(gate)).toEqual({ request: 2, settled: 2, units: 1 });
});

test('a delivery whose acknowledgement is lost changes nothing the second time', async () => {
  const { gate, ada } = await rows.joined();
  await gate.ask('manner', 'loses');
  await ada.ask('call', 'ada');
  const [{ id = '' } = {}] = await ada.sql('select id from requests');
  await ada.letter(captureLetter({ request: String(id) }, 'a secret plan'), alert('one'));
  await until(async () => (await gate.count('outbox')) === 1);
  expect(await ada.count('feed_up')).toBeGreaterThan(0);
  await gate.ask('manner', 'takes');
  await delivered(ada);
  expect(await kinds(gate)).toEqual({ request: 1, settled: 1, captured: 1 });
  expect([await gate.count('captures'), await gate.count('prompt_rows'), await gate.count('outbox')]).toEqual(
    [1, 1, 1],
  );
  expect(await ada.count('letters')).toBe(0);
});

test('a text longer than is kept goes as far as it is kept', async () => {
  const { gate, ada } = await rows.joined();
  await ada.ask('call', 'ada');
  const [{ id = '' } = {}] = await ada.sql('select id from requests');
  await ada.letter(captureLetter({ request: String(id) }, 'ö'.repeat(2_000_000)));
  await delivered(ada);
  const bytes = 'length(sealed) between 1048576 and 1048700';
  expect(await gate.count('captures', bytes)).toBe(1);
});

test('an older delivery behind a newer one changes nothing', async () => {
  const { gate, ada } = await rows.joined();
  await gate.ask('manner', 'refuses');
  await ada.ask('open', 'ada', { units: { tokens: 5 } });
  const older = { object: 'ada', ...(await ada.page('up')), letters: [] };
  await ada.write("update requests set outcome = 'complete', status = 200");
  await ada.write('update usage set day_used = 2, total_used = 2');
  const newer = { object: 'ada', ...(await ada.page('up')), letters: [] };
  for (const one of [newer, older]) await gate.take(one);
  expect(await gate.sql('select outcome from requests')).toEqual([{ outcome: 'complete' }]);
  expect(await gate.sql("select total_used as n from usage where subject = 'tester:ada'")).toEqual([
    { n: 2 },
  ]);
  expect(await kinds(gate)).toEqual({ request: 1, settled: 1 });
});

test('every further refusal that a row stands for has an entry, once', async () => {
  const { gate, ada } = await rows.joined();
  await ada.ask('call', 'eve');
  await delivered(ada);
  for (const n of [2, 5]) {
    await ada.write(`update requests set repeats = ${n}`);
    await delivered(ada);
    expect(await kinds(gate)).toEqual({ request: 1, repeated: n - 1 });
  }
});

test('what a cohort used is the sum over its testers', async () => {
  const { gate, ada, bob } = await rows.joined();
  await ada.ask('made', 'ada', 'clip');
  await bob.ask('made', 'bob', 'other');
  await delivered(ada);
  await delivered(bob);
  expect(await gate.sql('select subject, total_used as n from usage order by subject')).toEqual([
    { subject: 'cohort:artists', n: 8 },
    { subject: 'tester:ada', n: 4 },
    { subject: 'tester:bob', n: 4 },
  ]);
  await ada.ask('ended', 'ada', 'clip');
  await delivered(ada);
  expect(await gate.sql("select total_used as n from usage where subject = 'cohort:artists'")).toEqual([
    { n: 7 },
  ]);
});

describe('what a call sets aside of what its cohort shares', () => {
  const CLIPS = { units: { videoSeconds: 4 }, quotas: { videoSeconds: { day: 10 } } };
  const share = (object: string, call: string) => ({ object, call, cohort: 'artists', ...CLIPS });
  const used = async (gate: Gate) =>
    (await gate.sql("select day_used as n from usage where subject = 'cohort:artists'"))[0]?.n;

  test('is counted over all testers, and there is room or there is none', async () => {
    const { gate } = await rows.joined();
    const asked = await Promise.all(
      ['ada', 'bob', 'cleo'].map((one) => gate.ask('share', share(one, `of ${one}`))),
    );
    expect(asked.filter((said) => said === null)).toHaveLength(2);
    expect(asked.find((said) => said !== null)).toMatchObject({
      detail: 'cohort:artists videoSeconds: 4 asked for, 2 of 10 left',
      public: { rule: 'quota:cohort.videoSeconds.day' },
    });
    expect(await used(gate)).toBe(8);
  });

  test('is let go when the row of the call and what it used are here, at once and once', async () => {
    const { gate, ada } = await rows.joined();
    await gate.ask('manner', 'refuses');
    await ada.ask('made', 'ada', 'clip');
    const [{ id = '' } = {}] = (await ada.sql('select id from requests')) as { id?: string }[];
    await gate.ask('share', share('ada', id));
    await gate.ask('share', share('ada', 'has no row yet'));
    const page = await ada.page('up');
    await gate.take({ object: 'ada', ...page, more: true, letters: [] });
    // Its own count is here and its share still stands: too much, and never too little.
    expect(await used(gate)).toBe(12);
    for (const _ of [1, 2]) {
      await gate.take({ object: 'ada', ...page, letters: [] });
      expect(await used(gate)).toBe(8);
    }
    await gate.take({ object: 'bob', seq: 1, changes: [], more: false, letters: [] });
    expect(await used(gate)).toBe(8);
  });

  test('is let go when its call never came to have a row', async () => {
    const { gate } = await rows.joined();
    await gate.ask('share', share('ada', 'lost in a crash'));
    const nothing = { object: 'ada', seq: 1, changes: [], more: false, letters: [] };
    await gate.take(nothing);
    expect(await used(gate)).toBe(4);
    await gate.write('update shares set at = at - 60001');
    await gate.take(nothing);
    expect(await used(gate)).toBe(0);
  });
});

test('a late row opens its block of the index again', async () => {
  const { gate, ada } = await rows.joined();
  const id = (ms: number) => firstIdOf(Date.UTC(2026, 0, 1) + ms);
  await gate.write(
    `insert into blocks (first_id, last_id, oldest, newest, ids, times) values ('${id(0)}', '${id(9)}', 0, 9, x'', x'')`,
  );
  await ada.write(
    `insert into requests (id, at, method, path, decision, outcome) values ('${id(5)}', 5, 'GET', '/', 'refused', 'x')`,
  );
  await delivered(ada);
  expect(await gate.count('blocks')).toBe(0);
});

test('an object that crashes between commit and delivery delivers after its restart, unasked', async () => {
  const { gate, ada } = await rows.joined();
  await gate.ask('manner', 'hangs');
  await ada.ask('open', 'ada');
  await rows.end();
  await rows.again();
  await until(async () => (await gate.count('requests', "outcome = 'lost'")) === 1);
  expect(await kinds(gate)).toEqual({ request: 1, settled: 1 });
});
