/** Signing keys: a rotation that nobody notices, and a withdrawal after which nothing that the key signed is taken. */
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CHAT, post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

interface Key {
  readonly kid: string;
  readonly state: string;
  readonly verifiesUntil: string | null;
}

const DAY_MS = 86_400_000;
let gate: TestGate;
let upstream: Upstream;
let old: string;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  upstream = await startUpstream();
  gate = await startGate(upstream.url);
  old = await gate.tester('ada');
});
afterEach(async () => {
  vi.useRealTimers();
  await gate.close();
  await upstream.close();
});

const keys = async (method = 'GET', path = '', body?: object) =>
  (await gate.admin(method, `keys${path}`, body)).keys as Key[];
const rotate = (overlapSeconds?: number) => keys('POST', '/rotate', { overlapSeconds });
const issue = async () => String((await gate.admin('POST', 'tokens', { tester: 'ada' })).token);
const status = async (token: string) => (await post(gate.url, token, CHAT)).status;
const kidOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid as string;
const published = async () =>
  ((await (await fetch(`${gate.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }).keys;
const acts = async () => (await gate.admin('GET', 'acts')).acts as { act: string; subject: string }[];

test('after a rotation new tokens are signed with the new key, and the old ones stay good until they expire', async () => {
  const [before] = await keys();
  const [signing, older] = await rotate();
  expect(signing).toMatchObject({ state: 'signing', verifiesUntil: null });
  expect(older).toMatchObject({ kid: before?.kid, state: 'verifying' });
  const fresh = await issue();
  expect([kidOf(old), kidOf(fresh)]).toEqual([before?.kid, signing?.kid]);
  expect([await status(old), await status(fresh)]).toEqual([200, 200]);
  expect((await published()).map(({ kid }) => kid)).toEqual([signing?.kid, before?.kid]);
  expect((await acts())[1]).toMatchObject({ act: 'key.rotate', subject: signing?.kid });
  const { tokens } = (await gate.admin('GET', 'tokens')) as { tokens: { expiresAt: string }[] };
  expect(older?.verifiesUntil).toBe(tokens.at(-1)?.expiresAt);
});

test('when the overlap is over the old key is dead, its remembered tokens too, and no longer published', async () => {
  await rotate(3_600);
  const fresh = await issue();
  expect(await status(old)).toBe(200);
  vi.setSystemTime(Date.now() + 3_600_000);
  expect([await status(old), await status(fresh)]).toEqual([401, 200]);
  expect(await published()).toHaveLength(1);
  expect(await keys()).toHaveLength(1);
});

test('a later rotation gives an older key no more time than it had', async () => {
  const [, first] = await rotate(60);
  const later = await rotate(30 * 86_400);
  expect(later[2]).toMatchObject({ kid: first?.kid, verifiesUntil: first?.verifiesUntil });
  expect(Date.parse(later[1]?.verifiesUntil ?? '') - Date.now()).toBeGreaterThan(29 * DAY_MS);
});

test('an overlap of 0 ends every token at once, over a restart too', async () => {
  expect(await status(old)).toBe(200);
  expect(await rotate(0)).toHaveLength(1);
  expect(await status(old)).toBe(401);
  expect(gate.rows().at(-1)).toMatchObject({ outcome: 'token_invalid' });
  const fresh = await issue();
  await gate.restart();
  expect([await status(old), await status(fresh)]).toEqual([401, 200]);
});

test('a withdrawn key takes its tokens with it, one whose call is still sending its body too', async () => {
  await rotate();
  const seen = upstream.seen.length;
  const call = request(`${gate.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${old}`, 'content-type': 'application/json' },
  });
  const answered = new Promise<number | undefined>((resolve, reject) => {
    call.on('response', (answer) => resolve(answer.resume().statusCode)).on('error', reject);
  });
  call.write('{"model":"gpt-4o-mini",');
  // Its token was verified by the time that a call which came later is answered.
  expect(await status(old)).toBe(200);
  await gate.admin('POST', `keys/${kidOf(old)}/withdraw`);
  call.end('"messages":[]}');
  expect(await answered).toBe(401);
  expect(await status(old)).toBe(401);
  expect(upstream.seen.length).toBe(seen + 1);
  expect(gate.rows().map(({ detail }) => detail)).toContain('its key was withdrawn');
  expect((await acts())[0]).toMatchObject({ act: 'key.withdraw', subject: kidOf(old) });
});

test('whose only tokens a withdrawn key signed is not said to be able to call', async () => {
  const row = async () => ((await gate.admin('GET', 'testers')).testers as object[])[0];
  expect(await row()).toMatchObject({ id: 'ada', validTokens: 1, mayCall: true });
  vi.setSystemTime(Date.now() + 1_000);
  await rotate();
  await gate.admin('POST', `keys/${kidOf(old)}/withdraw`);
  expect(await row()).toMatchObject({ id: 'ada', validTokens: 0, mayCall: false });
  expect(await gate.admin('GET', 'standing')).toMatchObject({
    testers: [{ may: false, why: [{ because: 'no-token' }] }],
  });
  await issue();
  expect(await row()).toMatchObject({ validTokens: 1, mayCall: true });
});

test('the key that signs cannot be withdrawn, nor one that there is not; the answer says what to do', async () => {
  await expect(keys('POST', `/${kidOf(old)}/withdraw`)).rejects.toThrow(/409 .*portcullis keys rotate/);
  await expect(keys('POST', '/nonsense/withdraw')).rejects.toThrow(/404 .*portcullis keys list/);
  expect(await status(old)).toBe(200);
});

test('the key file is 0600, keeps the secret half of the signing key only, and nothing else tells it', async () => {
  await rotate();
  const file = join(gate.dir, 'keys.json');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const { keys: kept } = JSON.parse(readFileSync(file, 'utf8')) as { keys: { d?: string }[] };
  expect(kept.map(({ d }) => typeof d)).toEqual(['string', 'undefined']);
  const told = JSON.stringify([await published(), await keys(), await acts()]);
  expect(told).not.toContain(kept[0]?.d);
  expect(told).not.toContain('"d"');
});

test('when the store takes no act or the disk no file, no key changes: neither the file nor what signs', async () => {
  const file = () => readFileSync(join(gate.dir, 'keys.json'), 'utf8');
  const before = file();
  await gate.sql(`create trigger full before insert on acts begin select raise(abort, 'full'); end`);
  await expect(rotate(0)).rejects.toThrow(/503/);
  expect(file()).toBe(before);
  await gate.sql('drop trigger full');
  mkdirSync(join(gate.dir, 'keys.json.new'));
  await expect(rotate(0)).rejects.toThrow(/500/);
  expect((await acts())[0]).not.toMatchObject({ act: 'key.rotate' });
  rmSync(join(gate.dir, 'keys.json.new'), { recursive: true });
  expect(kidOf(await issue())).toBe(kidOf(old));
  expect(await status(old)).toBe(200);
});

test('rotations and tokens asked for at the same time leave no token whose key is gone', async () => {
  const [tokens] = await Promise.all([
    Promise.all(Array.from({ length: 8 }, issue)),
    Promise.all(Array.from({ length: 4 }, () => rotate())),
  ]);
  expect(await Promise.all(tokens.map(status))).toEqual(tokens.map(() => 200));
  expect((await acts()).filter(({ act }) => act === 'key.rotate')).toHaveLength(4);
});
