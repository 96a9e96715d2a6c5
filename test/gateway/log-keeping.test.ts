/** What is kept of the log, what is let go, and copies of it. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { afterEach, expect, test } from 'vitest';
import { Captures } from '../../src/log/captures.ts';
import { Journal } from '../../src/log/journal.ts';
import { openCheckpoint, readVerifierKey } from '../../src/log/note.ts';
import { verifyDatabase } from '../../src/log/offline.node.ts';
import { letGo } from '../../src/log/retention.ts';
import { sealing } from '../../src/log/seal.node.ts';
import { sha256 } from '../../src/log/sha256.node.ts';
import { backUp, restore } from '../../src/node/backup.node.ts';
import { openDatabase, sqliteTransaction } from '../../src/store/db.node.ts';
import { Writer } from '../../src/store/writer.ts';
import { CHAT, post, sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;

async function start(more = '', answer?: Parameters<typeof startUpstream>[0]): Promise<string> {
  upstream = await startUpstream(answer);
  gate = await startGate(upstream.url, undefined, more);
  return gate.tester('ada');
}

afterEach(async () => {
  await gate.close();
  await upstream.close();
});

const verified = () => verifyDatabase({ dataDir: gate.dir, key: null, witnesses: [] });

test('the row of an output holds its SHA-256 and the object that it is, so that a clip found outside is traced', async () => {
  const clip = Buffer.alloc(300_000, 'clip');
  const token = await start('', (request, response) => {
    if (request.method === 'POST')
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify({ id: 'video_1', object: 'video', status: 'queued', created_at: 1 }));
    else response.writeHead(200, { 'content-type': 'video/mp4' }).end(clip);
  });
  await post(gate.url, token, { model: 'sora-2', prompt: 'x', seconds: '4' }, '/v1/videos');
  const content = await fetch(`${gate.url}/v1/videos/video_1/content`, {
    headers: { authorization: `Bearer ${token}` },
  });
  const got = Buffer.from(await content.arrayBuffer());
  await gate.settled();
  const [made, fetched] = gate.rows() as unknown as { objects: string; output_hash: string | null }[];
  expect(made).toMatchObject({ objects: '["video_1"]', output_hash: null });
  expect(fetched).toMatchObject({
    objects: '["video_1"]',
    output_hash: createHash('sha256').update(got).digest('hex'),
  });
});

test('old rows are let go, really; the tree holds all the same, and an act says up to where', async () => {
  const token = await start('log: { checkpointSeconds: 0.05 }');
  for (let i = 0; i < 30; i++) await post(gate.url, token, CHAT);
  await gate.settled();
  await gate.stop();
  const { writer: db, close } = openDatabase(join(gate.dir, 'portcullis.sqlite'));
  const journal = new Journal(db, sha256);
  const writer = new Writer(sqliteTransaction(db, journal), setImmediate);
  const captures = new Captures(db, journal, sealing, sha256);
  const gone = await letGo({ db, writer, captures, now: Date.now, keep: { days: null, rows: 10 } });
  close();
  expect(gone).toBe(20);
  expect(gate.rows()).toHaveLength(10);
  const report = await verified();
  expect(report.findings).toEqual([]);
  expect(report.letGo).toBe(40);
  // The room of one that was let go lets nobody take one that was not.
  await gate.sql('delete from requests where id = (select max(id) from requests)');
  expect((await verified()).findings[0]?.what).toMatch(/was deleted/);
});

test('the server lets rows go by the rules of the configuration, and says in its status from when on it has them', async () => {
  const token = await start();
  for (let i = 0; i < 12; i++) await post(gate.url, token, CHAT);
  await gate.settled();
  await gate.close();
  await upstream.close();
  await start('log: { keepRows: 5, checkpointSeconds: 0.05 }');
  const again = await gate.tester('bob');
  for (let i = 0; i < 12; i++) await post(gate.url, again, CHAT);
  for (let i = 0; i < 100 && gate.rows().length > 5; i++) await sleep(50);
  expect(gate.rows().length).toBeLessThanOrEqual(12);
  const { log } = (await gate.admin('GET', 'status')) as { log: { oldest: string; signed: number } };
  expect(log.oldest).toMatch(/^20/);
  expect(log.signed).toBeGreaterThan(0);
});

test('a copy that is taken under load is whole, verifies, and is put back with everything stopped', async () => {
  const token = await start('log: { checkpointSeconds: 0.05 }');
  let busy = true;
  const load = Promise.all(
    Array.from({ length: 8 }, async () => {
      while (busy) await post(gate.url, token, CHAT);
    }),
  );
  await sleep(300);
  const file = join(gate.dir, 'copy.sqlite');
  await backUp(gate.dir, file);
  await expect(backUp(gate.dir, file)).rejects.toThrow(/is there already/);
  await expect(restore(gate.dir, file, 'test')).rejects.toThrow(/a gate runs/);
  await sleep(100);
  busy = false;
  await load;
  const after = (await gate.settled()).length;
  expect(statSync(file).mode & 0o777).toBe(0o600);

  await gate.stop();
  const { requests, aside } = await restore(gate.dir, file, 'test');
  expect(requests).toBeGreaterThan(0);
  expect(requests).toBeLessThan(after);
  expect(existsSync(aside ?? '')).toBe(true);
  await gate.restart();
  const answer = await post(gate.url, token, CHAT);
  expect(answer.status).toBe(403);
  await gate.admin('POST', 'switches/release', { scope: 'global', reason: 'test' });
  expect((await post(gate.url, token, CHAT)).status).toBe(200);
  await gate.settled();
  await gate.stop();
  expect((await verified()).findings).toEqual([]);
});

test('a copy that is damaged, or is no database of ours, changes nothing', async () => {
  await start();
  await gate.stop();
  const before = statSync(join(gate.dir, 'portcullis.sqlite')).mtimeMs;
  const file = join(gate.dir, 'copy.sqlite');
  writeFileSync(file, 'no database');
  await expect(restore(gate.dir, file, 'test')).rejects.toThrow(/database/);
  const other = join(gate.dir, 'other.sqlite');
  new Database(other).exec('create table x (y)').close();
  await expect(restore(gate.dir, other, 'test')).rejects.toThrow(/no database of Portcullis/);
  expect(statSync(join(gate.dir, 'portcullis.sqlite')).mtimeMs).toBe(before);
});

test('checkpoints are posted to a web hook as they are made, again until it takes them, and they open', async () => {
  let answers = 0;
  const hook = await startUpstream((_, response) => response.writeHead(answers++ < 2 ? 500 : 204).end());
  await start(`log: { checkpointSeconds: 0.05, checkpointHook: "${hook.url}/log" }`);
  for (let i = 0; i < 100 && answers < 3; i++) {
    await gate.tester(`t${i}`);
    await sleep(60);
  }
  const [first] = hook.seen;
  expect(first).toMatchObject({ method: 'POST', url: '/log' });
  const { key } = (await gate.admin('GET', 'log')) as { key: string };
  for (const { body } of hook.seen) {
    const note = Buffer.from(body, 'latin1').toString('utf8');
    expect((await openCheckpoint(note, readVerifierKey(key, sha256), sha256)).size).toBeGreaterThan(0);
  }
  await hook.close();
});

test('the command line backs up, verifies and names the first bad entry', async () => {
  const token = await start('log: { checkpointSeconds: 0.05 }');
  for (let i = 0; i < 3; i++) await post(gate.url, token, CHAT);
  await gate.settled();
  const cli = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['src/cli/main.ts', ...args], {
      env: { ...process.env, PORTCULLIS_DATA_DIR: gate.dir, PORTCULLIS_CONTROL_URL: gate.control },
    });
  expect((await cli('log', 'key')).stdout).toMatch(/^portcullis\.log\/[0-9a-f]{8}\+[0-9a-f]{8}\+A/);
  expect((await cli('backup', join(gate.dir, 'copy.sqlite'))).stdout).toMatch(/^Copied to/);
  await sleep(150);
  await cli('log', 'bundle', join(gate.dir, 'all.jsonl'));
  expect((await cli('log', 'verify', '--bundle', join(gate.dir, 'all.jsonl'))).stdout).toMatch(
    /THE BUNDLE HOLDS/,
  );
  expect((await cli('log', 'verify')).stdout).toMatch(/THE LOG HOLDS/);
  await gate.sql("update requests set tester = 'eve'");
  const failed = await cli('log', 'verify').catch((fault: { stdout: string; code: number }) => fault);
  expect(failed).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/THE LOG DOES NOT HOLD[\s\S]*entry \d+ {2}request/),
  });
});
