/** Tokens of an issuer whose keys are fetched: what it withdraws is dead, and nobody makes us flood it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  CHAT,
  PERMISSIVE,
  post,
  startGate,
  startUpstream,
  type TestGate,
  type Upstream,
} from '../with-gate.ts';

const MINUTE = 60_000;
let gate: TestGate;
let upstream: Upstream;
let idp: ReturnType<typeof createServer>;
let asked: number;
let answer: string | null;
let sign: (kid?: string) => Promise<string>;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  asked = 0;
  answer = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] });
  idp = createServer((_, outgoing) => {
    asked++;
    outgoing.writeHead(answer === null ? 500 : 200).end(answer);
  });
  await new Promise<void>((resolve) => idp.listen(0, '127.0.0.1', resolve));
  const uri = `http://127.0.0.1:${(idp.address() as AddressInfo).port}/jwks`;
  upstream = await startUpstream();
  const issuer = `issuers: [{ issuer: "https://idp.example", audience: portcullis, jwksUri: "${uri}" }]`;
  gate = await startGate(upstream.url, `artists: { ${PERMISSIVE} }`, issuer);
  await gate.tester('ada');
  sign = (kid = 'k1') => {
    const iat = Math.floor(Date.now() / 1000);
    const who = { iss: 'https://idp.example', sub: 'ada', aud: 'portcullis', client_id: 'web' };
    return new SignJWT({ ...who, jti: 'j', iat, exp: iat + 86_400 })
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
      .sign(privateKey);
  };
});
afterEach(async () => {
  vi.useRealTimers();
  await gate.close();
  await upstream.close();
  idp.close();
});

const status = async (token: string) => (await post(gate.url, token, CHAT)).status;
const later = (ms: number) => vi.setSystemTime(Date.now() + ms);

test('forty tokens with made-up key ids are all refused, and the issuer is asked once', async () => {
  const made = await Promise.all(Array.from({ length: 40 }, (_, i) => sign(`made-up-${i}`)));
  expect(new Set(await Promise.all(made.map(status)))).toEqual(new Set([401]));
  expect(asked).toBe(1);
});

test('a key that the issuer withdraws is dead within ten minutes, however often its tokens are seen', async () => {
  const token = await sign();
  expect(await status(token)).toBe(200);
  answer = '{"keys":[]}';
  later(5 * MINUTE - 1);
  expect(await status(token)).toBe(200);
  later(5 * MINUTE + 1);
  expect(await status(token)).toBe(401);
});

test('while the issuer fails its keys last fifteen minutes, for remembered tokens too; then it is our fault', async () => {
  const token = await sign();
  expect(await status(token)).toBe(200);
  answer = null;
  later(15 * MINUTE - 1);
  expect([await status(token), await status(token)]).toEqual([200, 200]);
  later(1);
  expect(await status(token)).toBe(503);
  expect(gate.rows().at(-1)).toMatchObject({ outcome: 'issuer_unavailable', detail: 'JWKS: status 500' });
  expect(asked).toBe(2);
});
