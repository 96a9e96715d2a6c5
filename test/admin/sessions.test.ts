/** Sessions of operators in browsers: how they begin, what they may do, and that they end. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/app.ts';
import { type Admin, startAdmin } from './with-admin.ts';
import { type Browser, browserOf } from './with-browser.ts';

const MINUTE = 60_000;
let clock = Date.now();
let admin: Admin;
let browser: Browser;

beforeAll(async () => {
  admin = await startAdmin({
    now: () => clock,
    attempts: { signInsPerMinute: 1_000, failuresPerMinute: 1_000 },
  });
  for (const name of ['maria', 'ivan', 'rita'])
    await ok('POST', '/admin/operators', { name, role: name === 'maria' ? 'admin' : 'operator' });
});
afterAll(() => admin.close());
beforeEach(() => {
  clock += 2 * 3_600_000;
  browser = browserOf(admin);
});

async function ok(method: string, path: string, json?: unknown) {
  const answer = await admin.call(method, path, json, admin.credentials.admin);
  expect([path, answer.status]).toEqual([path, 200]);
  return answer.json();
}
const linkOf = async (name: string, hours = 1): Promise<string> =>
  (await ok('POST', `/admin/operators/${name}/links`, { hours })).link;

test('a link signs in once, and leaves an act; its cookie is out of reach of scripts and of other sites', async () => {
  const link = await linkOf('maria');
  const answer = await browser.post('/admin/sessions', { link });
  expect(answer.status).toBe(200);
  const cookie = answer.headers.get('set-cookie') ?? '';
  expect(cookie).toMatch(
    /^__Host-portcullis=pcs_[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  );
  expect((await browser.get('/admin/me')).status).toBe(200);
  expect((await browserOf(admin).post('/admin/sessions', { link })).status).toBe(401);
  expect(admin.acts().at(-1)).toMatchObject({ operator: 'maria', act: 'session.open', reason: 'link' });
});

test('of a hundred that use one link at once, one is signed in', async () => {
  const link = await linkOf('maria');
  const all = await Promise.all(
    Array.from({ length: 25 }, () => browserOf(admin).post('/admin/sessions', { link })),
  );
  expect(all.filter(({ status }) => status === 200)).toHaveLength(1);
});

test('a link that came too late, was made up, or is whose owner was removed signs nobody in', async () => {
  const late = await linkOf('ivan');
  clock += 61 * MINUTE;
  expect((await browser.post('/admin/sessions', { link: late })).status).toBe(401);
  expect((await browser.post('/admin/sessions', { link: 'pcl_nothing' })).status).toBe(401);
  await ok('POST', '/admin/operators', { name: 'gone', role: 'auditor' });
  const link = await linkOf('gone');
  await ok('POST', '/admin/operators/gone/remove', { reason: 'left' });
  expect((await browser.post('/admin/sessions', { link })).status).toBe(401);
});

test('in a session, what changes something wants the token that only our own pages can read', async () => {
  await browser.signIn(await linkOf('maria'));
  const order = { scope: 'model:none', reason: 'test' };
  for (const token of [undefined, '', 'x', 'f'.repeat(64)]) {
    const answer = await browser.post('/admin/switches', order, { 'x-csrf-token': token });
    expect([token, answer.status]).toEqual([token, 403]);
    expect(await answer.text()).toContain('csrf_invalid');
  }
  expect((await browser.post('/admin/switches', order)).status).toBe(200);
  const other = browserOf(admin);
  await other.signIn(await linkOf('maria'));
  expect((await browser.post('/admin/switches', order, { 'x-csrf-token': other.csrf })).status).toBe(403);
});

test('a session ends when it is idle, when it is old, when it is ended, and with its operator', async () => {
  const isIn = async () => (await browser.get('/admin/me')).status === 200;
  await browser.signIn(await linkOf('ivan'));
  for (let i = 0; i < 6; i++) {
    clock += 119 * MINUTE;
    expect(await isIn()).toBe(true);
  }
  clock += 119 * MINUTE;
  expect(await isIn(), 'after half a day').toBe(false);

  await browser.signIn(await linkOf('ivan'));
  clock += 121 * MINUTE;
  expect(await isIn(), 'after two idle hours').toBe(false);

  await browser.signIn(await linkOf('ivan'));
  expect((await browser.delete('/admin/sessions/current')).status).toBe(200);
  expect(await isIn(), 'signed out').toBe(false);

  await browser.signIn(await linkOf('rita'));
  await ok('POST', '/admin/operators/rita/sign-out', { reason: 'lost a laptop' });
  expect(await isIn(), 'signed out by an admin').toBe(false);

  await browser.signIn(await linkOf('rita'));
  await ok('POST', '/admin/operators/rita/remove', { reason: 'left' });
  expect(await isIn(), 'removed').toBe(false);
});

test('a role that was taken away is gone from open sessions at once', async () => {
  await browser.signIn(await linkOf('ivan'));
  const order = { scope: 'model:none', reason: 'test' };
  expect((await browser.post('/admin/switches', order)).status).toBe(200);
  await ok('PATCH', '/admin/operators/ivan', { role: 'auditor', reason: 'moved' });
  expect((await browser.post('/admin/switches', order)).status).toBe(403);
  await ok('PATCH', '/admin/operators/ivan', { role: 'operator', reason: 'back' });
});

test('stopping needs no second sign-in; letting everybody back in, or giving power away, does', async () => {
  await browser.signIn(await linkOf('maria'));
  clock += 11 * MINUTE;
  const stop = await browser.post('/admin/switches', { scope: 'global', reason: 'a leak' });
  expect(stop.status).toBe(200);
  const { id } = await stop.json();
  await ok('POST', '/admin/cohorts', { name: 'beta' });
  const guarded: [method: 'POST' | 'PATCH', path: string, body: object][] = [
    ['POST', '/admin/switches/release', { scope: 'global', reason: 'over' }],
    ['POST', `/admin/switches/${id}/readmissions`, { scopes: ['cohort:beta'], reason: 'over' }],
    ['POST', '/admin/operators', { name: 'new', role: 'admin' }],
    ['PATCH', '/admin/operators/ivan', { role: 'admin', reason: 'x' }],
    ['POST', '/admin/operators/ivan/links', {}],
    ['POST', '/admin/operator-tokens', { label: 'x' }],
  ];
  for (const [method, path, body] of guarded) {
    const answer = await browser.send(method, path, body);
    expect([path, answer.status]).toEqual([path, 403]);
    expect(await answer.text()).toContain('reauthentication_required');
  }
  await browser.signIn(await linkOf('maria'));
  for (const [method, path, body] of guarded.toReversed())
    expect([path, (await browser.send(method, path, body)).status]).toEqual([path, 200]);
  await ok('PATCH', '/admin/operators/ivan', { role: 'operator', reason: 'back' });
});

test('a new sign-in takes the place of the session that the browser had', async () => {
  await browser.signIn(await linkOf('maria'));
  const old = browser.cookie;
  await browser.signIn(await linkOf('maria'));
  expect(browser.cookie).not.toBe(old);
  expect((await browserOf(admin, old).get('/admin/me')).status).toBe(401);
});

test('everybody sees and ends their own sessions; an admin sees and ends all', async () => {
  await browser.signIn(await linkOf('ivan'));
  const marias = browserOf(admin);
  await marias.signIn(await linkOf('maria'));
  const seen = async (one: Browser) => (await (await one.get('/admin/sessions')).json()).sessions as Seen[];
  type Seen = { id: string; operator: string; isCurrent: boolean };
  expect((await seen(browser)).map(({ operator }) => operator)).toEqual(['ivan']);
  const all = await seen(marias);
  expect(new Set(all.map(({ operator }) => operator))).toEqual(new Set(['ivan', 'maria']));
  const own = all.find(({ isCurrent }) => isCurrent)?.id;
  expect((await browser.delete(`/admin/sessions/${own}`)).status).toBe(404);
  const its = (await seen(browser))[0]?.id;
  expect((await marias.delete(`/admin/sessions/${its}`)).status).toBe(200);
  expect((await browser.get('/admin/me')).status).toBe(401);
});

test('wrong guesses are limited: after them the right link waits too, and a good credential does not', async () => {
  const attempts = { signInsPerMinute: 3, failuresPerMinute: 3 };
  const app = createAdmin(admin.control, { attempts, onFault: () => {} });
  const guesser = browserOf({ app });
  for (let i = 0; i < 5; i++) await guesser.signIn(await linkOf('maria'));
  const guess = async (link: string) => (await guesser.post('/admin/sessions', { link })).status;
  expect([await guess('pcl_1'), await guess('pcl_2'), await guess('pcl_3')]).toEqual([401, 401, 401]);
  expect(await guess(await linkOf('maria'))).toBe(429);
  const call = (credential: string) =>
    app.request('/admin/me', { headers: { authorization: `Bearer ${credential}` } });
  for (let i = 0; i < 3; i++) expect((await call('pco_wrong')).status).toBe(401);
  const late = await call('pco_wrong');
  expect([late.status, late.headers.get('retry-after')]).toEqual([429, '60']);
  expect((await call(admin.credentials.operator)).status).toBe(200);
});

test('no secret of a session or a link stands in the store, in an act or in an answer', async () => {
  const rows = ['sessions', 'sign_in_links', 'acts', 'operator_tokens'].map((table) =>
    admin.db.reader.$client.prepare(`select * from ${table}`).all(),
  );
  expect(JSON.stringify(rows)).not.toMatch(/pc[osl]_[\w-]{20}/);
});
