/** The data directory: its files, each 0600, and the lock under which processes start on it one by one. */
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type Database from 'better-sqlite3';
import type { KeyFile } from '../token/keys.ts';
import { makeKey } from '../token/keys.ts';
import { lockFile } from './liveness.node.ts';

/** How long a process waits for another one that starts. */
const START_MS = 15_000;

/** Keys and the name under which tokens are issued; the name outlives addresses and ports. */
export interface TokenIdentity extends KeyFile {
  readonly issuer: string;
}

export interface DataDir {
  readonly path: string;
  readonly database: string;
  tokenIdentity(): Promise<TokenIdentity>;
  writeSecret(name: string, text: string): void;
  readSecret(name: string): string | null;
  /** Lets other processes start on it. */
  started(): void;
}

/** One process at a time starts on it. @throws Error when it cannot be made, or another process never comes up. */
export function openDataDir(path: string): DataDir {
  const root = resolve(path);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const file = (name: string) => join(root, name);
  const lock = takeStart(file('starting.lock'), root);
  const dir: DataDir = {
    path: root,
    database: file('portcullis.sqlite'),
    async tokenIdentity() {
      const known = dir.readSecret('keys.json');
      if (known !== null) return JSON.parse(known) as TokenIdentity;
      const made = { issuer: `urn:uuid:${randomUUID()}`, keys: [await makeKey()] };
      dir.writeSecret('keys.json', `${JSON.stringify(made, null, 2)}\n`);
      return made;
    },
    writeSecret(name, text) {
      // Whole or not at all: a start that dies half-way leaves no half key.
      writeFileSync(file(`${name}.new`), text, { mode: 0o600, flush: true });
      renameSync(file(`${name}.new`), file(name));
    },
    readSecret(name) {
      if (!existsSync(file(name))) return null;
      chmodSync(file(name), 0o600);
      return readFileSync(file(name), 'utf8');
    },
    started: () => lock.close(),
  };
  return dir;
}

function takeStart(file: string, root: string): Database.Database {
  const lock = lockFile(file, START_MS);
  if (lock) return lock;
  throw new Error(
    `Another Portcullis has been starting on ${root} for long: end it, or set PORTCULLIS_DATA_DIR.`,
  );
}
