/** The ways into the portal, and what ends them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { raw, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';
import { browser, csrfIn, signedIn } from './with-portal.ts';

let gate: TestGate;
let upstream: Upstream;
let ada: string;
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url);
  ada = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const SESSION = '__Host-portcullis-tester';
const acts = () =>
  gate.read<{ operator: string; act: string; subject: string }>('select * from acts order by id');
const jtiOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).jti as string;

test('a token is exchanged for a cookie that only this host gets and no script reads; the database holds its hash only', async () => {
  const one = browser(gate);
  const shown = await one.send('/portal/sign-in', '/portal/sign-in', { token: ada });
  expect([shown.status, shown.headers.get('location')]).toEqual([303, '/portal']);
  const cookie = shown.headers.getSetCookie().find((line) => line.startsWith(SESSION)) ?? '';
  expect(cookie).toMatch(
    /^__Host-portcullis-tester=pps_[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  );
  expect(Number(/Max-Age=(\d+)/.exec(cookie)?.[1])).toBeLessThanOrEqual(12 * 3600);
  expect((await one.get('/portal')).text).toContain('You may call.');
  const secret = one.cookies.get(SESSION) ?? '';
  const rows = JSON.stringify(gate.read('select * from portal_sessions'));
  expect(rows).not.toContain(secret.slice(4));
  expect(rows).not.toContain(ada);
  expect(acts().at(-1)).toMatchObject({
    operator: 'tester:ada',
    act: 'portal.sign-in',
    subject: `by token:${jtiOf(ada)}`,
  });
});

test('whoever is not signed in sees the sign-in, and the API answers with a challenge', async () => {
  const one = browser(gate);
  const page = await one.get('/portal/calls');
  expect([page.status, page.headers.get('location')]).toEqual([303, '/portal/sign-in']);
  const api = await one.get('/portal/api/standing');
  expect(api.status).toBe(401);
  expect(api.headers.get('www-authenticate')).toContain('Bearer');
  one.cookies.set(SESSION, `pps_${'A'.repeat(43)}`);
  expect((await one.get('/portal')).status).toBe(303);
});

test('the API takes the access token as well, and only in its header', async () => {
  const one = browser(gate);
  const standing = await one.get('/portal/api/standing', { authorization: `Bearer ${ada}` });
  expect(JSON.parse(standing.text)).toMatchObject({
    tester: 'ada',
    may: true,
    why: [],
    session: { csrf: null },
  });
  expect((await one.get('/portal/api/standing', { authorization: `Bearer ${ada}x` })).status).toBe(401);
  expect((await one.get(`/portal/sign-in?token=${ada}`)).status).toBe(400);
  // A page is never opened by a header alone.
  expect((await one.get('/portal', { authorization: `Bearer ${ada}` })).status).toBe(303);
});

test('a wrong token is refused with its row, and its text stands in no answer and no log', async () => {
  const wrong = `${ada.slice(0, -4)}AAAA`;
  const shown = await browser(gate).send('/portal/sign-in', '/portal/sign-in', { token: wrong });
  expect(shown.status).toBe(401);
  expect(shown.text).toContain('The access token is not valid.');
  expect(shown.text).not.toContain(wrong.slice(-40));
  const row = gate.rows(`operation = 'portal.sign-in'`).at(-1);
  expect(row).toMatchObject({ decision: 'refused', outcome: 'token_invalid', path: '/portal/sign-in' });
  expect(JSON.stringify(gate.rows())).not.toContain(wrong.slice(-40));
});

test('no form acts without what its page holds, nor when another site sends it', async () => {
  const one = browser(gate);
  const send = (csrf: string, headers = {}) =>
    one.send('/portal/sign-in', '/portal/sign-in', { token: ada }, { csrf, headers });
  const page = await one.get('/portal/sign-in');
  const csrf = csrfIn(page.text);
  expect((await send('')).status).toBe(403);
  expect((await send('0'.repeat(64))).status).toBe(403);
  expect(
    (await browser(gate).send('/portal/sign-in', '/portal/sign-in', { token: ada }, { csrf })).status,
  ).toBe(403);
  expect((await send(csrf, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect((await send(csrf, { origin: 'https://evil.example' })).status).toBe(403);
  expect((await send(csrf, { origin: 'null' })).status).toBe(403);
  expect((await send(csrf, { origin: gate.url })).status).toBe(303);
});

test('signing out ends the session, whoever kept the cookie', async () => {
  const one = await signedIn(gate, ada);
  const secret = one.cookies.get(SESSION) ?? '';
  expect((await one.send('/portal', '/portal/sign-out', {})).headers.get('location')).toBe('/portal/sign-in');
  const thief = browser(gate);
  thief.cookies.set(SESSION, secret);
  expect((await thief.get('/portal')).status).toBe(303);
  expect(acts().at(-1)).toMatchObject({ operator: 'tester:ada', act: 'portal.sign-out' });
});

test('a session ends with its token: revoked, stopped by id, or its key withdrawn', async () => {
  const token = String((await gate.admin('POST', 'tokens', { tester: 'ada' })).token);
  const one = await signedIn(gate, token);
  const scope = `token:${jtiOf(token)}`;
  await gate.admin('POST', 'switches', { scope, reason: 'Seen on a public page.' });
  expect((await one.get('/portal')).status).toBe(303);
  await gate.admin('POST', 'switches/release', { scope, reason: 'wrong one' });
  expect((await one.get('/portal')).status).toBe(200);
  await gate.admin('POST', `tokens/${jtiOf(token)}/revoke`, { reason: 'leaked' });
  expect((await one.get('/portal')).status).toBe(303);
  const again = await browser(gate).send('/portal/sign-in', '/portal/sign-in', { token });
  expect([again.status, again.text.includes('has been revoked')]).toEqual([401, true]);
});

test('whoever is stopped still comes in and reads why; the operators’ note stays theirs', async () => {
  const token = await gate.tester('sam');
  const one = await signedIn(gate, token);
  const order = { scope: 'tester:sam', reason: 'Clips <b>appeared</b> elsewhere.', note: 'ask legal first' };
  await gate.admin('POST', 'switches', order);
  const page = await one.get('/portal');
  expect(page.text).toContain('Your calls are refused.');
  expect(page.text).toContain('Clips &lt;b&gt;appeared&lt;/b&gt; elsewhere.');
  expect(page.text).not.toContain('ask legal first');
  expect((await signedIn(gate, token)).cookies.has(SESSION)).toBe(true);
  await gate.admin('POST', 'testers/sam/reviews', { state: 'under-review', note: 'an internal note' });
  const reviewed = await one.get('/portal/api/standing');
  expect(JSON.parse(reviewed.text)).toMatchObject({
    may: false,
    review: 'under-review',
    notices: [
      { what: 'review', event: 'begins' },
      { what: 'stop', event: 'begins', of: 'tester', reason: order.reason },
    ],
  });
  expect(reviewed.text).not.toContain('internal note');
});

test('whoever was removed is out, with every session', async () => {
  const token = await gate.tester('rem');
  const one = await signedIn(gate, token);
  await gate.admin('POST', 'testers/rem/reviews', { state: 'removed', note: 'resold access' });
  expect((await one.get('/portal')).status).toBe(303);
  const again = await browser(gate).send('/portal/sign-in', '/portal/sign-in', { token });
  expect(again.status).toBe(403);
  expect(again.text).toContain('Your access to this programme has ended.');
});

test('guesses are counted by address; whoever is signed in goes on', async () => {
  const narrow = await startGate(upstream.url, undefined, 'requests: { unknownPerMinute: 5 }');
  const token = await narrow.tester('ada');
  const known = await signedIn(narrow, token);
  const guesser = browser(narrow);
  const page = await guesser.get('/portal/sign-in');
  const guess = () => guesser.send('', '/portal/sign-in', { token: 'eyJ.x.y' }, { csrf: csrfIn(page.text) });
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) statuses.push((await guess()).status);
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
  expect((await known.get('/portal')).status).toBe(200);
  await narrow.close();
});

test('what the guard refuses of a call it refuses here, with a row', async () => {
  for (const path of ['/portal//calls', '/portal/%63alls', '/portal/calls;x', '/portal/../admin'])
    expect([path, (await fetch(gate.url + path, { redirect: 'manual' })).status]).toEqual([
      path,
      path === '/portal/../admin' ? 401 : 400,
    ]);
  expect(gate.rows(`outcome = 'path_not_canonical' and path like '/portal%'`).length).toBeGreaterThan(0);
  const head = 'GET /portal HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n';
  expect(await raw(gate.url, `${head}Cookie: a=1\r\nCookie: b=2\r\n\r\n`)).toMatch(/^HTTP\/1.1 400 /);
  expect(await raw(gate.url, `${head}Cookie: a=1\r\n\r\n`)).toMatch(/^HTTP\/1.1 303 /);
});

test('a session ends when the key of its token is withdrawn', async () => {
  const one = await signedIn(gate, ada);
  const { keys } = (await gate.admin('GET', 'keys')) as { keys: { kid: string }[] };
  await gate.admin('POST', 'keys/rotate', {});
  expect((await one.get('/portal')).status).toBe(200);
  await gate.admin('POST', `keys/${keys[0]?.kid}/withdraw`, {});
  expect((await one.get('/portal')).status).toBe(303);
});
