/**
 * The store of a Durable Object: its SQLite under the surface of better-sqlite3 that the core uses, so that warden, journal and
 * stops are the same code on both engines.
 */
import { BetterSQLiteSession } from 'drizzle-orm/better-sqlite3/session';
import { BaseSQLiteDatabase, SQLiteSyncDialect } from 'drizzle-orm/sqlite-core';
import type { Db, Hooks } from './db.node.ts';
import type { Transaction } from './writer.ts';

export type Value = ArrayBuffer | Uint8Array | string | number | null;

/** What is used of `DurableObjectStorage`. */
export interface ObjectStorage {
  readonly sql: {
    exec(
      query: string,
      ...bindings: Value[]
    ): {
      toArray(): Record<string, Value>[];
      raw(): Iterable<Value[]>;
    };
  };
  /** Nothing else of the object runs until it has ended. */
  transaction(work: (txn: { rollback(): void }) => Promise<void>): Promise<void>;
  transactionSync(work: () => void): void;
  /** Resolves when everything written so far is durable. */
  sync(): Promise<void>;
}

/** The store did not take a statement. */
export class SqlFault extends Error {
  /** As drivers name it: `SQLITE_FULL`. */
  get code(): string {
    return /SQLITE_[A-Z_]+/.exec(this.message)?.[0] ?? 'SQLITE_ERROR';
  }

  /** True when the statement itself is wrong for the rows that are there, and not the store. */
  get isConstraint(): boolean {
    return this.message.includes('SQLITE_CONSTRAINT');
  }
}

/** One object has one connection: what it reads is what it wrote. */
export function objectDatabase(storage: ObjectStorage): Db {
  const client = { prepare: (text: string) => new Statement(storage, text), pragma: () => 0 };
  const dialect = new SQLiteSyncDialect();
  const session = new BetterSQLiteSession(client as never, dialect, undefined);
  const db = new BaseSQLiteDatabase('sync', dialect, session as never, undefined);
  return Object.assign(db, { $client: client }) as unknown as Db;
}

/**
 * Transactions of an object. They end when what they wrote is durable, and not before; meanwhile the writer begins no other.
 * What a job throws comes out as it is.
 */
export function objectTransaction(storage: ObjectStorage, hooks: Hooks): Transaction {
  return {
    async run(work, committed) {
      let fault: { readonly thrown: unknown } | null = null;
      await storage.transaction(async (txn) => {
        try {
          hooks.begin();
          await work();
          hooks.flush();
        } catch (thrown) {
          fault = { thrown };
          txn.rollback();
        }
      });
      const failed = fault as { readonly thrown: unknown } | null;
      if (failed) throw failed.thrown;
      await storage.sync();
      committed();
    },
    isJobFault: (fault) => !(fault instanceof SqlFault) || fault.isConstraint,
  };
}

export interface Migration {
  /** As in the journal of the folder, which gives the order. */
  readonly tag: string;
  readonly sql: string;
}

/** Brings an object's database to the newest schema, all or nothing. Feeds are made after it. @throws SqlFault */
export function migrateObject(storage: ObjectStorage, migrations: readonly Migration[]): void {
  storage.transactionSync(() => {
    run(storage, 'create table if not exists migrated (tag text primary key) without rowid', []);
    const done = new Set(run(storage, 'select tag from migrated', []).map(({ tag }) => tag));
    const missing = migrations.filter(({ tag }) => !done.has(tag));
    if (missing.length > 0) dropTriggers(storage);
    for (const { tag, sql } of missing) {
      for (const statement of statementsOf(sql)) run(storage, statement, []);
      run(storage, 'insert into migrated values (?)', [tag]);
    }
  });
}

/** Those of feeds name columns, and SQLite lets go of none that a trigger names. */
function dropTriggers(storage: ObjectStorage): void {
  const triggers = "select name from sqlite_master where type = 'trigger' and name glob 'feed_*'";
  for (const { name } of run(storage, triggers, [])) run(storage, `drop trigger "${name}"`, []);
}

/** Of one migration. */
export function statementsOf(sql: string): string[] {
  return sql.split('--> statement-breakpoint');
}

type Row = Record<string, unknown>;

class Statement {
  readonly #storage: ObjectStorage;
  readonly #text: string;
  /** Names in the order of their places; empty when the places have none. */
  readonly #names: readonly string[];

  constructor(storage: ObjectStorage, text: string) {
    this.#storage = storage;
    this.#names = [...text.matchAll(NAMED)].map(([, name = '']) => name);
    this.#text = this.#names.length > 0 ? text.replaceAll(NAMED, '?') : text;
  }

  run(...params: unknown[]): { changes: number; lastInsertRowid: number } {
    this.all(...params);
    const [told] = run(this.#storage, 'select changes() as changes, last_insert_rowid() as id', []);
    return { changes: Number(told?.changes), lastInsertRowid: Number(told?.id) };
  }

  all(...params: unknown[]): Row[] {
    return run(this.#storage, this.#text, this.#bound(params));
  }

  get(...params: unknown[]): Row | undefined {
    return this.all(...params)[0];
  }

  /** All at once: rows that change meanwhile must not change what is read. */
  iterate(...params: unknown[]): IterableIterator<Row> {
    return this.all(...params).values();
  }

  raw() {
    const all = (...params: unknown[]) =>
      guarded(() => {
        const rows = this.#storage.sql.exec(this.#text, ...this.#bound(params)).raw();
        return Array.from(rows, (row) => row.map(shown));
      });
    return { all, get: (...params: unknown[]) => all(...params)[0] };
  }

  #bound(params: readonly unknown[]): Value[] {
    const [named] = params as [Row | undefined];
    const values = this.#names.length > 0 ? this.#names.map((name) => named?.[name]) : params;
    return values.map((value) => {
      if (value === undefined) throw new TypeError('A statement was given undefined.');
      return value as Value;
    });
  }
}

/** `:name` and `@name`, where they are not in the middle of something else. */
const NAMED = /(?<![\w:'])[:@](\w+)/g;

function run(storage: ObjectStorage, text: string, values: readonly Value[]): Row[] {
  return rowsOf(storage, text, ...values).map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(value)])),
  );
}

/** One statement, its rows as the store has them. @throws SqlFault */
export function rowsOf(
  { sql }: ObjectStorage,
  text: string,
  ...values: readonly Value[]
): Record<string, Value>[] {
  return guarded(() => sql.exec(text, ...values).toArray());
}

/** The core reads bytes as Node's Buffer. */
function shown(value: Value): unknown {
  return value instanceof ArrayBuffer ? Buffer.from(value) : value;
}

function guarded<T>(ask: () => T): T {
  try {
    return ask();
  } catch (fault) {
    throw new SqlFault(fault instanceof Error ? fault.message : String(fault), { cause: fault });
  }
}
