/** Passkeys: who holds one signs in; whoever lies about anything that is signed does not. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Admin, startAdmin } from './with-admin.ts';
import { makeAuthenticator } from './with-authenticator.ts';
import { type Browser, browserOf, ORIGIN } from './with-browser.ts';

let clock = Date.now();
let admin: Admin;
let browser: Browser;

beforeAll(async () => {
  admin = await startAdmin({
    now: () => clock,
    attempts: { signInsPerMinute: 1_000, failuresPerMinute: 1_000 },
  });
  for (const name of ['maria', 'ivan'])
    await admin.call('POST', '/admin/operators', { name, role: 'operator' }, admin.credentials.admin);
});
afterAll(() => admin.close());
beforeEach(() => {
  browser = browserOf(admin);
});

async function signedIn(name: string): Promise<Browser> {
  const one = browserOf(admin);
  const answer = await admin.call('POST', `/admin/operators/${name}/links`, {}, admin.credentials.admin);
  await one.signIn((await answer.json()).link);
  return one;
}

async function withKey(name = 'maria') {
  const [owner, key] = [await signedIn(name), makeAuthenticator(ORIGIN)];
  const options = await (await owner.post('/admin/passkeys/options')).json();
  const made = await owner.post('/admin/passkeys', { response: key.make(options), label: 'laptop' });
  expect(made.status).toBe(200);
  return { owner, key };
}

const begin = async (one: Browser) => (await one.post('/admin/sessions/passkey/options')).json();
const finish = (one: Browser, response: object) => one.post('/admin/sessions/passkey', { response });

test('who made a passkey signs in with it, freshly, and it is told when', async () => {
  const { owner, key } = await withKey();
  expect((await finish(browser, key.sign(await begin(browser)))).status).toBe(200);
  await browser.look();
  const me = await (await browser.get('/admin/me')).json();
  expect(me).toMatchObject({ operator: 'maria', via: 'session', session: { method: 'passkey' } });
  const { passkeys } = await (await owner.get('/admin/passkeys')).json();
  expect(passkeys[0]).toMatchObject({ label: 'laptop', operator: 'maria', lastUsedAt: expect.any(String) });
  expect(admin.acts().filter(({ act }) => act === 'passkey.add')).toMatchObject([{ operator: 'maria' }]);
});

test('what is asked for is discoverable, wants the user verified, and names no key', async () => {
  const options = await begin(browser);
  expect(options).toMatchObject({ userVerification: 'required', rpId: 'localhost' });
  expect(options.allowCredentials).toBeUndefined();
});

test.each<[string, object]>([
  ['for another site', { origin: 'https://evil.example' }],
  ['of another relying party', { rpId: 'evil.example' }],
  ['without the user being verified', { flags: 1 }],
  ['to a challenge of its own', { challenge: 'bm90aGluZw' }],
])('an answer %s is refused', async (_, lies) => {
  const { key } = await withKey();
  expect((await finish(browser, key.sign(await begin(browser), lies))).status).toBe(401);
});

test('an answer is good once, for a few minutes, and of a key that is known', async () => {
  const { key } = await withKey();
  const answer = key.sign(await begin(browser));
  expect((await finish(browser, answer)).status).toBe(200);
  expect((await finish(browserOf(admin), answer)).status, 'again').toBe(401);
  const late = key.sign(await begin(browser));
  clock += 6 * 60_000;
  expect((await finish(browser, late)).status, 'late').toBe(401);
  const stranger = makeAuthenticator(ORIGIN);
  expect((await finish(browser, stranger.sign(await begin(browser)))).status, 'unknown').toBe(401);
});

test('a copy of an authenticator, which counts behind, is refused', async () => {
  const { key } = await withKey();
  expect((await finish(browser, key.sign(await begin(browser), { counter: 9 }))).status).toBe(200);
  expect((await finish(browser, key.sign(await begin(browser), { counter: 9 }))).status).toBe(401);
});

test("a challenge of making a passkey does not sign in, and one operator's makes no passkey for another", async () => {
  const { owner, key } = await withKey();
  const options = await (await owner.post('/admin/passkeys/options')).json();
  expect((await finish(browser, key.sign(options))).status).toBe(401);
  const forMaria = await (await owner.post('/admin/passkeys/options')).json();
  const ivan = await signedIn('ivan');
  const made = makeAuthenticator(ORIGIN).make(forMaria);
  expect((await ivan.post('/admin/passkeys', { response: made, label: 'x' })).status).toBe(400);
});

test('a passkey is made by somebody who has just signed in in a browser, not by a credential', async () => {
  const path = '/admin/passkeys/options';
  expect((await admin.call('POST', path, undefined, admin.credentials.admin)).status).toBe(403);
  const old = await signedIn('maria');
  clock += 11 * 60_000;
  expect((await old.post(path)).status).toBe(403);
});

test('one that was taken away signs nobody in; nobody takes away that of another', async () => {
  const { owner, key } = await withKey();
  const ivan = await signedIn('ivan');
  expect((await ivan.delete(`/admin/passkeys/${key.id}`)).status).toBe(404);
  expect((await owner.delete(`/admin/passkeys/${key.id}`)).status).toBe(200);
  expect((await finish(browser, key.sign(await begin(browser)))).status).toBe(401);
});

test('by an IP address it is said that browsers want a name', async () => {
  const answer = await admin.app.request('http://127.0.0.1:8788/admin/sessions/passkey/options', {
    method: 'POST',
    headers: { origin: 'http://127.0.0.1:8788', host: '127.0.0.1:8788' },
  });
  expect(answer.status).toBe(409);
  expect(await answer.text()).toContain('http://localhost');
});
