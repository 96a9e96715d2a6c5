/** A process that is killed at any moment leaves a row for every call that upstream saw. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { verifyDatabase } from '../../src/log/offline.node.ts';
import { CHAT, post, sleep, startUpstream } from '../with-gate.ts';
import { firstTester, startProcess } from '../with-process.ts';

const ROUNDS = 6;

test('killed under load, again and again: every call that upstream saw has its row, open ones are settled as lost, and the log verifies', async () => {
  const upstream = await startUpstream((_, outgoing) => {
    setTimeout(() => outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}'), 5);
  });
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-crash-'));
  let token = '';
  for (let round = 0; round < ROUNDS; round++) {
    const { child, gateway, control } = await startProcess(dir, upstream.url);
    if (!token) token = await firstTester(dir, control);
    let calling = true;
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (calling)
          await post(gateway, token, CHAT)
            .then((one) => one.text())
            .catch(() => sleep(5));
      }),
    );
    await sleep(100 + Math.random() * 200);
    child.kill('SIGKILL');
    calling = false;
    await once(child, 'exit');
    await load;
  }
  const { child } = await startProcess(dir, upstream.url);
  child.kill('SIGTERM');
  await once(child, 'exit');
  const db = new Database(join(dir, 'portcullis.sqlite'), { readonly: true });
  const ids = new Set(db.prepare('select id from requests').pluck().all());
  const seen = upstream.seen.map(({ headers }) => headers['x-request-id']);
  expect(seen.length).toBeGreaterThan(20);
  expect(seen.filter((id) => !ids.has(id))).toEqual([]);
  expect(db.prepare('select count(*) from requests where outcome is null').pluck().get()).toBe(0);
  db.close();
  const report = await verifyDatabase({ dataDir: dir, key: null, witnesses: [] });
  expect(report).toMatchObject({ findings: [], checked: report.entries });
  await upstream.close();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);
