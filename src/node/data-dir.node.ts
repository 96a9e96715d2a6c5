/** The data directory: its files, each 0600, and the lock under which processes start on it one by one. */
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import type Database from 'better-sqlite3';
import type { Staged } from '../deps.ts';
import { KEYS, type OwnKeys, ownKeys } from '../own-keys.ts';
import { lockFile } from './liveness.node.ts';

/** How long a process waits for another one that starts. */
const START_MS = 15_000;

export interface DataDir extends OwnKeys {
  readonly path: string;
  readonly database: string;
  readonly keysPath: string;
  writeSecret(name: string, text: string): void;
  readSecret(name: string): string | null;
  /** True while the file STOP is there, which stops everything. */
  readonly hasStopFile: () => boolean;
  /** Lets other processes start on it. */
  started(): void;
}

/** One process at a time starts on it. @throws Error when it cannot be made, or another process never comes up. */
export function openDataDir(path: string): DataDir {
  const root = resolve(path);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const file = (name: string) => join(root, name);
  const stopFile = file('STOP');
  const lock = takeStart(file('starting.lock'), root);
  const read = (name: string) => {
    if (!existsSync(file(name))) return null;
    chmodSync(file(name), 0o600);
    return readFileSync(file(name), 'utf8');
  };
  const keys = ownKeys({ read, stage: (name, text) => stage(root, name, text) }, Date.now);
  return {
    ...keys,
    path: root,
    database: file('portcullis.sqlite'),
    keysPath: file(KEYS),
    keyFile() {
      // Of a change that a crash broke off: it never was in force.
      rmSync(file(`${KEYS}.new`), { force: true });
      return keys.keyFile();
    },
    writeSecret: (name, text) => stage(root, name, text).commit(),
    readSecret: read,
    hasStopFile: () => existsSync(stopFile),
    started: () => lock.close(),
  };
}

function takeStart(file: string, root: string): Database.Database {
  const lock = lockFile(file, START_MS);
  if (lock) return lock;
  throw new Error(
    `Another Portcullis has been starting on ${root} for long: end it, or set PORTCULLIS_DATA_DIR.`,
  );
}

/** Whole or not at all: a process that dies half-way leaves no half file. */
function stage(root: string, name: string, text: string): Staged {
  const [place, beside] = [join(root, name), join(root, `${name}.new`)];
  writeFileSync(beside, text, { mode: 0o600, flush: true });
  return {
    commit() {
      renameSync(beside, place);
      // Or a power cut could bring the old file back, and a withdrawn key with it.
      const directory = openSync(root, 'r');
      fsyncSync(directory);
      closeSync(directory);
    },
    drop: () => rmSync(beside, { force: true }),
  };
}
