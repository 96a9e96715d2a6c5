/** The gate opens again when the store takes writes, whatever an earlier probe left behind. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { StoreHealth } from '../../src/admission/health.ts';
import { Journal } from '../../src/log/journal.ts';
import { sha256 } from '../../src/log/sha256.node.ts';
import { openDatabase, sqliteTransaction } from '../../src/store/db.node.ts';
import { probe } from '../../src/store/schema.ts';
import { Writer } from '../../src/store/writer.ts';

test('a probe that a crash left in the table does not keep the gate closed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-health-'));
  const db = openDatabase(join(dir, 'test.sqlite'));
  const journal = new Journal(db.writer, sha256);
  const writer = new Writer(sqliteTransaction(db.writer, journal), (flush) => void setImmediate(flush));
  db.writer.insert(probe).values({ id: 1 }).run();
  const recovered = new Promise<void>((resolve) => {
    const health = new StoreHealth(writer, db.writer, resolve);
    health.failed(new Error('disk full'));
    expect(() => health.check()).toThrow();
  });
  await recovered;
  expect(db.reader.select().from(probe).all()).toEqual([]);
  db.close();
  rmSync(dir, { recursive: true, force: true });
}, 5_000);
