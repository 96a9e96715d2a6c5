/** What is deployed: both Workers pass wrangler's own check, without an account and without a network. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, inject, test } from 'vitest';
import { readConfig } from '../../src/config.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const WRANGLER = join(
  dirname(createRequire(import.meta.url).resolve('wrangler/package.json')),
  'bin/wrangler.js',
);

function dryRun(file: string): Promise<string> {
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
    HOME: '/nonexistent',
    ...{ CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false', NO_COLOR: '1' },
  };
  const args = [WRANGLER, 'deploy', '--dry-run', '--config', file];
  return new Promise((resolve, reject) =>
    execFile(process.execPath, args, { cwd: ROOT, env }, (fault, out, err) =>
      fault ? reject(new Error(`${out}\n${err}`)) : resolve(out + err),
    ),
  );
}

test('the gate’s Worker is whole, with each of its bindings and nothing to complain of', async () => {
  const said = await dryRun('wrangler.toml');
  for (const binding of [
    ...['env.GATE (GateObject)', 'env.TESTER (TesterObject)', 'env.ARCHIVE', 'env.HELD', 'env.ASSETS'],
    ...['env.PORTCULLIS_UPSTREAM_URL', 'env.PORTCULLIS_PUBLIC_URL', 'env.PORTCULLIS_CONFIG'],
  ])
    expect(said).toContain(binding);
  expect(said).not.toMatch(/WARNING|ERROR/);
});

test('the control Worker reaches the gate’s by its own entry point, and nothing else', async () => {
  const said = await dryRun('wrangler.control.toml');
  expect(said).toContain('env.GATE (portcullis#Control)');
  expect(said.match(/^env\./gm)).toHaveLength(1);
  expect(said).not.toMatch(/WARNING|ERROR/);
});

test('the values that it comes with are a configuration', () => {
  const { PORTCULLIS_CONFIG = '', ...vars } = inject('workers').gate.bindings as Record<string, string>;
  const config = readConfig({ ...vars, PORTCULLIS_UPSTREAM_KEY: 'sk-of-the-model-api' }, PORTCULLIS_CONFIG);
  expect(config).toMatchObject({ publicUrl: 'https://gate.example.com', drills: { everyHours: 24 } });
  expect(Object.keys(config.cohorts ?? {})).toEqual(['artists']);
});

test('neither answers under an address that nobody named, and neither writes down who calls', () => {
  for (const file of ['wrangler.toml', 'wrangler.control.toml']) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const line of ['workers_dev = false', 'preview_urls = false', 'enabled = false'])
      expect([file, text.split('\n').includes(line)]).toEqual([file, true]);
    expect(text).toMatch(/^routes = \[\{ pattern = "\w+\.example\.com", custom_domain = true \}\]$/m);
  }
});
