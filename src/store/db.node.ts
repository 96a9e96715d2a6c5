/** Opens the SQLite file on Node: WAL, durable by default, migrated; one connection that writes, one that reads. */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { type BetterSQLite3Database, drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import * as schema from './schema.ts';
import type { Transaction } from './writer.ts';

const MIGRATIONS = fileURLToPath(new URL('../../migrations', import.meta.url));
/** How long a write waits for another process to let go of the file. */
const BUSY_TIMEOUT_MS = 500;

/** A beginning that takes longer has waited for another process. */
const WAITED_MS = 1;
/** So many transactions later we look whether there still is one. */
const WATCHFUL = 1_000;
const RETRY_MS = 1;
/** 32 MiB of write-ahead log, at 4 KiB a page. */
const CHECKPOINT_PAGES = 8_192;

export type Durability = 'power' | 'process';
export type Db = BetterSQLite3Database<typeof schema> & { $client: Database.Database };

export interface Connections {
  /** The one connection that writes. */
  readonly writer: Db;
  /** Reads see committed rows only, and are never in the writer's way. */
  readonly reader: Db;
  close(): void;
}

/**
 * Opens (and makes, mode 0600) the database.
 * @param durability `power`: a commit survives a power cut (`synchronous=FULL`); `process`: a crash of the process only.
 * @throws Error when the file cannot be opened, migrated, or made as durable as asked.
 */
export function openDatabase(file: string, durability: Durability = 'power'): Connections {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const writer = connect(file, durability);
  migrate(writer, { migrationsFolder: MIGRATIONS });
  const reader = connect(file, durability);
  reader.$client.pragma('query_only = on');
  return {
    writer,
    reader,
    close() {
      reader.$client.close();
      writer.$client.close();
    },
  };
}

/** For a look at a file that another process may be serving from; it is not migrated. */
export function openReadOnly(file: string): Db {
  const client = new Database(file, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  return Object.assign(drizzle(client, { schema }), { $client: client });
}

function connect(file: string, durability: Durability): Db {
  const client = new Database(file, { timeout: BUSY_TIMEOUT_MS });
  client.pragma('journal_mode = WAL');
  // better-sqlite3 is compiled to fall back to NORMAL in WAL mode: set it by name, and read it back.
  client.pragma(`synchronous = ${durability === 'power' ? 'FULL' : 'NORMAL'}`);
  client.pragma('foreign_keys = on');
  // The same hot pages are written again and again: checkpoint them seldom.
  client.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  const level = client.pragma('synchronous', { simple: true });
  if (level !== (durability === 'power' ? 2 : 1))
    throw new Error(`SQLite did not take synchronous for ${file}`);
  if (client.pragma('journal_mode', { simple: true }) !== 'wal')
    throw new Error(`SQLite did not take WAL for ${file}`);
  return Object.assign(drizzle(client, { schema }), { $client: client });
}

/** What has to happen at both ends of every transaction. */
export interface Hooks {
  begin(): void;
  /** Right before the commit, inside the transaction. */
  flush(): void;
}

/** Transactions on the writing connection; IMMEDIATE, so that what a job reads stays true until its commit. */
export function sqliteTransaction({ $client: db }: Db, hooks: Hooks): Transaction {
  const free = new WhenFree(db);
  const [begin, commit, rollback] = ['begin immediate', 'commit', 'rollback'].map((text) => db.prepare(text));
  return {
    async run(work, committed) {
      try {
        await free.begin(() => begin?.run());
        hooks.begin();
        await work();
        hooks.flush();
        commit?.run();
      } catch (fault) {
        if (db.inTransaction) rollback?.run();
        throw fault;
      }
      committed();
    },
    isJobFault: (fault) =>
      !(fault instanceof Database.SqliteError) || fault.code.startsWith('SQLITE_CONSTRAINT'),
  };
}

/**
 * Begins as soon as no other process holds the file. SQLite's own waiting keeps everything in this process waiting as well, and
 * sleeps longer each time, so that beside a busy process one may wait in vain; it is used only where nobody is there.
 */
class WhenFree {
  readonly #db: Database.Database;
  #watchful = 0;

  constructor(db: Database.Database) {
    this.#db = db;
  }

  /** @throws SqliteError when the file is held for as long as SQLite would have waited */
  async begin(begin: () => void): Promise<void> {
    const from = performance.now();
    if (this.#watchful > 0) {
      this.#watchful--;
      while (!this.#tried(begin, performance.now() - from > BUSY_TIMEOUT_MS))
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      return;
    }
    try {
      begin();
    } finally {
      if (performance.now() - from > WAITED_MS) this.#watchful = WATCHFUL;
    }
  }

  /** False where somebody else holds the file. */
  #tried(begin: () => void, isLast: boolean): boolean {
    this.#db.pragma('busy_timeout = 0');
    try {
      begin();
      return true;
    } catch (fault) {
      if (isLast || !(fault instanceof Database.SqliteError) || !fault.code.startsWith('SQLITE_BUSY'))
        throw fault;
      return false;
    } finally {
      this.#db.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }
}
