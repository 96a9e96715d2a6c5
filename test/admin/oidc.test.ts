/** Signing in through a real OpenID provider: who gets in, in which role, and whom it lets nobody become. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { OIDC_START } from '../../src/admin/oidc.ts';
import { type Admin, startAdmin } from './with-admin.ts';
import { type Browser, browserOf, ORIGIN } from './with-browser.ts';
import { CLIENT, startProvider } from './with-provider.ts';

const redirectUri = `${ORIGIN}/console/oidc/callback`;
let provider: Awaited<ReturnType<typeof startProvider>>;
let admin: Admin;
let browser: Browser;

beforeAll(async () => {
  provider = await startProvider(redirectUri);
  admin = await startAdmin({
    attempts: { signInsPerMinute: 1_000, failuresPerMinute: 1_000 },
    oidc: {
      issuer: provider.issuer,
      clientId: CLIENT.id,
      clientSecret: CLIENT.secret,
      redirectUri,
      scope: 'openid profile',
      nameClaim: 'preferred_username',
      roleClaim: 'roles',
      roles: { gate: 'operator', 'gate-admins': 'admin', audit: 'auditor' },
      label: 'Sign in with Example',
    },
  });
});
afterAll(async () => {
  admin.close();
  await provider.close();
});
beforeEach(() => {
  browser = browserOf(admin);
});

const person = (sub: string, roles: string[] | string, preferred_username = sub) =>
  provider.people.set(sub, { sub, preferred_username, roles });

/** @returns what our callback answered */
async function signIn(sub: string, more = ''): Promise<Response> {
  const begun = await browser.get(OIDC_START + more);
  expect(begun.status).toBe(303);
  const back = await provider.signIn(begun.headers.get('location') ?? '', sub);
  const answer = await browser.get(back.pathname + back.search);
  await browser.look();
  return answer;
}
const isRefused = (answer: Response) =>
  answer.status === 303 && answer.headers.get('location') === '/console/sign-in?failed=oidc';
const me = async () => (await browser.get('/admin/me')).json();

test('who has a role is added at the first sign-in, and is in; the page that goes on is ours', async () => {
  person('zoe', ['staff', 'gate']);
  const answer = await signIn('zoe');
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(await me()).toMatchObject({ operator: 'zoe', role: 'operator', session: { method: 'oidc' } });
  expect(admin.acts().filter(({ operator }) => operator === 'zoe')).toMatchObject([
    { act: 'operator.add', reason: 'operator, by OpenID' },
    { act: 'session.open', reason: 'oidc' },
  ]);
});

test('the request has state, nonce, PKCE and a bound on the age of the sign-in; the secret stays here', async () => {
  const url = new URL((await browser.get(OIDC_START)).headers.get('location') ?? '');
  expect(Object.fromEntries(url.searchParams)).toMatchObject({
    ...{ client_id: CLIENT.id, redirect_uri: redirectUri, response_type: 'code' },
    ...{ code_challenge_method: 'S256', max_age: '43200' },
  });
  for (const name of ['state', 'nonce', 'code_challenge'])
    expect(url.searchParams.get(name)).toMatch(/^.{20,}$/);
  expect(url.href).not.toContain(encodeURIComponent(CLIENT.secret));
});

test('the role is the one of the last sign-in, and the widest of several', async () => {
  person('kim', 'audit');
  await signIn('kim');
  expect((await me()).role).toBe('auditor');
  person('kim', ['audit', 'gate-admins', 'gate']);
  await signIn('kim');
  expect((await me()).role).toBe('admin');
  const change = { role: 'auditor', reason: 'x' };
  expect((await admin.call('PATCH', '/admin/operators/kim', change, admin.credentials.admin)).status).toBe(
    400,
  );
});

test.each<[string, string, string | string[], string]>([
  ['who has no role', 'nobody', ['staff'], 'nobody'],
  ['whose role is a name of every object', 'proto', ['constructor', '__proto__'], 'proto'],
  ['who calls themselves as an operator of ours', 'mallory', ['gate-admins'], 'the-admin'],
  ['who calls themselves as another whom the provider knows', 'mallory2', ['gate-admins'], 'zoe'],
  ['who calls themselves as the gate itself', 'mallory3', ['gate-admins'], 'setup'],
  ['whose name is none', 'mallory4', ['gate-admins'], '<script>'],
])('%s does not get in', async (_, sub, roles, name) => {
  person(sub, roles, name);
  expect(isRefused(await signIn(sub))).toBe(true);
  expect((await browser.get('/admin/me')).status).toBe(401);
});

test('who was removed stays removed', async () => {
  person('leo', ['gate']);
  await signIn('leo');
  await admin.call('POST', '/admin/operators/leo/remove', { reason: 'left' }, admin.credentials.admin);
  expect((await browser.get('/admin/me')).status).toBe(401);
  expect(isRefused(await signIn('leo'))).toBe(true);
});

test('an answer is good once, in the browser that asked, and with the state that it asked with', async () => {
  const begun = await browser.get(OIDC_START);
  const back = await provider.signIn(begun.headers.get('location') ?? '', 'zoe');
  const path = back.pathname + back.search;
  expect(isRefused(await browserOf(admin).get(path)), 'another browser').toBe(true);
  const victim = browserOf(admin);
  await victim.get(OIDC_START);
  expect(isRefused(await victim.get(path)), 'a browser that asked for something else').toBe(true);
  expect((await browser.get(path)).status).toBe(200);
  expect(isRefused(await browser.get(path)), 'again').toBe(true);
});

test('a fresh sign-in asks the provider to see the user anew', async () => {
  const url = new URL((await browser.get(`${OIDC_START}?fresh=1`)).headers.get('location') ?? '');
  expect([url.searchParams.get('prompt'), url.searchParams.get('max_age')]).toEqual(['login', '0']);
  await signIn('zoe', '?fresh=1');
  const { session } = await me();
  expect(Date.parse(session.freshUntil)).toBeGreaterThan(Date.now());
});

test('the sign-in page is told of the provider; without one there is no such path', async () => {
  const ways = await (await browser.get('/admin/sign-in')).json();
  expect(ways).toEqual({ oidc: { label: 'Sign in with Example', path: OIDC_START } });
  const without = await startAdmin();
  expect((await browserOf(without).get(OIDC_START)).status).toBe(404);
  expect(await (await browserOf(without).get('/admin/sign-in')).json()).toEqual({ oidc: null });
  without.close();
});
