/** The gate in processes of its own, as it is run. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));

export interface Process {
  readonly child: ChildProcess;
  readonly gateway: string;
  readonly control: string;
  /** Of several that serve together. */
  readonly pids: readonly number[];
  /** Lines of stderr so far. */
  readonly heard: readonly string[];
}

/** @param dir the data directory @param args more of the command line */
export async function startProcess(
  dir: string,
  upstream: string,
  env: Record<string, string> = {},
  args: readonly string[] = [],
): Promise<Process> {
  const child = spawn(process.execPath, [MAIN, 'serve', ...args], {
    env: {
      PATH: process.env.PATH,
      PORTCULLIS_DATA_DIR: dir,
      PORTCULLIS_LISTEN: '127.0.0.1:0',
      PORTCULLIS_CONTROL_LISTEN: '127.0.0.1:0',
      PORTCULLIS_UPSTREAM_URL: upstream,
      PORTCULLIS_UPSTREAM_KEY: 'sk-upstream-canary-key',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const heard: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    heard.push(line);
    console.error(line);
  });
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (line.includes('kill')) break;
  }
  const find = (label: string) => new RegExp(`${label} +(http://[^\\s/]+)`).exec(said.join('\n'))?.[1] ?? '';
  const pids = (/together: ([\d, ]+)/.exec(said.join('\n'))?.[1] ?? '')
    .split(', ')
    .filter(Boolean)
    .map(Number);
  return { child, gateway: find('Testers call'), control: find('Operators use'), pids, heard };
}

export async function end({ child }: Process, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

/** A call of the admin API with the operator's credential of the data directory. */
export async function admin<T>(dir: string, control: string, path: string, body?: object): Promise<T> {
  const authorization = `Bearer ${readFileSync(join(dir, 'operator-credential'), 'utf8').trim()}`;
  const answer = await fetch(`${control}/admin/${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization, ...(body ? { 'content-type': 'application/json' } : {}) },
    body: body ? JSON.stringify(body) : null,
  });
  return (await answer.json()) as T;
}

/** A tester `ada` in the cohort `artists`, and a token. */
export async function firstTester(dir: string, control: string): Promise<string> {
  await admin(dir, control, 'cohorts', { name: 'artists' });
  await admin(dir, control, 'testers', { id: 'ada', cohort: 'artists' });
  return (await admin<{ token: string }>(dir, control, 'tokens', { tester: 'ada' })).token;
}
