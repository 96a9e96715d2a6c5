/** The one writer: what it promises when something fails. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Journal } from '../../src/log/journal.ts';
import { sha256 } from '../../src/log/sha256.node.ts';
import { type Connections, openDatabase, sqliteTransaction } from '../../src/store/db.node.ts';
import { cohorts } from '../../src/store/schema.ts';
import { StoreUnavailable, Writer } from '../../src/store/writer.ts';

let dir: string;
let db: Connections;
let writer: Writer;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-writer-'));
  db = openDatabase(join(dir, 'test.sqlite'));
  const journal = new Journal(db.writer, sha256);
  writer = new Writer(sqliteTransaction(db.writer, journal), (flush) => void setImmediate(flush));
});
afterAll(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const add = (name: string) => () => {
  db.writer.insert(cohorts).values({ name }).run();
};
const names = () =>
  db.reader
    .select()
    .from(cohorts)
    .all()
    .map(({ name }) => name);

test('a job that breaks a constraint is undone alone; the others of its transaction are committed', async () => {
  const results = await Promise.allSettled([
    writer.write(add('a')),
    writer.write(add('a')),
    writer.write(add('b')),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(names()).toEqual(['a', 'b']);
});

test('a reaction that throws keeps neither the others nor later writes from going on', async () => {
  const failing = writer.write(add('c'), () => {
    throw new Error('listener');
  });
  const other = writer.write(add('d'));
  await expect(failing).rejects.toThrow('listener');
  await other;
  await writer.write(add('e'));
  expect(names()).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('a full store commits nothing and says so; it takes writes again when there is room', async () => {
  const pages = db.writer.$client.pragma('page_count', { simple: true });
  db.writer.$client.pragma(`max_page_count = ${pages}`);
  const filled = Promise.all(
    Array.from({ length: 2_000 }, (_, i) => writer.write(add(`filler-${i}-${'x'.repeat(40)}`))),
  );
  await expect(filled).rejects.toBeInstanceOf(StoreUnavailable);
  await writer.drain();
  db.writer.$client.pragma('max_page_count = 1000000');
  await writer.write(add('f'));
  expect(names()).toContain('f');
}, 60_000);

test('where another process holds the file again and again, writes wait for it, and nothing else waits with them', async () => {
  const other = new Database(join(dir, 'test.sqlite'), { timeout: 0 });
  other.exec('begin immediate');
  await expect(writer.write(add('held'))).rejects.toBeInstanceOf(StoreUnavailable);
  other.exec('rollback');
  other.exec('begin immediate');
  // What releases it runs in this process: a wait that kept it from running would never end well.
  setTimeout(() => other.exec('rollback'), 50);
  await writer.write(add('waited'));
  other.close();
  expect(names()).toContain('waited');
  expect(names()).not.toContain('held');
});
