/** The command line, as an operator uses it: a process of its own against a running gate. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
let gate: TestGate;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url);
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(...args: string[]): Promise<Run> {
  return runWith({ PORTCULLIS_CONTROL_URL: gate.control }, ...args);
}

function runWith(more: Record<string, string>, ...args: string[]): Promise<Run> {
  const env = { PATH: process.env.PATH, PORTCULLIS_DATA_DIR: gate.dir, NO_COLOR: '1', ...more };
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { env }, (fault, out, err) =>
      resolve({ code: typeof fault?.code === 'number' ? fault.code : 0, out, err }),
    );
  });
}

test('a cohort, a tester and a token are made, and the token calls', async () => {
  expect((await run('cohort', 'add', 'painters')).code).toBe(0);
  expect((await run('cohort', 'add', 'artists')).code).toBe(0);
  expect((await run('tester', 'add', 'ada', '--cohort', 'artists', '--name', 'Ada')).code).toBe(0);
  const issued = JSON.parse((await run('token', 'issue', 'ada', '--days', '7', '--json')).out);
  expect(Object.keys(issued)).toEqual(['token', 'jti', 'tester', 'expiresAt']);
  expect((await post(gate.url, issued.token, CHAT)).status).toBe(200);
  expect((await run('token', 'revoke', issued.jti)).code).toBe(0);
  expect((await post(gate.url, issued.token, CHAT)).status).toBe(401);
});

test('kill stops everybody in one line, status says so, resume lets them back in', async () => {
  const token = String((await gate.admin('POST', 'tokens', { tester: 'ada' })).token);
  expect((await run('kill', '--reason', 'Leak.')).code).toBe(0);
  expect((await post(gate.url, token, CHAT)).status).toBe(403);
  const status = await run('status');
  expect(status.out).toMatch(/STOPPED[\s\S]*global[\s\S]*Leak\./);
  expect((await run('resume', '--reason', 'test')).code).toBe(0);
  expect((await post(gate.url, token, CHAT)).status).toBe(200);
});

test('kill --offline writes the row itself, and the running gate obeys', async () => {
  const token = String((await gate.admin('POST', 'tokens', { tester: 'ada' })).token);
  expect((await runWith({}, 'kill', '--offline', '--reason', 'No answer.')).code).toBe(0);
  expect((await post(gate.url, token, CHAT)).status).toBe(403);
  expect((await run('resume', '--reason', 'test')).code).toBe(0);
});

test('a server that does not answer is a fault, and the way out is named', async () => {
  const { code, err } = await runWith({ PORTCULLIS_CONTROL_URL: 'http://127.0.0.1:9' }, 'kill');
  expect(code).toBe(3);
  expect(err).toContain('--offline');
});

test('a refusal is not a fault: a cohort that does not exist ends with 1 and its name', async () => {
  const { code, err } = await run('kill', 'cohort:painter');
  expect(code).toBe(1);
  expect(err).toContain('painter');
});

test('a scope that is none is a fault of usage', async () => {
  expect((await run('kill', 'everyone')).code).toBe(2);
});

test('the log shows calls with their outcome, as lines and as JSON', async () => {
  await gate.settled();
  expect((await run('log', '--tester', 'ada')).out).toMatch(/ada .*chat\.completions\.create/);
  const lines = (await run('log', '--outcome', 'programme_stopped', '--json')).out.trim().split('\n');
  expect(lines.map((line) => JSON.parse(line).outcome)).toContain('programme_stopped');
});

test.each([
  [],
  ['kill'],
  ['resume'],
  ['status'],
  ['log'],
  ['token', 'issue'],
  ['tester', 'add'],
  ['cohort'],
  ['serve'],
])('%s --help explains itself', async (...args) => {
  const { code, out } = await run(...args, '--help');
  expect(code).toBe(0);
  expect(out).toContain('Usage: portcullis');
});

test('keys are rotated and withdrawn from the shell; the one that signs stays', async () => {
  const token = String((await gate.admin('POST', 'tokens', { tester: 'ada' })).token);
  const [before] = JSON.parse((await run('keys', 'list', '--json')).out);
  expect((await run('keys', 'rotate')).out).toContain('signs from now on');
  expect((await run('keys', 'list')).out).toMatch(/^KEY .*\n\S+ +signing .*\n\S+ +verifying .*until 20/);
  expect((await post(gate.url, token, CHAT)).status).toBe(200);
  expect((await run('keys', 'withdraw', before.kid)).out).toContain('WITHDRAWN');
  expect((await post(gate.url, token, CHAT)).status).toBe(401);
  const [signing] = JSON.parse((await run('keys', 'rotate', '--overlap', '30d', '--json')).out);
  const refused = await run('keys', 'withdraw', signing.kid);
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('portcullis keys rotate')]);
  expect((await run('keys', 'rotate', '--overlap', 'soon')).code).toBe(2);
});

test('a reader that leaves early, as head does, is no fault', async () => {
  const child = spawn(process.execPath, [MAIN, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let err = '';
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  const [code] = await once(child, 'close');
  expect([code, err]).toEqual([0, '']);
});
