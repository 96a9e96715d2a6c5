/** Before the project's first test: both Workers are built, with what wrangler reads out of the files that are deployed. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { V4WorkerOptions } from 'miniflare';
import type { TestProject } from 'vitest/node';
import { bundleWorker } from '../../scripts/workers-bundle.ts';

declare module 'vitest' {
  interface ProvidedContext {
    workers: Record<'gate' | 'control' | 'edge', V4WorkerOptions>;
  }
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export default async function build({ provide }: TestProject): Promise<() => void> {
  // Nothing of this asks Cloudflare for anything, and secrets are each gate's own.
  const quiet = {
    CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    WRANGLER_SEND_METRICS: 'false',
    WRANGLER_LOG: 'error',
  };
  Object.assign(process.env, quiet);
  execFileSync(process.execPath, ['scripts/workers-bundle.ts'], { cwd: ROOT });
  const { unstable_getMiniflareWorkerOptions: read } = await import('wrangler');
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-built-'));
  const module = async (entry: string) => {
    const path = join(dir, entry.replace(/^.*\/(\w+)\..*$/, '$1.js'));
    writeFileSync(path, (await bundleWorker(entry)).text);
    return { modulesRoot: dir, modules: [{ type: 'ESModule' as const, path }] };
  };
  const worker = async (name: string, file: string, entry: string) => {
    const { workerOptions } = read(join(ROOT, file));
    // Without the members that are undefined, which miniflare does not take for absent.
    const { modulesRules: _, ...options } = JSON.parse(JSON.stringify(workerOptions));
    return { name, ...options, ...(await module(entry)) };
  };
  const gate = await worker('portcullis', 'wrangler.toml', 'test/workers/entry.worker.ts');
  // Of their own: a deployment that is tried meanwhile builds them anew.
  cpSync(gate.assets.directory, join(dir, 'assets'), { recursive: true });
  gate.assets.directory = join(dir, 'assets');
  const control = await worker('portcullis-control', 'wrangler.control.toml', 'src/control.worker.ts');
  const { compatibilityDate, compatibilityFlags } = gate;
  const edge = {
    ...{ name: 'edge', compatibilityDate, compatibilityFlags },
    serviceBindings: { BEHIND: gate.name, CONTROL: control.name },
    ...(await module('test/workers/edge.worker.ts')),
  };
  provide('workers', { gate, control, edge });
  return () => rmSync(dir, { recursive: true, force: true });
}
