/**
 * How fast the console's pages are with a large log: ROWS calls (10 million) in the last 90 days, indexed as the server does
 * it, and each page asked over a socket. `npm run bench:console`; ROWS=1000000 for a short one.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Indexer } from '../src/log/indexer.ts';
import { Journal } from '../src/log/journal.ts';
import { sha256 } from '../src/log/sha256.node.ts';
import { start } from '../src/node.ts';
import { openDatabase, sqliteTransaction } from '../src/store/db.node.ts';
import { Writer } from '../src/store/writer.ts';
import { DAYS, fill, TESTERS } from './with-calls.ts';

const ROWS = Number(process.env.ROWS ?? 10_000_000);
const ROUNDS = Number(process.env.ROUNDS ?? 20);
const say = (text: string) => process.stdout.write(`${text}\n`);

const dir = mkdtempSync(join(tmpdir(), 'portcullis-bench-console-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const data = join(dir, 'data');
const env = {
  PORTCULLIS_DATA_DIR: data,
  PORTCULLIS_LISTEN: '127.0.0.1:0',
  PORTCULLIS_CONTROL_LISTEN: '127.0.0.1:0',
};
mkdirSync(data, { mode: 0o700 });
await makeLog();

const gate = await start(env, () => {});
const credential = readFileSync(join(data, 'operator-credential'), 'utf8').trim();
const headers = { authorization: `Bearer ${credential}` };
const ask = async (path: string) => {
  const answer = await fetch(gate.control + path, { headers, redirect: 'manual' });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${text.slice(0, 200)}`);
  return text;
};
const [, call] = /data-id="([0-9a-f-]{36})"/.exec(await ask('/console/requests')) ?? [];
say(
  `${ROWS.toLocaleString('en-GB')} calls, ${cpus().length} × ${cpus()[0]?.model}, Node ${process.versions.node}; ${ROUNDS} times each`,
);
say(`milliseconds${' '.repeat(36)}first      p50      max`);
for (const path of [
  '/console',
  '/console/testers',
  '/console/testers/tester-1',
  '/console/cohorts',
  '/console/requests',
  '/console/requests?tester=tester-7&decision=refused',
  '/console/requests?outcome=upstream-error&since=7d',
  `/console/requests/${call}`,
  '/console/outputs',
  '/console/switches',
  '/console/settings',
])
  await measure(path);
await gate.close(0);
process.exit(0);

async function measure(path: string): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const begun = performance.now();
    await ask(path);
    times.push(performance.now() - begun);
  }
  const [first = 0] = times;
  times.sort((a, b) => a - b);
  const shown = [first, times[Math.floor(ROUNDS / 2)] ?? 0, times.at(-1) ?? 0];
  const name = path.replace(/[0-9a-f-]{36}/, 'ID');
  say(`${name.padEnd(50)}${shown.map((ms) => ms.toFixed(0).padStart(8)).join(' ')}`);
}

async function makeLog(): Promise<void> {
  const db = openDatabase(join(data, 'portcullis.sqlite'), 'process');
  const made = Date.now();
  fill(db.writer.$client, { rows: ROWS, start: made - DAYS * 86_400_000 });
  const cohort = db.writer.$client.prepare('insert into cohorts (name) values (?)');
  for (let i = 0; i < 5; i++) cohort.run(`cohort-${i}`);
  const tester = db.writer.$client.prepare('insert into testers (id, cohort) values (?, ?)');
  const object = db.writer.$client.prepare(
    "insert into objects (id, tester, kind, at) values (?, ?, 'videos', ?)",
  );
  for (let i = 0; i < TESTERS; i++) {
    tester.run(`tester-${i}`, `cohort-${i % 5}`);
    object.run(`video_${i.toString(16).padStart(24, '0')}`, `tester-${i}`, made - i * 1000);
  }
  const writer = new Writer(sqliteTransaction(db.writer, new Journal(db.writer, sha256)), setImmediate);
  const parts = { db: db.writer, reader: db.reader, writer, now: Date.now, quietMs: 190_000 };
  const blocks = await new Indexer(parts).run();
  db.writer.$client.pragma('wal_checkpoint(truncate)');
  db.close();
  say(`${blocks} blocks of the index; made in ${((Date.now() - made) / 1000).toFixed(0)} s`);
}
