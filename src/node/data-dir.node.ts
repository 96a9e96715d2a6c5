/** The data directory: its files, each 0600, and the lock that keeps a second process out. */
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import type { KeyFile } from '../token/keys.ts';
import { makeKey } from '../token/keys.ts';

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
  release(): void;
}

/** @throws Error when it cannot be made, or another process uses it. */
export function openDataDir(path: string): DataDir {
  const root = resolve(path);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const file = (name: string) => join(root, name);
  const lock = takeLock(file('portcullis.lock'), root);
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
    release: () => lock.close(),
  };
  return dir;
}

/** The operating system gives the lock back however the process ends. */
function takeLock(file: string, root: string): Database.Database {
  writeFileSync(file, '', { mode: 0o600, flag: 'a' });
  const lock = new Database(file, { timeout: 0 });
  try {
    lock.pragma('locking_mode = exclusive');
    lock.exec('begin exclusive');
    return lock;
  } catch {
    lock.close();
    throw new Error(
      `Another Portcullis uses the data directory ${root}: stop it, or set PORTCULLIS_DATA_DIR.`,
    );
  }
}
