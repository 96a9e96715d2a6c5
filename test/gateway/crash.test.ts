/** A process that is killed at any moment leaves a row for every call that upstream saw. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { CHAT, post, sleep, startUpstream } from '../with-gate.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const ROUNDS = 6;

async function startProcess(dir: string, upstream: string) {
  const env = {
    PATH: process.env.PATH,
    PORTCULLIS_DATA_DIR: dir,
    PORTCULLIS_LISTEN: '127.0.0.1:0',
    PORTCULLIS_CONTROL_LISTEN: '127.0.0.1:0',
    PORTCULLIS_UPSTREAM_URL: upstream,
    PORTCULLIS_UPSTREAM_KEY: 'sk-upstream-canary-key',
  };
  const child = spawn(process.execPath, [MAIN, 'serve'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (line.includes('kill')) break;
  }
  const find = (label: string) => new RegExp(`${label} +(http://[^\\s/]+)`).exec(said.join('\n'))?.[1] ?? '';
  return { child, gateway: find('Testers call'), control: find('Operators use') };
}

test('killed under load, again and again: every call that upstream saw has its row, and open ones are settled as lost', async () => {
  const upstream = await startUpstream((_, outgoing) => {
    setTimeout(() => outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}'), 5);
  });
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-crash-'));
  let token = '';
  for (let round = 0; round < ROUNDS; round++) {
    const { child, gateway, control } = await startProcess(dir, upstream.url);
    if (!token) token = await firstTester(dir, control);
    let calling = true;
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (calling)
          await post(gateway, token, CHAT)
            .then((one) => one.text())
            .catch(() => sleep(5));
      }),
    );
    await sleep(100 + Math.random() * 200);
    child.kill('SIGKILL');
    calling = false;
    await once(child, 'exit');
    await load;
  }
  const { child } = await startProcess(dir, upstream.url);
  child.kill('SIGTERM');
  await once(child, 'exit');
  const db = new Database(join(dir, 'portcullis.sqlite'), { readonly: true });
  const ids = new Set(db.prepare('select id from requests').pluck().all());
  const seen = upstream.seen.map(({ headers }) => headers['x-request-id']);
  expect(seen.length).toBeGreaterThan(20);
  expect(seen.filter((id) => !ids.has(id))).toEqual([]);
  expect(db.prepare('select count(*) from requests where outcome is null').pluck().get()).toBe(0);
  db.close();
  await upstream.close();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

async function firstTester(dir: string, control: string): Promise<string> {
  const authorization = `Bearer ${readFileSync(join(dir, 'operator-credential'), 'utf8').trim()}`;
  const send = async (path: string, body: object) => {
    const headers = { authorization, 'content-type': 'application/json' };
    const answer = await fetch(`${control}/admin/${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    return (await answer.json()) as { token: string };
  };
  await send('cohorts', { name: 'artists' });
  await send('testers', { id: 'ada', cohort: 'artists' });
  return (await send('tokens', { tester: 'ada' })).token;
}
