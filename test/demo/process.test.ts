/** Guarantees of the simulator as a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../src/demo/main.ts', import.meta.url));

function start(env: Record<string, string>) {
  return spawn(process.execPath, [MAIN], { env: { PATH: process.env.PATH ?? '', ...env } });
}

test('the process says where it listens and dies with the parent that holds its stdin', async () => {
  const child = start({ DEMO_UPSTREAM_KEY: 'k', DEMO_UPSTREAM_WATCH_STDIN: '1' });
  const [line] = await once(child.stdout, 'data');
  const { listening } = JSON.parse(String(line));
  const answer = await fetch(`${listening}/v1/models`, { headers: { authorization: 'Bearer k' } });
  expect(answer.status).toBe(200);
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('the process stops on SIGTERM and will not start without a key', async () => {
  const child = start({ DEMO_UPSTREAM_KEY: 'k' });
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  const keyless = start({});
  expect(await once(keyless, 'exit')).toEqual([1, null]);
});
