/** The files of the objects, read from outside: the gate's, which is the log over all, and what its testers' have not delivered. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';

/** How long a delivery may take before a test is told that something is missing. */
const DELIVERY_MS = 5_000;

export interface Stores {
  /** What the gate's object holds, once everything that is written has arrived there. */
  read<T>(sql: string): T[];
  close(): void;
}

/** @param dir where the objects are, in a folder for each class */
export function openStores(dir: string): Stores {
  const open = new Map<string, Database.Database>();
  const files = (name: string) => {
    const folder = join(dir, `portcullis-${name}`);
    const all = existsSync(folder) ? readdirSync(folder) : [];
    return all.filter((file) => /^[0-9a-f]{64}\.sqlite$/.test(file)).map((file) => join(folder, file));
  };
  const at = (file: string) => {
    const db = open.get(file) ?? new Database(file, { readonly: true });
    open.set(file, db);
    return db;
  };
  const isDelivered = (file: string) => at(file).prepare('select 1 from feed_up limit 1').get() === undefined;
  return {
    read<T>(sql: string) {
      const until = Date.now() + DELIVERY_MS;
      while (!files('TesterObject').every(isDelivered) && Date.now() < until) pause(2);
      return files('GateObject').flatMap((file) => at(file).prepare<[], T>(sql).all());
    },
    close() {
      for (const db of open.values()) db.close();
    },
  };
}

/** Tests read rows without waiting, as on Node: the other process goes on meanwhile. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
