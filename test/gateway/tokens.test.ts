/** Tokens that are not what they should be: refused with the public text only, sent nowhere, one row with the true reason. */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REFUSALS, type RefusalCode } from '../../src/refusal.ts';
import {
  CHAT,
  PERMISSIVE,
  post,
  raw,
  startGate,
  startUpstream,
  type TestGate,
  type Upstream,
} from '../with-gate.ts';
import {
  claims,
  head,
  hmac,
  idpKey,
  json,
  now,
  outside,
  pem,
  plusL,
  resigned,
  signed,
  spareBits,
  stranger,
  twice,
  unsigned,
  useKeysOf,
  withClaims,
  withHead,
} from './with-tokens.ts';

let fetches = 0;
const trap = createServer((_, outgoing) => {
  fetches++;
  outgoing.end('{"keys":[]}');
});
let trapUrl: string;
let gate: TestGate;
let upstream: Upstream;
let token: string;
let own: ReturnType<typeof useKeysOf>;

beforeAll(async () => {
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  trapUrl = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/keys`;
  upstream = await startUpstream();
  const issuer = `issuer: "https://idp.example", audience: portcullis, scope: "films", jwks: { keys: [${JSON.stringify(idpKey)}] }`;
  const more = `requests: { unknownPerMinute: 10000 }\nissuers: [{ ${issuer} }]`;
  gate = await startGate(upstream.url, `artists: { ${PERMISSIVE} }`, more);
  token = await gate.tester('ada');
  own = useKeysOf(gate, token);
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
  trap.close();
});

/** Sends it as it is written, and looks at everything that must be so. */
async function refused(authorization: string, code: RefusalCode, detail: string | RegExp): Promise<string> {
  const [rows, seen] = [gate.rows().length, upstream.seen.length];
  const answer = await raw(
    gate.url,
    `GET /v1/models HTTP/1.1\r\nHost: x\r\n${authorization}\r\nConnection: close\r\n\r\n`,
  );
  const { status, text } = REFUSALS[code];
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  const body = Buffer.from(answer.slice(answer.indexOf('\r\n\r\n')), 'latin1').toString();
  expect(JSON.parse(body)).toMatchObject({ status, error: { code }, title: text });
  const added = gate.rows().slice(rows);
  expect(added).toMatchObject([{ outcome: code, status, decision: 'refused' }]);
  expect(added[0]?.detail ?? '').toMatch(detail);
  expect([upstream.seen.length, fetches]).toEqual([seen, 0]);
  return answer;
}

test('what they are made of is good: unchanged, the tokens of this file are taken', async () => {
  const good = [token, withHead({}), withHead({ typ: 'application/at+jwt' }), withHead({ typ: 'AT+JWT' })];
  const more = [
    withClaims({ aud: ['portcullis', 'other'] }),
    withClaims({ nbf: now() }),
    outside(),
    outside({ jti: own.jti }),
  ];
  for (const one of [...good, ...more]) expect((await post(gate.url, one, CHAT)).status).toBe(200);
});

test.each<[string, () => string, string | RegExp]>([
  ['alg none without a signature', () => unsigned({ alg: 'none' }), 'three'],
  ['alg none', () => withHead({ alg: 'none' }), 'header alg'],
  ['alg noNE', () => withHead({ alg: 'noNE' }), 'header alg'],
  ['HS256 with our public key', () => hmac(Buffer.from(own.x, 'base64url')), 'header alg'],
  ['HS256 with our public key as PEM', () => hmac(pem()), 'header alg'],
  ['HS256 with white space before the key', () => hmac(` \n${pem()}`), 'header alg'],
  ['an alg that is not the key’s', () => withHead({ alg: 'ES256' }), 'header alg'],
  ['an alg of another kind of key', () => outside({}, { alg: 'RS256' }), 'ERR_JWKS_NO_MATCHING_KEY'],
  ['a kid that is a path', () => withHead({ kid: '../../../dev/null' }), 'ERR_JWKS_NO_MATCHING_KEY'],
  ['a kid that is SQL', () => withHead({ kid: "x' or '1'='1" }), 'header kid'],
  ['a kid that is a URL', () => withHead({ kid: trapUrl }), 'ERR_JWKS_NO_MATCHING_KEY'],
  ['a kid that is an object', () => withHead({ kid: {} }), 'header kid'],
  ['no kid, for ours all have one', () => withHead({ kid: undefined }), 'header kid'],
  ['jku', () => withHead({ jku: trapUrl }, stranger.privateKey), 'header jku'],
  ['x5u', () => withHead({ x5u: trapUrl }, stranger.privateKey), 'header x5u'],
  ['x5c', () => withHead({ x5c: ['AAAA'] }), 'header x5c'],
  [
    'its own key',
    () => withHead({ jwk: stranger.publicKey.export({ format: 'jwk' }) }, stranger.privateKey),
    'header jwk',
  ],
  ['crit', () => withHead({ crit: ['exp'], exp: 1 }), 'header crit'],
  ['b64', () => withHead({ b64: false, crit: ['b64'] }), /header (b64|crit)/],
  ['zip', () => withHead({ zip: 'DEF' }), 'header zip'],
  ['a JWT inside', () => signed(head({ cty: 'JWT' }), token), /header cty/],
  ['five parts, as a JWE has', () => `${token}.AAAA.AAAA`, 'three'],
  ['the JSON serialisation', () => `{"payload":"${token.split('.')[1]}","signatures":[]}`, 'three'],
  ['9,000 characters', () => withClaims({ pad: 'x'.repeat(9_000) }), 'too long'],
  ['padding', () => `${token}=`, 'three'],
  ['white space in the middle', () => `${token.slice(0, 40)}\t${token.slice(40)}`, 'three'],
  ['altered spare bits', () => spareBits(token), 'three'],
  ...['JWT', 'dpop+jwt', 'secevent+jwt', 'statuslist+jwt', 'jwt/at+jwt', undefined].map(
    (typ): [string, () => string, string] => [`typ ${typ}`, () => withHead({ typ }), 'header typ'],
  ),
  ...['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'].flatMap((name) =>
    [undefined, null, '', {}, true, [7]].map((value): [string, () => string, RegExp] => [
      `${name} ${JSON.stringify(value) ?? 'missing'}`,
      () => withClaims({ [name]: value }),
      name === 'aud' && value === '' ? /CLAIM_VALIDATION/ : new RegExp(`claim ${name}`),
    ]),
  ),
  ['a numeric jti', () => withClaims({ jti: 7 }), 'claim jti'],
  ['a sub with a line break', () => withClaims({ sub: 'ada\n' }), 'claim sub'],
  ['exp as a string', () => withClaims({ exp: `${now() + 600}` }), 'claim exp'],
  ['exp with a fraction', () => withClaims({ exp: now() + 600.5 }), 'claim exp'],
  ['exp beyond all time', () => withClaims({ exp: 1e308 }), 'claim exp'],
  ['a negative iat', () => withClaims({ iat: -1 }), 'claim iat'],
  ['an iat in the future', () => withClaims({ iat: now() + 300 }), 'in the future'],
  ['an nbf in the future', () => withClaims({ nbf: now() + 300 }), 'CLAIM_VALIDATION'],
  ['a life too long', () => withClaims({ exp: now() + 400 * 86_400 }), 'lives longer'],
  ['a foreign audience', () => withClaims({ aud: ['other'] }), 'CLAIM_VALIDATION'],
  ['a foreign issuer', () => withClaims({ iss: 'https://evil.example' }), 'unknown issuer'],
  ['our name under another issuer’s key', () => outside({ iss: own.iss }), 'header alg'],
  [
    'another issuer’s name under our key',
    () => withClaims({ iss: 'https://idp.example' }),
    'ERR_JWKS_NO_MATCHING_KEY',
  ],
  ['an id that was never issued', () => withClaims({ jti: 'forged' }), 'no token of this id'],
  ['an id of another tester', () => withClaims({ sub: 'grace' }), ''],
  ['a member twice in the header', () => signed(twice(head(), '"alg":"EdDSA"'), claims()), 'header: '],
  ['a claim twice', () => signed(head(), twice(claims(), '"sub":"ada"')), 'claim: '],
  ['a claim twice, once escaped', () => signed(head(), twice(claims(), '"\\u0073ub":"ada"')), 'claim: '],
  ['a member twice far inside', () => signed(head(), twice(claims(), '"a":[{"b":1,"b" :2}]')), 'claim: '],
  [
    'claims that are not UTF-8',
    () => signed(head(), Buffer.from(json(claims({ x: '\u00ff' })), 'latin1')),
    'claim: ',
  ],
  ['a byte order mark', () => signed(head(), `\ufeff${json(claims())}`), 'claim: '],
  ['claims that are a list', () => signed(head(), '[]'), 'claim: not a JSON object'],
  ['the signature of a stranger', () => signed(head(), claims(), stranger.privateKey), 'SIGNATURE'],
  ['a truncated signature', () => resigned(token, (one) => one.subarray(0, 63)), 'SIGNATURE'],
  ['an S that is not canonical', () => resigned(withHead({}), plusL), 'SIGNATURE'],
  ['a zero ECDSA signature', () => resigned(outside(), () => Buffer.alloc(64)), 'SIGNATURE'],
  ['an ECDSA signature in DER', () => outside({}, {}, 'der'), 'SIGNATURE'],
])('%s is refused', async (_, make, detail) => {
  const code = _ === 'an id of another tester' ? 'tester_unknown' : 'token_invalid';
  const answer = await refused(`Authorization: Bearer ${make()}`, code, detail);
  if (code === 'token_invalid') expect(answer).toContain('error="invalid_token"');
});

test.each<[string, () => string, RefusalCode, string]>([
  [
    'two Authorization headers',
    () => `Authorization: Bearer ${token}\r\nAuthorization: Bearer ${token}`,
    'invalid_request',
    'twice',
  ],
  ['Basic', () => `Authorization: Basic ${token}`, 'token_invalid', 'not "Bearer"'],
  ['two tokens', () => `Authorization: Bearer ${token} ${token}`, 'token_invalid', 'not "Bearer"'],
  ['two tokens with a comma', () => `Authorization: Bearer ${token},${token}`, 'token_invalid', 'three'],
  ['SQL', () => "Authorization: Bearer x'; drop table requests; --", 'token_invalid', 'not "Bearer"'],
  [
    'SQL without spaces',
    () => "Authorization: Bearer x';drop/**/table/**/requests;--",
    'token_invalid',
    'three',
  ],
  ['no credentials', () => 'X: y', 'token_missing', ''],
  [
    'the scope missing',
    () => `Authorization: Bearer ${outside({ scope: undefined })}`,
    'insufficient_scope',
    'films',
  ],
  [
    'a scope that only begins so',
    () => `Authorization: Bearer ${outside({ scope: 'api films:make' })}`,
    'insufficient_scope',
    'films',
  ],
  ['a header of 40 KB', () => `Authorization: Bearer ${'x'.repeat(40_000)}`, 'headers_too_large', ''],
])('%s is refused with its own code', async (_, header, code, detail) => {
  const answer = await refused(header(), code, detail);
  if (code === 'token_missing') expect(answer).not.toContain('error=');
  if (code === 'insufficient_scope') expect(answer).toContain('error="insufficient_scope"');
});

test('a token in the URL is refused, and stands in no row', async () => {
  const answer = await fetch(`${gate.url}/v1/models?access_token=${token}`);
  expect(await answer.json()).toMatchObject({ status: 400, error: { code: 'invalid_request' } });
  expect(gate.rows().at(-1)).toMatchObject({ outcome: 'invalid_request', path: '/v1/models' });
});

test('tokens that share all but the signature are decided each by itself', async () => {
  const one = withHead({});
  expect((await post(gate.url, one, CHAT)).status).toBe(200);
  await refused(
    `Authorization: Bearer ${resigned(one, (two) => two.fill(1, 40))}`,
    'token_invalid',
    'SIGNATURE',
  );
  expect((await post(gate.url, one, CHAT)).status).toBe(200);
});

test('a token that is revoked while its call is sending the body gets nowhere, in any spelling', async () => {
  const { jti, token: other } = await gate.admin('POST', 'tokens', { tester: 'ada' });
  const seen = upstream.seen.length;
  const headers = { authorization: `Bearer ${other}`, 'content-type': 'application/json' };
  const call = request(`${gate.url}/v1/chat/completions`, { method: 'POST', headers });
  const answered = new Promise((resolve) =>
    call.on('response', (answer) => resolve(answer.resume().statusCode)),
  );
  call.write('{"model":"gpt-4o-mini",');
  expect((await post(gate.url, String(other), CHAT)).status).toBe(200);
  await gate.admin('POST', `tokens/${jti}/revoke`);
  call.end('"messages":[]}');
  expect([await answered, upstream.seen.length]).toEqual([401, seen + 1]);
  await refused(`Authorization: Bearer ${other}`, 'token_revoked', '');
  await refused(`Authorization: Bearer ${other}=`, 'token_invalid', 'three');
  await refused(`Authorization: Bearer ${signed(head(), claims({ jti }))}`, 'token_revoked', '');
  await refused(`Authorization: Bearer ${outside({ jti })}`, 'token_revoked', '');
});
