/** The command line against a deployment: an address and a credential are all that it needs. */
import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post, startUpstream, type Upstream } from '../with-gate.ts';
import { startWorkers, type WorkersGate } from './with-gate.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
let gate: WorkersGate;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startWorkers(upstream.url);
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = {
    ...{ PATH: process.env.PATH, NO_COLOR: '1' },
    ...{ PORTCULLIS_CONTROL_URL: gate.control, PORTCULLIS_OPERATOR_TOKEN: gate.credential },
  };
  return new Promise((resolve) =>
    execFile(process.execPath, [MAIN, ...args], { env }, (fault, out, err) =>
      resolve({ code: typeof fault?.code === 'number' ? fault.code : 0, out, err }),
    ),
  );
}
const status = async (token: string) => (await post(gate.url, token, CHAT)).status;

test('a tester gets a token, calls, is stopped in one line, let in again, and found in the log', async () => {
  for (const words of [
    ['cohort', 'add', 'artists'],
    ['tester', 'add', 'ada', '--cohort', 'artists', '--name', 'Ada'],
  ])
    expect([words, await run(...words)]).toMatchObject([words, { code: 0 }]);
  const { token, jti } = JSON.parse((await run('token', 'issue', 'ada', '--days', '7', '--json')).out);
  expect(await status(token)).toBe(200);

  const killed = await run('kill', '--reason', 'Leak.');
  expect([killed.code, killed.err]).toEqual([0, '']);
  expect(await status(token)).toBe(403);
  expect((await run('status')).out).toMatch(/STOPPED[\s\S]*global[\s\S]*Leak\./);
  expect((await run('resume', '--reason', 'over')).code).toBe(0);
  expect(await status(token)).toBe(200);

  expect((await run('token', 'revoke', jti)).code).toBe(0);
  expect(await status(token)).toBe(401);
  await gate.settled();
  const lines = (await run('log', '--tester', 'ada', '--json')).out.trim().split('\n');
  expect(lines.map((line) => JSON.parse(line).outcome).toSorted()).toEqual(
    ['complete', 'complete', 'programme_stopped', 'token_revoked'].toSorted(),
  );
});

test('a scope that nobody has ends with 1 and its name', async () => {
  const { code, err } = await run('kill', 'cohort:painter');
  expect([code, err]).toEqual([1, expect.stringContaining('painter')]);
});
