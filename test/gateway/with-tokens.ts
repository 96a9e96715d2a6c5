/** Makes tokens of every kind, good and bad, with the keys of a running gate. */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import type { TestGate } from '../with-gate.ts';

export type Members = Record<string, unknown>;

const idp = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const stranger = generateKeyPairSync('ed25519');
export const idpKey = { ...idp.publicKey.export({ format: 'jwk' }), kid: 'ec', alg: 'ES256' };
/** Order of the group of Ed25519. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

let own: { iss: string; kid: string; jti: string; key: KeyObject; x: string };

/** @param token one that the gate issued */
export function useKeysOf(gate: Pick<TestGate, 'secret'>, token: string): typeof own {
  const file = JSON.parse(gate.secret('keys.json'));
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const [jwk] = file.keys;
  own = {
    iss: file.issuer,
    kid: jwk.kid,
    jti,
    key: createPrivateKey({ key: jwk, format: 'jwk' }),
    x: jwk.x,
  };
  return own;
}

export const now = () => Math.floor(Date.now() / 1000);
const b64 = (text: string | Uint8Array) => Buffer.from(text).toString('base64url');
export const json = (value: Members | string) => (typeof value === 'string' ? value : JSON.stringify(value));
export const head = (more: Members = {}): Members => ({ alg: 'EdDSA', kid: own.kid, typ: 'at+jwt', ...more });
export const claims = (more: Members = {}): Members => {
  const times = { iat: now(), exp: now() + 600 };
  return {
    iss: own.iss,
    sub: 'ada',
    aud: 'portcullis',
    client_id: 'x',
    jti: own.jti,
    ...times,
    scope: 'api',
    ...more,
  };
};
/** Signed with our own key unless told otherwise. */
export const signed = (
  header: Members | string,
  payload: Members | string | Uint8Array,
  key = own.key,
): string => {
  const bytes = payload instanceof Uint8Array ? payload : json(payload);
  const input = `${b64(json(header))}.${b64(bytes)}`;
  return `${input}.${b64(sign(null, Buffer.from(input), key))}`;
};
export const unsigned = (more: Members) => `${b64(json(head(more)))}.${b64(json(claims()))}.`;
export const withHead = (more: Members, key?: KeyObject) => signed(head(more), claims(), key);
export const withClaims = (more: Members) => signed(head(), claims(more));
export const hmac = (key: string | Buffer, alg = 'HS256') => {
  const input = `${b64(json(head({ alg })))}.${b64(json(claims()))}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
};
export const outside = (
  more: Members = {},
  header: Members = {},
  dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363',
) => {
  const payload = claims({ iss: 'https://idp.example', scope: 'films', jti: 'outside', ...more });
  const input = `${b64(json({ alg: 'ES256', kid: 'ec', typ: 'at+jwt', ...header }))}.${b64(json(payload))}`;
  return `${input}.${b64(sign('sha256', Buffer.from(input), { key: idp.privateKey, dsaEncoding }))}`;
};
/** The claims and header of a token under another signature. */
export const resigned = (text: string, change: (signature: Buffer) => Uint8Array) => {
  const [header, payload, signature = ''] = text.split('.');
  return `${header}.${payload}.${b64(change(Buffer.from(signature, 'base64url')))}`;
};
export const plusL = (signature: Buffer) => {
  let s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + L;
  const bytes = Buffer.from(signature);
  for (let i = 32; i < 64; i++, s >>= 8n) bytes[i] = Number(s & 255n);
  return bytes;
};
export const spareBits = (text: string) =>
  text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1);
export const twice = (value: Members, extra: string) => `${json(value).slice(0, -1)},${extra}}`;
export const pem = () => createPublicKey(own.key).export({ type: 'spki', format: 'pem' });
