/** Operators and their credentials: who may make, change and end them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Admin, startAdmin } from './with-admin.ts';

const DAY = 86_400_000;
let clock = Date.now();
let admin: Admin;

beforeAll(async () => {
  admin = await startAdmin({ now: () => clock });
  await add('maria', 'operator');
});
afterAll(() => admin.close());

const call = (method: string, path: string, json?: unknown, credential = admin.credentials.admin) =>
  admin.call(method, `/admin/${path}`, json, credential);
const add = (name: string, role: string) => call('POST', 'operators', { name, role });
async function credentialOf(
  order: object,
  by = admin.credentials.admin,
): Promise<{ credential: string; id: string }> {
  const answer = await call('POST', 'operator-tokens', { label: 'test', ...order }, by);
  expect(answer.status).toBe(200);
  return answer.json();
}
const stop = (credential: string) =>
  call('POST', 'switches', { scope: 'model:none', reason: 'test' }, credential);
const problemOf = async (answer: Response) => [answer.status, (await answer.json()).type.split(':').at(-1)];

test('a name is given once, to nobody whom the gate itself acts as, and holds no credential', async () => {
  expect(await problemOf(await add('maria', 'auditor'))).toEqual([409, 'operator_exists']);
  for (const name of ['setup', 'recovered', 'sqlite', 'signal:SIGUSR2', 'console', 'CLI:root'])
    expect([name, (await add(name, 'auditor')).ok]).toEqual([name, false]);
  for (const name of ['', ' x', 'a b', '<b>', 'x'.repeat(65), `pco_${'x'.repeat(43)}`])
    expect([name, (await add(name, 'auditor')).status]).toEqual([name, 400]);
  await add('once', 'auditor');
  expect((await call('POST', 'operators/once/remove', { reason: 'left' })).status).toBe(200);
  expect((await add('once', 'admin')).status).toBe(409);
});

test('the last admin can be neither removed nor made something else', async () => {
  for (const name of ['maria', 'the-operator', 'the-auditor'])
    expect((await call('PATCH', `operators/${name}`, { role: 'auditor', reason: 'x' })).status).toBe(200);
  const demote = { role: 'operator', reason: 'x' };
  expect(await problemOf(await call('PATCH', 'operators/the-admin', demote))).toEqual([409, 'last_admin']);
  expect(await problemOf(await call('POST', 'operators/the-admin/remove', { reason: 'x' }))).toEqual([
    ...[409, 'last_admin'],
  ]);
  await add('second', 'admin');
  const both = await Promise.all(
    ['the-admin', 'second'].map((name) => call('PATCH', `operators/${name}`, demote)),
  );
  expect(
    both.filter(({ ok }) => ok),
    'of two at once',
  ).toHaveLength(1);
  admin.db.writer.$client.prepare(`update operators set role = 'admin' where name like 'the-admin'`).run();
  admin.db.writer.$client
    .prepare(`update operators set role = 'operator' where name in ('maria', 'the-operator')`)
    .run();
});

test('a credential may what its operator may, and less where it was made narrower', async () => {
  const whole = await credentialOf({ operator: 'maria' });
  const narrow = await credentialOf({ operator: 'maria', role: 'auditor' });
  const wider = await credentialOf({ operator: 'maria', role: 'admin' });
  expect((await stop(whole.credential)).status).toBe(200);
  expect((await stop(narrow.credential)).status).toBe(403);
  expect((await call('GET', 'acts', undefined, narrow.credential)).status).toBe(200);
  expect((await call('GET', 'sessions', undefined, wider.credential)).status).toBe(200);
  expect((await call('POST', 'operators', { name: 'x', role: 'admin' }, wider.credential)).status).toBe(403);
  const { tokens } = await (await call('GET', 'operator-tokens', undefined, wider.credential)).json();
  expect(new Set(tokens.map((one: { operator: string }) => one.operator))).toEqual(new Set(['maria']));
});

test('a credential expires, is ended, and ends with its operator: each time from the next request on', async () => {
  const short = await credentialOf({ operator: 'maria', days: 1 });
  const ended = await credentialOf({ operator: 'maria', days: 30 });
  clock += DAY - 1_000;
  expect((await stop(short.credential)).status).toBe(200);
  clock += 2_000;
  expect((await stop(short.credential)).status).toBe(401);
  expect((await call('DELETE', `operator-tokens/${ended.id}`)).status).toBe(200);
  expect((await stop(ended.credential)).status).toBe(401);
  await add('leaver', 'operator');
  const last = await credentialOf({ operator: 'leaver' });
  await call('POST', 'operators/leaver/remove', { reason: 'left' });
  expect((await stop(last.credential)).status).toBe(401);
});

test('a credential that was stolen stops everybody, and neither frees them nor makes more of its kind', async () => {
  await add('robot', 'admin');
  const { credential } = await credentialOf({ operator: 'robot' });
  expect((await call('POST', 'switches', { scope: 'global', reason: 'a leak' }, credential)).status).toBe(
    200,
  );
  const release = await call('POST', 'switches/release', { scope: 'global', reason: 'x' }, credential);
  expect(await problemOf(release)).toEqual([403, 'reauthentication_required']);
  for (const [method, path, body] of [
    ['POST', 'operator-tokens', { label: 'more' }],
    ['POST', 'operators', { name: 'friend', role: 'admin' }],
    ['POST', 'operators/robot/links', {}],
    ['PATCH', 'operators/maria', { role: 'admin', reason: 'x' }],
  ] as const)
    expect(await problemOf(await call(method, path, body, credential))).toEqual([
      ...[403, 'reauthentication_required'],
    ]);
  expect((await call('POST', 'switches/release', { scope: 'global', reason: 'over' })).status).toBe(200);
});

test('only an admin makes credentials for others; others end only their own', async () => {
  const order = { label: 'x', operator: 'maria' };
  expect((await call('POST', 'operator-tokens', order, admin.credentials.operator)).status).toBe(403);
  const { id } = await credentialOf({ operator: 'maria' });
  const path = `operator-tokens/${id}`;
  expect((await call('DELETE', path, undefined, admin.credentials.operator)).status).toBe(404);
  expect((await call('DELETE', path)).status).toBe(200);
});

test('each change of an operator leaves one act with who, what and why', async () => {
  const before = admin.acts().length;
  await add('acted', 'auditor');
  await call('PATCH', 'operators/acted', { role: 'reviewer', reason: 'moved' });
  await call('POST', 'operators/acted/links', {});
  await call('POST', 'operators/acted/sign-out', { reason: 'a leak' });
  await call('POST', 'operators/acted/remove', { reason: 'left' });
  expect(admin.acts().slice(before)).toMatchObject([
    { operator: 'the-admin', act: 'operator.add', subject: 'operator:acted', reason: 'auditor' },
    { act: 'operator.role', subject: 'operator:acted reviewer', reason: 'moved' },
    { act: 'operator.link', subject: 'operator:acted' },
    { act: 'operator.sign-out', subject: 'operator:acted', reason: 'a leak' },
    { act: 'operator.remove', subject: 'operator:acted', reason: 'left' },
  ]);
});
