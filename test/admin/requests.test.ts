import { afterEach, beforeEach, expect, test } from 'vitest';
import { instantMs, isInstant } from '../../src/admin/instant.ts';
import { type Admin, logCall, startAdmin } from './with-admin.ts';

let admin: Admin;
beforeEach(async () => {
  admin = await startAdmin();
});
afterEach(() => admin.close());

async function ids(query: Parameters<typeof admin.client.requests.$get>[0]['query']) {
  const answer = await admin.client.requests.$get({ query });
  expect(answer.status).toBe(200);
  return (await answer.json()).requests.map(({ id }) => id);
}

test('the log is newest first, and `after` turns it', async () => {
  const [a, b, c] = [logCall(admin.db.writer), logCall(admin.db.writer), logCall(admin.db.writer)];
  expect(await ids({})).toEqual([c, b, a]);
  expect(await ids({ before: c })).toEqual([b, a]);
  expect(await ids({ after: a })).toEqual([b, c]);
});

test('pages meet without a gap or a repeat', async () => {
  const all = Array.from({ length: 7 }, () => logCall(admin.db.writer)).reverse();
  const seen: string[] = [];
  let before: string | undefined;
  do {
    const { requests, next } = await (
      await admin.client.requests.$get({ query: { limit: '3', before } })
    ).json();
    seen.push(...requests.map(({ id }) => id));
    before = next ?? undefined;
  } while (before);
  expect(seen).toEqual(all);
});

test('every filter selects its own rows', async () => {
  const { writer } = admin.db;
  logCall(writer);
  const odd = logCall(writer, {
    tester: 'bob',
    cohort: 'beta',
    token: 't-1',
    operation: 'models.list',
    model: 'm-2',
    outcome: 'rate_limited',
    status: 429,
    decision: 'refused',
  });
  const open = logCall(writer, { outcome: null, status: null });
  expect(await ids({ tester: 'bob' })).toEqual([odd]);
  expect(await ids({ cohort: 'beta' })).toEqual([odd]);
  expect(await ids({ token: 't-1' })).toEqual([odd]);
  expect(await ids({ operation: 'models.list' })).toEqual([odd]);
  expect(await ids({ model: 'm-2' })).toEqual([odd]);
  expect(await ids({ outcome: 'rate_limited' })).toEqual([odd]);
  expect(await ids({ status: '429' })).toEqual([odd]);
  expect(await ids({ decision: 'refused' })).toEqual([odd]);
  expect(await ids({ outcome: 'open' })).toEqual([open]);
  expect(await ids({ tester: 'bob', decision: 'allowed' })).toEqual([]);
});

test('a span of time is given as ISO 8601 or as how long ago', async () => {
  const now = logCall(admin.db.writer);
  expect(await ids({ since: '15m' })).toEqual([now]);
  expect(await ids({ until: '15m' })).toEqual([]);
  expect(await ids({ since: new Date(Date.now() - 5_000).toISOString() })).toEqual([now]);
  expect(await ids({ since: '2020-01-01', until: '2020-01-02' })).toEqual([]);
  const wrong = await admin.call('GET', '/admin/requests?since=yesterday');
  expect(wrong.status).toBe(400);
  expect((await wrong.json()).errors[0]).toMatchObject({
    field: 'since',
    message: expect.stringContaining('15m'),
  });
});

test('a time without its zone is not guessed at', () => {
  expect(isInstant('2026-05-04T10:00:00')).toBe(false);
  expect(isInstant('2026-13-04')).toBe(false);
  expect(instantMs('2h', 10_000_000)).toBe(2_800_000);
});

test('a limit beyond 1000 and an unknown filter are refused', async () => {
  expect((await admin.call('GET', '/admin/requests?limit=1001')).status).toBe(400);
  expect((await admin.call('GET', '/admin/requests?user=ada')).status).toBe(400);
});

test('one request is read by its id', async () => {
  const id = logCall(admin.db.writer, { detail: 'the true reason' });
  expect(await (await admin.call('GET', `/admin/requests/${id}`)).json()).toMatchObject({
    id,
    detail: 'the true reason',
  });
  expect((await admin.call('GET', `/admin/requests/${crypto.randomUUID()}`)).status).toBe(404);
});

test('the status counts the calls of today, a folded row as often as it stands for', async () => {
  logCall(admin.db.writer);
  logCall(admin.db.writer, { decision: 'refused', outcome: 'token_invalid', repeats: 40 });
  logCall(admin.db.writer, { outcome: null });
  const { today, live } = await (await admin.client.status.$get()).json();
  expect(today).toMatchObject({ calls: 42, refused: 40, open: 1 });
  expect(live).toMatchObject({ node: 'test', logWritable: true });
});

test('acts are read newest first', async () => {
  await admin.client.cohorts.$post({ json: { name: 'alpha' } });
  await admin.client.cohorts.$post({ json: { name: 'beta' } });
  const { acts } = await (await admin.call('GET', '/admin/acts?limit=1')).json();
  expect(acts).toMatchObject([{ act: 'cohort.create', subject: 'cohort:beta' }]);
});

test('an export lets everything else go between its parts, however fast it is read', async () => {
  const insert = admin.db.writer.$client.prepare(
    `insert into requests (id, at, method, path, decision, outcome)
     values (?, ?, 'GET', '/v1/models', 'refused', 'route_unknown')`,
  );
  for (let i = 0; i < 12_000; i++)
    insert.run(`01800000-0000-7000-8000-${String(i).padStart(12, '0')}`, 1_649_267_441_664);
  for (const format of ['jsonl', 'csv', 'parquet']) {
    let [turns, over] = [0, false];
    const count = () => {
      turns++;
      if (!over) setImmediate(count);
    };
    setImmediate(count);
    const answer = await admin.call('GET', `/admin/log/export?format=${format}`);
    await answer.arrayBuffer();
    over = true;
    expect([format, turns >= (format === 'parquet' ? 3 : 12)]).toEqual([format, true]);
  }
});
