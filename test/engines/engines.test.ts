/** One core, two engines: SQLite in a file under Node, and SQLite in a Durable Object under workerd. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readLogKey } from '../../src/log/log-key.ts';
import { sha256 } from '../../src/log/sha256.node.ts';
import { verifyLog } from '../../src/log/verify.ts';
import { openDatabase, openReadOnly, sqliteTransaction } from '../../src/store/db.node.ts';
import { CASES, SIGNED } from './cases.ts';
import { bundle, startWorkerd, type Workerd } from './with-workerd.ts';

const GZIP_LIMIT_BYTES = 400 * 1024;

async function verified(file: string, keyText: string) {
  const db = openReadOnly(file);
  try {
    return await verifyLog({ db, sha256, key: await readLogKey(keyText, sha256), witnesses: [] });
  } finally {
    db.$client.close();
  }
}

/** A log that was edited is found out, whichever engine wrote it. */
async function verifiesUntilEdited(file: string, keyText: string): Promise<void> {
  const report = await verified(file, keyText);
  expect(report).toMatchObject({ findings: [], checked: report.entries, checkpoints: 1 });
  expect(report.entries).toBeGreaterThan(900);
  const db = new Database(file);
  db.exec("update requests set tester = 'mallory' where id = (select min(id) from requests)");
  db.close();
  expect((await verified(file, keyText)).findings).not.toEqual([]);
}

describe('in a file, under Node', () => {
  test.each(Object.entries(CASES))('%s', async (name, run) => {
    const dir = mkdtempSync(join(tmpdir(), 'portcullis-engine-'));
    const file = join(dir, 'portcullis.sqlite');
    const { writer: db, close } = openDatabase(file);
    try {
      const keyText = await run({ db, transaction: (hooks) => sqliteTransaction(db, hooks) });
      close();
      if (name === SIGNED) await verifiesUntilEdited(file, keyText ?? '');
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe('in a Durable Object, under workerd', () => {
  let workerd: Workerd;
  beforeAll(async () => {
    workerd = await startWorkerd((await bundle()).text);
  });
  afterAll(() => workerd.close());

  const run = async (name: string) => {
    const answer = await fetch(workerd.url, { method: 'POST', body: name });
    const { fault, keyText } = (await answer.json()) as { fault: string | null; keyText?: string };
    expect(fault).toBeNull();
    return keyText ?? '';
  };
  test.each(Object.keys(CASES))('%s', async (name) => void (await run(name)));

  test('the verifier of Node reads the log of an object', async () => {
    const own = await startWorkerd((await bundle()).text);
    try {
      const answer = await fetch(own.url, { method: 'POST', body: SIGNED });
      const { keyText } = (await answer.json()) as { keyText: string };
      await own.end();
      const [file = ''] = readdirSync(own.disk).filter((name) => /^[0-9a-f]+\.sqlite$/.test(name));
      await verifiesUntilEdited(join(own.disk, file), keyText);
    } finally {
      await own.close();
    }
  });
});

test('what runs in an object holds nothing of better-sqlite3, and no more of Node than Workers have', async () => {
  const { text, inputs, externals } = await bundle();
  const ofNode = /node_modules\/(better-sqlite3|undici|ws|@hono\/node-server)\/|\.node\.ts$/;
  const found = inputs.filter((file) => ofNode.test(file)).map((file) => file.replace(/^.*src\//, ''));
  expect(found.sort()).toEqual(['log/seal.node.ts', 'log/sha256.node.ts']);
  expect([...new Set(externals)].sort()).toEqual(['node:assert/strict', 'node:crypto']);
  expect(gzipSync(text).length).toBeLessThan(GZIP_LIMIT_BYTES);
});
