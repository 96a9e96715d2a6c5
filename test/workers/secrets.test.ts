/** The secrets of a deployment: made once, for nobody else's eyes. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { isSecret } from '../../src/secret.ts';

const dir = mkdtempSync(join(tmpdir(), 'portcullis-secrets-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const file = join(dir, 'secrets.json');

const make = (env: Record<string, string>) =>
  new Promise<{ code: number; said: string }>((resolve) => {
    const child = execFile(process.execPath, ['scripts/workers-secrets.ts', file], { env }, (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, said: out + err }),
    );
  });

test('they are what the gate takes, in a file that only its owner reads; nothing of them is shown', async () => {
  expect((await make({})).code).toBe(2);
  const key = 'sk-of-the-model-api';
  const { code, said } = await make({ PORTCULLIS_UPSTREAM_KEY: key });
  expect(code).toBe(0);
  const secrets = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  expect(Object.keys(secrets).sort()).toEqual([
    ...['PORTCULLIS_OPERATOR_TOKEN', 'PORTCULLIS_UPSTREAM_KEY', 'PORTCULLIS_VAULT_KEY'],
  ]);
  expect(secrets.PORTCULLIS_UPSTREAM_KEY).toBe(key);
  expect(isSecret('pco_', secrets.PORTCULLIS_OPERATOR_TOKEN ?? '')).toBe(true);
  expect(Buffer.from(secrets.PORTCULLIS_VAULT_KEY ?? '', 'base64url').length).toBe(32);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  for (const secret of Object.values(secrets)) expect(said).not.toContain(secret);
});

test('one that is there is never written over: its vault key may be in use', async () => {
  const before = readFileSync(file, 'utf8');
  expect((await make({ PORTCULLIS_UPSTREAM_KEY: 'sk-another' })).code).toBe(1);
  expect(readFileSync(file, 'utf8')).toBe(before);
});
