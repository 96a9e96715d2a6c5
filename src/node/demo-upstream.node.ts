/** Runs the demo upstream as a process of its own, with a key of its own; it ends when this process ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../demo/main.ts', import.meta.url));

export interface Demo {
  readonly url: string;
  readonly key: string;
  stop(): void;
}

/** @throws Error when it does not come up. */
export async function startDemoProcess(): Promise<Demo> {
  const key = randomBytes(24).toString('base64url');
  const child = spawn(process.execPath, [MAIN], {
    // Nothing of our own environment: the demo has no business with our settings and keys.
    env: { PATH: process.env.PATH, DEMO_UPSTREAM_KEY: key, DEMO_UPSTREAM_WATCH_STDIN: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return { url: await announced(child), key, stop: () => child.kill('SIGTERM') };
}

function announced(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`The demo upstream ended with code ${code} before it was ready.`)),
    );
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).once('line', (line) => {
      resolve((JSON.parse(line) as { listening: string }).listening);
    });
  });
}
