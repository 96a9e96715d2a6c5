/** The log over all objects: one signed tree that Node's verifier reads, and a copy in D1 that says what it says. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post, sleep, startUpstream, type Upstream } from '../with-gate.ts';
import { startWorkers, type WorkersGate } from './with-gate.ts';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url).pathname;
let gate: WorkersGate;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startWorkers(upstream.url);
  for (const tester of ['ada', 'bob', 'eve']) {
    const token = await gate.tester(tester);
    for (let i = 0; i < 3; i++) await (await post(gate.url, token, CHAT)).text();
  }
  await (await post(gate.url, 'no-token', CHAT)).text();
  await gate.admin('POST', 'switches', { scope: 'tester:eve', reason: 'enough' });
  await gate.settled();
}, 60_000);
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

function run(...args: string[]): Promise<{ code: number; said: string }> {
  const env = {
    ...{ PATH: process.env.PATH, NO_COLOR: '1' },
    ...{ PORTCULLIS_CONTROL_URL: gate.control, PORTCULLIS_OPERATOR_TOKEN: gate.credential },
  };
  return new Promise((resolve) =>
    execFile(process.execPath, [MAIN, ...args], { env }, (fault, out, err) =>
      resolve({ code: typeof fault?.code === 'number' ? fault.code : 0, said: out + err }),
    ),
  );
}

test('a bundle of everything proves the calls of every object, and shows a change of one', async () => {
  const ids = gate.rows().map(({ id }) => id);
  // Signs what is there, and drills.
  await gate.tick();
  const file = join(gate.dir, 'all.jsonl');
  expect((await run('log', 'bundle', file)).code).toBe(0);
  const text = readFileSync(file, 'utf8');
  expect(ids.length).toBe(10);
  for (const id of ids) expect(text.includes(id)).toBe(true);
  expect(await run('log', 'verify', '--bundle', file)).toMatchObject({ code: 0 });
  writeFileSync(file, text.replace('\\"tester\\":\\"ada\\"', '\\"tester\\":\\"bob\\"'));
  expect(readFileSync(file, 'utf8')).not.toBe(text);
  expect((await run('log', 'verify', '--bundle', file)).code).not.toBe(0);
});

test('the copy in D1 says of calls, testers and switches what the gate says, and holds no secret', async () => {
  const said = (of: (sql: string) => unknown) =>
    Promise.all(
      [
        'select id, tester, outcome, status, used from requests order by id',
        'select id, cohort from testers order by id',
        'select id, scope, effect, reason, released_at from switches order by id',
      ].map(of),
    );
  const own = await said(async (sql) => gate.read(sql));
  let copied: unknown;
  for (let i = 0; i < 100; i++) {
    copied = await said((sql) => gate.archive(sql).catch(() => []));
    if (JSON.stringify(copied) === JSON.stringify(own)) break;
    await sleep(50);
  }
  expect(copied).toEqual(own);
  for (const table of [
    'operator_tokens',
    'sessions',
    'passkeys',
    'sealing_keys',
    'captures',
    'sign_in_links',
  ])
    expect([table, await gate.archive(`select * from ${table}`)]).toEqual([table, []]);
});
