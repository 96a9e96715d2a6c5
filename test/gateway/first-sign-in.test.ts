/** How the first operator gets in, and what a start does with the credential of the data directory. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Running, start } from '../../src/node.ts';

const data = mkdtempSync(join(tmpdir(), 'portcullis-first-'));
const env = {
  PORTCULLIS_DATA_DIR: data,
  PORTCULLIS_LISTEN: '127.0.0.1:0',
  PORTCULLIS_CONTROL_LISTEN: '127.0.0.1:0',
  PORTCULLIS_UPSTREAM_URL: 'http://127.0.0.1:9',
  PORTCULLIS_UPSTREAM_KEY: 'sk-upstream-canary-key',
};
let running: Running;
let said = '';

async function restart(): Promise<void> {
  await running?.close(0);
  said = '';
  running = await start(env, (text) => {
    said += text;
  });
}
beforeAll(restart);
afterAll(async () => {
  await running.close(0);
  rmSync(data, { recursive: true });
});

const credential = () => readFileSync(join(data, 'operator-credential'), 'utf8').trim();
const call = (method: string, path: string, by = credential(), json?: object) =>
  fetch(`${running.control}/admin/${path}`, {
    method,
    headers: { authorization: `Bearer ${by}`, ...(json ? { 'content-type': 'application/json' } : {}) },
    body: json ? JSON.stringify(json) : null,
  });

test('the first start shows a link, by name, that signs the first operator in; later starts show none', async () => {
  const [, origin, link] = /(http:\/\/localhost:\d+)\/console\/sign-in#(pcl_[\w-]{43})/.exec(said) ?? [];
  expect(origin).toBe(running.control.replace('127.0.0.1', 'localhost'));
  const answer = await fetch(`${running.control}/admin/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ link }),
  });
  expect(answer.status).toBe(200);
  const cookie = answer.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
  const me = await fetch(`${running.control}/admin/me`, { headers: { cookie } });
  expect(await me.json()).toMatchObject({ operator: 'operator', role: 'admin', via: 'session' });
  await restart();
  expect(said).not.toContain('pcl_');
  expect((await fetch(`${running.control}/admin/me`, { headers: { cookie } })).status, 'over a restart').toBe(
    200,
  );
});

test('a credential of the data directory that was ended stays dead: the next start writes another', async () => {
  const leaked = credential();
  expect((await call('DELETE', 'operator-tokens/data-directory')).status).toBe(200);
  expect((await call('GET', 'me', leaked)).status).toBe(401);
  await restart();
  expect(credential()).not.toBe(leaked);
  expect((await call('GET', 'me')).status).toBe(200);
  expect((await call('GET', 'me', leaked)).status).toBe(401);
});

test('the first operator, once made something else, is not made an admin again by a start', async () => {
  await call('POST', 'operators', credential(), { name: 'maria', role: 'admin' });
  expect(
    (await call('PATCH', 'operators/operator', credential(), { role: 'auditor', reason: 'named people act' }))
      .status,
  ).toBe(200);
  await restart();
  expect(await (await call('GET', 'me')).json()).toMatchObject({ operator: 'operator', role: 'auditor' });
});
