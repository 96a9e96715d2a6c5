/** The CLI as a child process, against a real server of the admin API. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve } from '@hono/node-server';
import { startHere } from '../admin/with-admin.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export type Gate = Awaited<ReturnType<typeof startGate>>;

export async function startGate() {
  const admin = await startHere();
  writeFileSync(join(admin.dataDir, 'operator-credential'), `${admin.credentials.operator}\n`, {
    mode: 0o600,
  });
  const server = serve({ fetch: admin.app.fetch, hostname: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const env = { PORTCULLIS_CONTROL_LISTEN: `127.0.0.1:${port}`, PORTCULLIS_DATA_DIR: admin.dataDir };
  return {
    ...admin,
    env,
    run: (...args: string[]) => run(args, env),
    async json(...args: string[]) {
      const { stdout, stderr } = await run([...args, '--json'], env);
      return stdout ? JSON.parse(stdout) : stderr;
    },
    /** Ends the server; the database stays. */
    hangUp: () => new Promise((resolve) => server.close(resolve)),
    close() {
      server.close();
      admin.close();
    },
  };
}

export async function run(args: readonly string[], env: Record<string, string>): Promise<Outcome> {
  const startedAt = performance.now();
  const child = start(args, env);
  const [stdout, stderr, [code]] = await Promise.all([
    new Response(child.stdout as never).text(),
    new Response(child.stderr as never).text(),
    once(child, 'exit'),
  ]);
  return { code, stdout, stderr, tookMs: performance.now() - startedAt };
}

export function start(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env.PATH ?? '', ...env } });
  child.stdin.end();
  return child;
}
