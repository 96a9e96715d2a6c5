/** The open-source runtime of Cloudflare Workers, offline, with the Durable Objects on disk. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { bundleWorker } from '../../scripts/workers-bundle.ts';

/** From 2026-08-04 on `nodejs_compat` is on by itself. */
const COMPATIBILITY_DATE = '2026-11-01';
const CLASS = 'TestObject';
/** An object is told when the client of its answer has left; and what a socket has not sent yet is counted as it was given. */
const FLAGS = '"enable_request_signal", "no_web_socket_compression"';
/** The program itself: what `workerd` links may be a script that would outlive its end. */
const BINARY = createRequire(import.meta.url).resolve(
  `@cloudflare/workerd-${process.platform}-${process.arch === 'x64' ? '64' : process.arch}/bin/workerd`,
);

/** A Worker as it would be deployed: one module. */
export const bundle = (entry = 'test/engines/object.worker.ts') => bundleWorker(entry);

export interface Workerd {
  readonly url: string;
  readonly dir: string;
  /** Where the databases of the objects are. */
  readonly disk: string;
  end(): Promise<void>;
  close(): Promise<void>;
}

export interface WorkerdOptions {
  /** What the Worker is told, as texts of its environment. */
  readonly texts?: Readonly<Record<string, string>>;
  /** May reach what listens on this machine; otherwise it has nothing but its socket and the disk. */
  readonly local?: boolean;
  /** Of one that has ended: its objects go on. */
  readonly dir?: string;
}

export async function startWorkerd(worker: string, options: WorkerdOptions = {}): Promise<Workerd> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'portcullis-workerd-'));
  const disk = join(dir, 'objects');
  mkdirSync(disk, { recursive: true });
  writeFileSync(join(dir, 'worker.js'), worker);
  writeFileSync(join(dir, 'config.capnp'), config(disk, options));
  const child = spawn(BINARY, ['serve', '--experimental', '--control-fd=3', join(dir, 'config.capnp')], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { PATH: process.env.PATH },
  });
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const end = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  const close = async () => {
    await end();
    rmSync(dir, { recursive: true, force: true });
  };
  return { url: await listening(child, ended), dir, disk: join(disk, CLASS), end, close };
}

async function listening(child: ChildProcess, ended: Promise<void>): Promise<string> {
  const told = new Promise<string>((resolve) => {
    const control = child.stdio[3] as NodeJS.ReadableStream;
    createInterface({ input: control }).on('line', (line) => {
      const { event, port } = JSON.parse(line) as { event: string; port?: number };
      if (event === 'listen') resolve(`http://127.0.0.1:${port}`);
    });
  });
  const failed = ended.then(() => {
    throw new Error('workerd ended before it listened');
  });
  return Promise.race([told, failed]);
}

const config = (
  disk: string,
  { texts = {}, local = false }: WorkerdOptions,
) => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "disk", disk = (path = "${disk}", writable = true)),
    (name = "internet", network = (allow = [${local ? '"local", "private"' : ''}])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "${COMPATIBILITY_DATE}",
  compatibilityFlags = [${FLAGS}],
  durableObjectNamespaces = [(className = "${CLASS}", uniqueKey = "${CLASS}", enableSql = true)],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [
    ${Object.entries(texts)
      .map(([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)}),`)
      .join('')}
    (name = "OBJECTS", durableObjectNamespace = "${CLASS}"),
  ],
);
`;
