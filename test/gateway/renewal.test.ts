/** The life of a token of ours: when it was used, and the one that takes its place. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CHAT, post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

interface Token {
  readonly jti: string;
  readonly tester: string;
  readonly state: string;
  readonly expiresAt: string;
  readonly lastUsedAt: string | null;
}

const DAY_MS = 86_400_000;
let gate: TestGate;
let upstream: Upstream;
let old: string;
let jti: string;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  upstream = await startUpstream();
  gate = await startGate(upstream.url);
  old = await gate.tester('ada');
  jti = (await list())[0]?.jti ?? '';
});
afterEach(async () => {
  vi.useRealTimers();
  await gate.close();
  await upstream.close();
});

const list = async () => (await gate.admin('GET', 'tokens?tester=ada')).tokens as Token[];
const status = async (token: string) => (await post(gate.url, token, CHAT)).status;
const renew = (body: object = {}, id = jti) => gate.admin('POST', `tokens/${id}/renew`, body);
const lastUsedAt = async () => Date.parse((await list())[0]?.lastUsedAt ?? '');

test('the list tells when a token was last used, to the minute, and refused calls are no use', async () => {
  const start = Date.now();
  expect(await lastUsedAt()).toBeNaN();
  expect((await post(gate.url, old, CHAT, '/v1/nothing')).status).toBe(404);
  expect(await lastUsedAt()).toBeNaN();
  await status(old);
  vi.setSystemTime(start + 60_000);
  await status(old);
  expect(await lastUsedAt()).toBe(start);
  vi.setSystemTime(start + 60_001);
  await status(old);
  expect(await lastUsedAt()).toBe(start + 60_001);
});

test('a renewed token is a new one of the same tester, and the old one stays as it was', async () => {
  const issued = await renew({ lifetimeDays: 3 });
  expect(issued).toMatchObject({ tester: 'ada' });
  expect(Date.parse(String(issued.expiresAt)) - Date.now()).toBeGreaterThan(2.9 * DAY_MS);
  expect([await status(old), await status(String(issued.token))]).toEqual([200, 200]);
  const { acts } = (await gate.admin('GET', 'acts')) as { acts: object[] };
  expect(acts[0]).toMatchObject({ act: 'token.renew', subject: `ada ${jti} ${issued.jti}` });
});

test('the old token is revoked when that is asked for', async () => {
  const issued = await renew({ revokeOld: true });
  expect([await status(old), await status(String(issued.token))]).toEqual([401, 200]);
});

test('a token that expired or lost its key is renewed, a stopped or revoked one is not, and the answer says what to do', async () => {
  await gate.admin('POST', 'keys/rotate');
  expect((await list())[0]?.state).toBe('valid');
  vi.setSystemTime(Date.now() + 1_000);
  await gate.admin('POST', 'keys/rotate', { overlapSeconds: 0 });
  expect((await list())[0]?.state).toBe('key-ended');
  expect(await status(String((await renew()).token))).toBe(200);
  vi.setSystemTime(Date.now() + 60 * DAY_MS);
  expect(await status(old)).toBe(401);
  expect(await status(String((await renew()).token))).toBe(200);
  await gate.admin('POST', 'switches', { scope: `token:${jti}`, reason: 'test' });
  await expect(renew()).rejects.toThrow(/portcullis resume token:/);
  await gate.admin('POST', `tokens/${jti}/revoke`);
  await expect(renew()).rejects.toThrow(/409 .*portcullis token issue ada/);
  await expect(renew({}, 'nobodys')).rejects.toThrow(/404 /);
  await expect(renew({ lifetimeDays: 3_000 }, (await list())[0]?.jti)).rejects.toThrow(/400 .*at most 366/);
});
