/** Copies of the database: taken while the gate runs, put back while it does not. */
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { isLocked } from './liveness.node.ts';

const DATABASE = 'portcullis.sqlite';
const BUSY_TIMEOUT_MS = 5_000;
/** In one step: a copy in several would begin again with each commit of the gate. */
const ALL_PAGES = 2 ** 31 - 1;

/** The stop that a restored gate starts with: its switches, revocations and quotas are those of an earlier day. */
const RESTORED = 'The gate was restored from a backup.';

/**
 * A whole copy of the database as it is at one moment, 0600. The gate goes on meanwhile.
 * @throws Error when there is no database, or something stands in the copy's place
 */
export async function backUp(dataDir: string, file: string): Promise<{ bytes: number }> {
  const source = existing(dataDir);
  if (existsSync(file)) throw new Error(`${file} is there already; name another file`);
  const partial = `${file}.${randomUUID().slice(0, 8)}.part`;
  closeSync(openSync(partial, 'wx', 0o600));
  const db = new Database(source, { readonly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    const { totalPages } = await db.backup(partial, { progress: () => ALL_PAGES });
    const bytes = totalPages * Number(db.pragma('page_size', { simple: true }));
    finish(partial, file);
    return { bytes };
  } catch (fault) {
    rmSync(partial, { force: true });
    throw fault;
  } finally {
    db.close();
  }
}

export interface Restored {
  /** Where the database that was there is now; null when there was none. */
  readonly aside: string | null;
  readonly requests: number;
}

/**
 * Puts a copy in the database's place and engages a global stop in it: what was stopped, revoked or used since the copy
 * is not in it. The database that was there is kept beside it.
 * @throws Error when a gate runs on the data directory, or the copy is damaged; nothing is changed then
 */
export async function restore(dataDir: string, file: string, operator: string): Promise<Restored> {
  if (!existsSync(file)) throw new Error(`there is no file ${file}`);
  if (runs(dataDir)) throw new Error(`a gate runs on ${dataDir}; stop it first`);
  const place = resolve(join(dataDir, DATABASE));
  const staged = `${place}.restoring`;
  rmSync(staged, { force: true });
  try {
    const requests = await stage(file, staged, operator);
    const aside = moveAside(place);
    finish(staged, place);
    return { aside, requests };
  } finally {
    for (const end of ['', '-wal', '-shm', '-journal']) rmSync(staged + end, { force: true });
  }
}

async function stage(file: string, staged: string, operator: string): Promise<number> {
  const source = new Database(file, { readonly: true, fileMustExist: true });
  try {
    await source.backup(staged, { progress: () => ALL_PAGES });
  } finally {
    source.close();
  }
  chmodSync(staged, 0o600);
  const db = new Database(staged);
  try {
    const check = db.pragma('integrity_check(1)', { simple: true });
    if (check !== 'ok') throw new Error(`${file} is damaged: ${check}`);
    const rows = db.prepare<[], { n: number }>('select count(*) as n from requests').get();
    const at = Date.now();
    db.transaction(() => {
      db.prepare(
        `insert into switches (scope, effect, reason, engaged_at, engaged_by) values ('global', 'stop', ?, ?, ?)`,
      ).run(RESTORED, at, operator);
      db.prepare('insert into acts (at, operator, act, subject, reason) values (?, ?, ?, ?, ?)').run(
        ...[at, operator, 'database.restore', 'global', RESTORED],
      );
    })();
    // One file, without a log beside it, so that it can be moved.
    db.pragma('wal_checkpoint(truncate)');
    db.pragma('journal_mode = delete');
    return rows?.n ?? 0;
  } catch (fault) {
    if (fault instanceof Database.SqliteError)
      throw new Error(`${file} is no database of Portcullis: ${fault.message}`);
    throw fault;
  } finally {
    db.close();
  }
}

function moveAside(place: string): string | null {
  if (!existsSync(place)) return null;
  const aside = `${place}.before-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`;
  for (const end of ['', '-wal', '-shm']) if (existsSync(place + end)) renameSync(place + end, aside + end);
  return aside;
}

function runs(dataDir: string): boolean {
  if (!existsSync(dataDir))
    throw new Error(`there is no directory ${dataDir}; start the gate on it once first`);
  return readdirSync(dataDir).some((name) => /^node-.*\.lock$/.test(name) && isLocked(join(dataDir, name)));
}

function existing(dataDir: string): string {
  const file = resolve(join(dataDir, DATABASE));
  if (existsSync(file)) return file;
  throw new Error(`there is no database ${file}; set PORTCULLIS_DATA_DIR to the server's data directory`);
}

/** On disk, and only then in its place. */
function finish(partial: string, place: string): void {
  for (const path of [partial, dirname(partial)]) {
    const handle = openSync(path, 'r');
    fsyncSync(handle);
    closeSync(handle);
  }
  renameSync(partial, place);
}
