/** Which processes on a data directory live: each holds a lock on a file of its own for as long as it does. */
import { randomUUID } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Liveness } from '../admission/cluster.ts';

export interface OwnLiveness extends Liveness {
  release(): void;
}

/** @param dir the data directory */
export function holdLiveness(dir: string): OwnLiveness {
  const own = `node-${randomUUID()}.lock`;
  const lock = lockFile(join(dir, own));
  if (!lock) throw new Error(`Cannot lock ${join(dir, own)}.`);
  return {
    own,
    isAlive: (name) => name === own || isLocked(join(dir, name)),
    forget: (name) => rmSync(join(dir, name), { force: true }),
    release() {
      lock.close();
      rmSync(join(dir, own), { force: true });
    },
  };
}

export function isLocked(file: string): boolean {
  if (!existsSync(file)) return false;
  const lock = lockFile(file);
  lock?.close();
  return lock === null;
}

/** Null when another process holds it. The operating system gives the lock back however its holder ends. */
export function lockFile(file: string, waitMs = 0): Database.Database | null {
  writeFileSync(file, '', { mode: 0o600, flag: 'a' });
  const lock = new Database(file, { timeout: waitMs });
  try {
    lock.pragma('locking_mode = exclusive');
    lock.exec('begin exclusive');
    return lock;
  } catch {
    lock.close();
    return null;
  }
}
