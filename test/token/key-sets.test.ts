/** Keys of outside issuers: few questions, bounded answers, and nothing used longer than it may be. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { fetchedKeys, givenKeys, type KeySet, KeysUnavailable } from '../../src/token/key-sets.ts';

const MINUTE = 60_000;
let now = 0;
let asked = 0;
let answer: (outgoing: ServerResponse) => void;
let keys: KeySet;
let jwk: JWK;
let secret: JWK;
const server = createServer((_, outgoing) => {
  asked++;
  answer(outgoing);
});

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
  secret = { ...(await exportJWK(privateKey)), kid: 'secret', alg: 'ES256' };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());
beforeEach(() => {
  now = 1_800_000_000_000;
  asked = 0;
  answer = withKeys(jwk);
  const uri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
  keys = fetchedKeys({ uri, algorithms: ['ES256', 'RS256', 'PS256'], now: () => now });
});

const withKeys =
  (...set: object[]) =>
  (outgoing: ServerResponse) =>
    void outgoing.end(JSON.stringify({ keys: set }));
const failing = (outgoing: ServerResponse) => void outgoing.writeHead(500).end();
/** `found`, or why not. */
const find = async (kid?: string, set = keys, alg = 'ES256') => {
  const header = kid === undefined ? { alg } : { alg, kid };
  try {
    await set.find(header, { payload: '', signature: '' });
    return 'found';
  } catch (fault) {
    return fault instanceof KeysUnavailable ? 'unavailable' : (fault as { code: string }).code;
  }
};
const NONE = 'ERR_JWKS_NO_MATCHING_KEY';
const MANY = 'ERR_JWKS_MULTIPLE_MATCHING_KEYS';

test('a hundred calls at once ask once, and nobody asks again for five minutes', async () => {
  expect(new Set(await Promise.all(Array.from({ length: 100 }, () => find('k1'))))).toEqual(
    new Set(['found']),
  );
  now += 5 * MINUTE - 1;
  expect([await find('k1'), asked]).toEqual(['found', 1]);
  now += 1;
  expect([await find('k1'), asked]).toEqual(['found', 2]);
});

test('tokens that name unknown keys make one question in fifteen seconds, all together', async () => {
  await find('k1');
  now += 15_000;
  const found = await Promise.all(Array.from({ length: 50 }, (_, i) => find(`random-${i}`)));
  expect([new Set(found), asked]).toEqual([new Set([NONE]), 2]);
  now += 14_999;
  expect([await find('../../etc/passwd'), await find('http://127.0.0.1:1/'), asked]).toEqual([NONE, NONE, 2]);
  answer = withKeys({ ...jwk, kid: 'k2' });
  now += 1;
  expect([await find('k2'), asked]).toEqual(['found', 3]);
  expect(await find('k1')).toBe(NONE);
});

test('after a failure nobody asks for five seconds', async () => {
  answer = failing;
  expect(await find('k1')).toBe('unavailable');
  answer = withKeys(jwk);
  now += 4_999;
  expect(await Promise.all([find('k1'), find('k1')])).toEqual(['unavailable', 'unavailable']);
  expect(asked).toBe(1);
  now += 1;
  expect([await find('k1'), asked]).toEqual(['found', 2]);
});

test('keys are used fifteen minutes at most when their issuer fails, and unknown ones cannot be told', async () => {
  await find('k1');
  const { generation } = keys;
  const at = generation();
  answer = failing;
  now += 15 * MINUTE - 1;
  expect([await find('k1'), await find('k2'), generation()]).toEqual(['found', 'unavailable', at]);
  now += 1;
  expect([await find('k1'), generation()]).toEqual(['unavailable', Number.NaN]);
});

test('when the keys change, what was remembered of the old ones counts no more', async () => {
  await find('k1');
  const at = keys.generation();
  now += 5 * MINUTE;
  await find('k1');
  expect(keys.generation()).toBe(at);
  answer = withKeys({ ...jwk, kid: 'k2' });
  now += 5 * MINUTE;
  await find('k2');
  expect(keys.generation()).not.toBe(at);
});

test.each<[string, (outgoing: ServerResponse) => void]>([
  ['redirects', (outgoing) => outgoing.writeHead(302, { location: '/elsewhere' }).end()],
  ['is larger than 64 KiB', (outgoing) => outgoing.end(`{"keys":[],"x":"${'x'.repeat(65_536)}"}`)],
  ['is no JSON', (outgoing) => outgoing.end('keys')],
  ['has no list of keys', (outgoing) => outgoing.end('{"keys":{}}')],
  ['breaks off', (outgoing) => outgoing.writeHead(200, { 'content-length': 99 }).destroy()],
])('an answer that %s is none', async (_, say) => {
  answer = say;
  expect([await find('k1'), asked]).toEqual(['unavailable', 1]);
});

test('private and symmetric keys in a set are never used', async () => {
  const oct = { kty: 'oct', k: 'c2VjcmV0', kid: 'oct', alg: 'ES256' };
  answer = withKeys(jwk, secret, oct, null as never);
  expect([await find('k1'), await find('secret'), await find('oct')]).toEqual(['found', NONE, NONE]);
});

test('a token without a key id is taken only where exactly one key fits', async () => {
  expect(await find()).toBe('found');
  answer = withKeys(jwk, { ...jwk, kid: 'k2' });
  now += 5 * MINUTE;
  expect(await find()).toBe(MANY);
});

test('a key without an algorithm is used only where one of the algorithms fits it', async () => {
  const { publicKey } = await generateKeyPair('RS256');
  const rsa = { ...(await exportJWK(publicKey)), kid: 'rsa' };
  const { alg: _, ...bare } = jwk;
  expect(await find('rsa', givenKeys({ keys: [rsa] }, ['RS256', 'PS256']), 'RS256')).toBe(NONE);
  expect(await find('rsa', givenKeys({ keys: [rsa] }, ['RS256']), 'RS256')).toBe('found');
  expect(await find('k1', givenKeys({ keys: [bare] }, ['ES256', 'ES384']))).toBe('found');
  expect(await find('k1', givenKeys({ keys: [{ ...jwk, alg: 'ES384' }] }, ['ES256', 'ES384']))).toBe(NONE);
});
