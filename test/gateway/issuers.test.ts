/** Tokens of outside issuers, and what the address of a client is. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  CHAT,
  PERMISSIVE,
  post,
  startGate,
  startUpstream,
  type TestGate,
  type Upstream,
} from '../with-gate.ts';

type Claims = Record<string, unknown>;

let gate: TestGate;
let upstream: Upstream;
let sign: (claims?: Claims, header?: Claims) => Promise<string>;
beforeAll(async () => {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
  upstream = await startUpstream();
  gate = await startGate(
    upstream.url,
    `artists: { ${PERMISSIVE} }`,
    `trustedProxies: [127.0.0.1]
issuers:
  - { issuer: "https://idp.example", audience: portcullis, jwks: { keys: [${JSON.stringify(jwk)}] } }
  - { issuer: "https://gone.example", audience: portcullis, jwksUri: "http://127.0.0.1:9/jwks" }`,
  );
  await gate.tester('ada');
  sign = (claims = {}, header = {}) => {
    const now = Math.floor(Date.now() / 1000);
    const usual = {
      iss: 'https://idp.example',
      sub: 'ada',
      aud: 'portcullis',
      client_id: 'web',
      jti: 'j1',
      iat: now,
      exp: now + 600,
    };
    return new SignJWT({ ...usual, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt', ...header })
      .sign(privateKey);
  };
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const now = () => Math.floor(Date.now() / 1000);

test("an outside issuer's token calls as the tester that its subject names", async () => {
  expect((await post(gate.url, await sign(), CHAT)).status).toBe(200);
  expect((await gate.settled()).at(-1)).toMatchObject({ tester: 'ada', outcome: 'complete' });
});

test('keys that cannot be fetched are our fault, not the token’s: 503', async () => {
  const answer = await post(gate.url, await sign({ iss: 'https://gone.example' }), CHAT);
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([503, null]);
  expect(gate.rows().at(-1)).toMatchObject({ outcome: 'issuer_unavailable' });
});

test('a subject that is no tester is not allowed: 403', async () => {
  expect((await post(gate.url, await sign({ sub: 'stranger', jti: 'j2' }), CHAT)).status).toBe(403);
});

test("the name of the drill's tester gets an outside issuer's token nowhere: 403, and upstream sees nothing", async () => {
  expect(await gate.admin('POST', 'drills')).toMatchObject({ outcome: 'ok' });
  const seen = upstream.seen.length;
  const token = await sign({ sub: 'portcullis-drill', jti: 'j3' });
  const answer = await post(gate.url, token, { ...CHAT, model: 'portcullis-drill' });
  expect(answer.status).toBe(403);
  expect(gate.rows().at(-1)).toMatchObject({ outcome: 'tester_unknown' });
  expect(upstream.seen.length).toBe(seen);
});

test.each<[string, Claims, Claims]>([
  ['another audience', { aud: 'other' }, {}],
  ['an unknown issuer', { iss: 'https://evil.example' }, {}],
  ['the type of an ID token', {}, { typ: 'JWT' }],
  ['no jti', { jti: undefined }, {}],
  ['a numeric jti', { jti: 7 }, {}],
  ['an empty subject', { sub: '' }, {}],
  ['no client_id', { client_id: undefined }, {}],
  ['an exp that is no integer', { exp: now() + 0.5 + 600 }, {}],
  ['an exp beyond all time', { exp: 1e308 }, {}],
  ['an iat in the future', { iat: now() + 300 }, {}],
  ['a life longer than allowed', { exp: now() + 400 * 86_400 }, {}],
  ['a key of that name that we do not know', {}, { kid: '../../etc/passwd' }],
])('%s is not valid: 401, and upstream sees nothing', async (_, claims, header) => {
  const seen = upstream.seen.length;
  const answer = await post(gate.url, await sign(claims, header), CHAT);
  expect(answer.status).toBe(401);
  expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
  expect(gate.rows().at(-1)).toMatchObject({ outcome: 'token_invalid', status: 401 });
  expect(upstream.seen.length).toBe(seen);
});

test('an expired token is told so', async () => {
  const answer = await post(gate.url, await sign({ iat: now() - 700, exp: now() - 60 }), CHAT);
  expect(await answer.json()).toMatchObject({ error: { code: 'token_expired' }, status: 401 });
});

test('one token id of an outside issuer can be revoked, whatever its encoding', async () => {
  await gate.admin('POST', 'switches', { scope: 'token:j9', effect: 'revoke', reason: 'test' });
  expect((await post(gate.url, await sign({ jti: 'j9' }), CHAT)).status).toBe(401);
});

test('the address is what a trusted proxy says, read from the right', async () => {
  const token = await sign({ jti: 'j10' });
  await fetch(`${gate.url}/v1/models`, {
    headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': '6.6.6.6, ::ffff:203.0.113.7' },
  });
  expect(gate.rows().at(-1)).toMatchObject({ address: '203.0.113.7' });
});
