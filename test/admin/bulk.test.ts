/** Many testers at once: asked first, all or none, and never twice. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/app.ts';
import { type Admin, startAdmin } from './with-admin.ts';

let admin: Admin;
beforeEach(async () => {
  admin = await startAdmin();
  for (const name of ['alpha', 'beta']) await admin.call('POST', '/admin/cohorts', { name });
  for (const [id, cohort] of [
    ['ada', 'alpha'],
    ['bob', 'alpha'],
    ['cay', 'alpha'],
    ['dan', 'beta'],
  ] as const)
    await admin.call('POST', '/admin/testers', { id, cohort });
});
afterEach(() => admin.close());

type Json = Record<string, unknown>;
const post = async (path: string, body: object): Promise<Json & { status: number }> => {
  const answer = await admin.call('POST', `/admin/${path}`, body);
  return { ...((await answer.json()) as Json), status: answer.status };
};
/** As careful callers do: a dry run, and the run with its digest. */
const bulk = async (order: object, path = 'testers/bulk') => {
  const { digest } = await post(path, { reason: 'test', ...order, dryRun: true });
  return post(path, { reason: 'test', ...order, digest });
};
const engaged = () =>
  admin
    .read<{ scope: string }>('select scope from switches where released_at is null order by scope')
    .map(({ scope }) => scope);

test('a dry run lists whom an act would touch, exceptions left out, and changes nothing', async () => {
  const order = {
    filter: { cohort: 'alpha', except: ['bob'] },
    act: 'suspend',
    reason: 'a leak',
    dryRun: true,
  };
  expect(await post('testers/bulk', order)).toMatchObject({ count: 2, testers: ['ada', 'cay'], done: false });
  expect(engaged()).toEqual([]);
});

test('a cohort but for some is suspended and let back in, each an act, and one that names the filter', async () => {
  const filter = { cohort: 'alpha', except: ['bob'] };
  expect(await bulk({ filter, act: 'suspend' })).toMatchObject({ count: 2, done: true });
  expect(engaged()).toEqual(['tester:ada', 'tester:cay']);
  expect(
    admin
      .acts()
      .slice(-3)
      .map(({ act }) => act),
  ).toEqual(['switch.engage', 'switch.engage', 'tester.suspend.bulk']);
  expect(admin.acts().at(-1)?.subject).toBe('2 testers: {"cohort":"alpha","except":["bob"]}');
  await bulk({ filter, act: 'resume' });
  expect(engaged()).toEqual([]);
});

test('a run without a dry run, or whose testers have changed since, does nothing', async () => {
  const order = { filter: { cohort: 'alpha' }, act: 'suspend', reason: 'a leak' };
  expect(await post('testers/bulk', order)).toMatchObject({ status: 400 });
  const { digest } = await post('testers/bulk', { ...order, dryRun: true });
  await admin.call('POST', '/admin/testers', { id: 'eve', cohort: 'alpha' });
  expect(await post('testers/bulk', { ...order, digest })).toMatchObject({ status: 409 });
  expect(engaged()).toEqual([]);
});

test.each([
  ['nobody named', {}, 'say whom'],
  ['a misspelt exception', { cohort: 'alpha', except: ['boob'] }, '"boob"'],
  ['an unknown tester', { ids: ['ada', 'zed'] }, '"zed"'],
])('with %s it is refused', async (_, filter, detail) => {
  const order = { filter, act: 'suspend', reason: 'a leak', dryRun: true };
  const { status, detail: said } = await post('testers/bulk', order);
  expect([400, 404]).toContain(status);
  expect(said).toContain(detail);
});

test('whoever is removed is stopped and loses the tokens; who is cleared is not let in by that', async () => {
  const { jti } = await post('tokens', { tester: 'ada' });
  await post('testers/ada/reviews', { state: 'removed', note: 'Shared the token.' });
  expect(engaged()).toEqual(['tester:ada', 'tester:ada']);
  const { tokens } = (await (await admin.call('GET', '/admin/tokens?tester=ada')).json()) as {
    tokens: object[];
  };
  expect(tokens).toMatchObject([{ jti, state: 'revoked' }]);
  const cleared = await post('testers/ada/reviews', { state: 'cleared', note: 'A mistake of ours.' });
  expect(cleared).toMatchObject({
    state: 'cleared',
    history: [
      { state: 'cleared', note: 'A mistake of ours.', by: 'the-operator' },
      { state: 'removed', note: 'Shared the token.' },
    ],
  });
  expect(engaged()).toEqual(['tester:ada', 'tester:ada']);
  expect(await post('testers/ada/reviews', { state: 'cleared' })).toMatchObject({ status: 400 });
});

test('the cleared get new tokens as CSV, once; the old ones stay as they are', async () => {
  await admin.call('PATCH', '/admin/testers/ada', { name: '=cmd|"x"!A1' });
  const old = await post('tokens', { tester: 'ada' });
  await post('switches', { scope: 'tester:ada', effect: 'revoke', reason: 'a leak' });
  await post('testers/ada/reviews', { state: 'cleared', note: 'fine' });
  const { csv, count } = await bulk({ filter: { review: 'cleared' } }, 'testers/reissue');
  expect(count).toBe(1);
  const [head, row] = String(csv).split('\r\n');
  expect(head).toBe('tester,cohort,name,email,token,expires');
  expect(row).toMatch(/^ada,alpha,"'=cmd\|""x""!A1",,header\.[\w-]+\.signature,\d{4}-/);
  const { tokens } = (await (await admin.call('GET', '/admin/tokens?tester=ada')).json()) as {
    tokens: { jti: string; state: string }[];
  };
  expect(tokens.find(({ jti }) => jti === old.jti)?.state).toBe('revoked');
});

test('testers come from a CSV file, all of them or none, and each fault is named with its line', async () => {
  const good = 'cohort,id,email\r\nalpha,"eve",eve@example.com\nbeta,fay,\n';
  expect(await post('testers/import', { csv: good, dryRun: true })).toMatchObject({ count: 2, done: false });
  expect(await post('testers/import', { csv: good })).toMatchObject({ testers: ['eve', 'fay'], done: true });
  const bad = 'id,cohort,email\ngus,alpha,\nhal,gamma,x\n-x,alpha,\ngus,alpha,\nada,alpha,\n';
  const { status, detail } = await post('testers/import', { csv: bad });
  expect(status).toBe(400);
  for (const part of [
    'line 3, email',
    'line 4, id',
    'line 5, id: "gus" stands in line 2',
    'line 6, id: "ada" exists',
  ])
    expect(detail).toContain(part);
  expect((await admin.call('GET', '/admin/testers/gus')).status).toBe(404);
});

test.each([
  ['no header', 'ada,alpha\n', 'no column'],
  ['a missing column', 'id\nada\n', '"cohort" is missing'],
  ['a column too many', 'id,cohort,role\nada,alpha,admin\n', '"role" is no column'],
  ['a row too short', 'id,cohort\neve\n', 'line 2'],
  ['a quote that never ends', 'id,cohort\n"eve,alpha\n', 'line 2'],
])('a CSV file with %s is refused with its line', async (_, csv, detail) => {
  const answer = await post('testers/import', { csv });
  expect(answer).toMatchObject({ status: 400, detail: expect.stringContaining(detail) });
});

const keyed = (key: string, body: object, path = 'cohorts', app = admin.app) =>
  app.request(`/admin/${path}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${admin.credentials.operator}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify(body),
  });

test('an act with the same Idempotency-Key is answered again, and done once, after a restart too', async () => {
  const first = await keyed('k1', { name: 'gamma' });
  const again = await keyed('k1', { name: 'gamma' });
  expect([first.status, again.status]).toEqual([200, 200]);
  expect(await again.text()).toBe(await first.text());
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  const restarted = createAdmin(admin.control, { onFault: () => {} });
  expect((await keyed('k1', { name: 'gamma' }, 'cohorts', restarted)).status).toBe(200);
  expect(admin.acts().filter(({ act }) => act === 'cohort.create')).toHaveLength(3);
});

test('a refusal is answered again too, and another request under the same key is refused', async () => {
  expect((await keyed('k2', { name: 'alpha' })).status).toBe(409);
  expect((await keyed('k2', { name: 'alpha' })).headers.get('idempotent-replayed')).toBe('true');
  expect((await keyed('k2', { name: 'delta' })).status).toBe(422);
  expect((await keyed('bad key', { name: 'delta' })).status).toBe(400);
});

test('two requests at once under one key do one act', async () => {
  const both = await Promise.all([keyed('k3', { name: 'delta' }), keyed('k3', { name: 'delta' })]);
  const told = both.map(({ status, headers }) => `${status} ${headers.get('idempotent-replayed') ?? 'done'}`);
  // The other one came while it was being done, or right behind it.
  expect(told.sort()).toEqual(['200 done', expect.toBeOneOf(['409 done', '200 true'])]);
  expect(admin.acts().filter(({ subject }) => subject === 'cohort:delta')).toHaveLength(1);
});

test('a token that was shown once is not kept, and not shown again', async () => {
  const { token } = (await (await keyed('k4', { tester: 'ada' }, 'tokens')).json()) as { token: string };
  const again = await keyed('k4', { tester: 'ada' }, 'tokens');
  expect(again.status).toBe(409);
  expect(await again.text()).toContain('already_done');
  const kept = JSON.stringify(admin.read('select * from idempotency'));
  expect(kept).not.toContain(token);
  expect(kept).not.toContain('k4');
});

test('the same key of another operator is another key', async () => {
  await keyed('k5', { name: 'delta' });
  const answer = await admin.app.request('/admin/cohorts', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${admin.credentials.admin}`,
      'content-type': 'application/json',
      'idempotency-key': 'k5',
    },
    body: '{"name":"epsilon"}',
  });
  expect(answer.status).toBe(200);
});

test('where the server broke off over an act, its key says that the outcome is not known', async () => {
  await keyed('k6', { name: 'delta' });
  admin.db.writer.$client.prepare('update idempotency set status = null, body = null').run();
  const answer = await keyed('k6', { name: 'delta' });
  expect(answer.status).toBe(409);
  expect(await answer.text()).toContain('outcome_unknown');
});
