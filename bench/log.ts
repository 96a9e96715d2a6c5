/**
 * How fast the request log answers. Makes a database of ROWS calls (10 million) with a plausible spread, indexes it as the
 * server does, and asks each question with values drawn by chance. `npm run bench:log`; ROWS=1000000 for a short one.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROW_COLUMNS } from '../src/admin/request-rows.ts';
import { exportRows } from '../src/log/export.ts';
import type { FacetName } from '../src/log/facets.ts';
import { Finder, type Question } from '../src/log/find.ts';
import { firstIdOf } from '../src/log/id.ts';
import { Indexer } from '../src/log/indexer.ts';
import { Journal } from '../src/log/journal.ts';
import { sha256 } from '../src/log/sha256.node.ts';
import { openDatabase, sqliteTransaction } from '../src/store/db.node.ts';
import { Writer } from '../src/store/writer.ts';
import {
  DAYS,
  fill,
  hashOf,
  hex,
  OPERATIONS,
  OUTCOMES,
  random,
  skewed,
  TESTERS,
  uuid,
} from './with-calls.ts';

const ROWS = Number(process.env.ROWS ?? 10_000_000);
const ROUNDS = 40;
const START = Date.UTC(2026, 0, 1);
const VIDEOS = Math.ceil(ROWS / 12);

const dir = mkdtempSync(join(tmpdir(), 'portcullis-bench-log-'));
process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
const file = join(dir, 'bench.sqlite');
const db = openDatabase(file, 'process');
const seconds = (since: number) => ((performance.now() - since) / 1000).toFixed(1);
const say = (text: string) => process.stdout.write(`${text}\n`);

say(
  `${ROWS.toLocaleString('en-GB')} calls of ${TESTERS} testers in ${DAYS} days; ${cpus().length} × ${cpus()[0]?.model}, Node ${process.versions.node}`,
);
let since = performance.now();
fill(db.writer.$client, { rows: ROWS, start: START });
say(`rows made in ${seconds(since)} s`);
db.writer.$client.pragma('wal_checkpoint(truncate)');
const bare = statSync(file).size;

since = performance.now();
const writer = new Writer(sqliteTransaction(db.writer, new Journal(db.writer, sha256)), setImmediate);
const cpuBefore = process.cpuUsage();
const made = await new Indexer({
  db: db.writer,
  reader: db.reader,
  writer,
  now: Date.now,
  quietMs: 60_000,
}).run();
const cpu = process.cpuUsage(cpuBefore);
db.writer.$client.pragma('wal_checkpoint(truncate)');
const indexed = statSync(file).size;
say(
  `${made.toLocaleString('en-GB')} blocks indexed in ${seconds(since)} s: ${((cpu.user + cpu.system) / ROWS).toFixed(1)} µs of CPU a row`,
);
say(
  `bytes a row: ${(bare / ROWS).toFixed(0)} the row, ${((indexed - bare) / ROWS).toFixed(0)} its index, 98 its two leaves in the tree`,
);

const find = new Finder(db.reader);
const NONE: Question = { filters: {}, since: null, until: null };
const only = (name: FacetName, value: string | number): Question => ({ ...NONE, filters: { [name]: value } });
const day = (n: number) => START + n * 86_400_000;
const QUESTIONS: readonly (readonly [string, () => Question])[] = [
  ['newest', () => NONE],
  ['a page in the middle', () => ({ ...NONE, before: firstIdOf(START + random(DAYS) * 86_400_000) })],
  ['tester', () => only('tester', `tester-${skewed(TESTERS)}`)],
  ['cohort', () => only('cohort', `cohort-${random(5)}`)],
  ['token', () => only('token', uuid('aaaa', skewed(TESTERS * 3)))],
  ['operation', () => only('operation', OPERATIONS[random(OPERATIONS.length)] ?? '')],
  ['model', () => only('model', `model-${random(4)}`)],
  ['outcome', () => only('outcome', OUTCOMES[random(OUTCOMES.length)]?.[0] ?? '')],
  ['outcome open', () => only('outcome', 'open')],
  ['status', () => only('status', [200, 429, 502][random(3)] ?? 200)],
  ['rule', () => only('rule', `switch:${random(40)}`)],
  ['address', () => only('address', `10.${random(8)}.${random(250)}.7`)],
  ['object', () => only('object', `video_${hex(random(VIDEOS), 24)}`)],
  ['output hash', () => only('output', hashOf(random(VIDEOS) * 20))],
  ['a value that nobody has', () => only('tester', `nobody-${random(100)}`)],
  ['a day', () => ({ ...NONE, since: day(random(DAYS)), until: day(DAYS) })],
  [
    'tester and outcome',
    () => ({ ...NONE, filters: { tester: `tester-${skewed(TESTERS)}`, outcome: 'rate_limited' } }),
  ],
  [
    'tester, refused, in a week',
    () => ({
      since: day(30),
      until: day(37),
      filters: { tester: `tester-${skewed(TESTERS)}`, decision: 'refused' },
    }),
  ],
];
say(`\npage of 100, ${ROUNDS} times each, milliseconds${' '.repeat(6)}p50      p95      max`);
for (const [name, question] of QUESTIONS) await row(name, () => find.page(question(), 100, ROW_COLUMNS));
await row('counts by hour, all', () => find.counts(NONE, 3_600_000), 3);
await row(
  'counts by day of a tester',
  () => find.counts(only('tester', `tester-${skewed(TESTERS)}`), 86_400_000),
  5,
);
await row('top testers, all', () => find.top(NONE, 'tester', 10), 3);
await row(
  'top addresses of a tester',
  () => find.top(only('tester', `tester-${skewed(TESTERS)}`), 'address', 10),
  3,
);

for (const format of ['jsonl', 'csv', 'parquet'] as const) {
  since = performance.now();
  let bytes = 0;
  const memory = process.memoryUsage().rss;
  for (const part of exportRows(find, NONE, format)) bytes += part.length;
  const took = (performance.now() - since) / 1000;
  const grown = (process.memoryUsage().rss - memory) / 2 ** 20;
  say(
    `export to ${format}: ${Math.round(ROWS / took).toLocaleString('en-GB')} rows/s, ${Math.round(bytes / took / 2 ** 20)} MiB/s, memory grew ${grown.toFixed(0)} MiB`,
  );
}
db.close();

async function row(name: string, ask: () => unknown, rounds = ROUNDS): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const begun = performance.now();
    await ask();
    times.push(performance.now() - begun);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) =>
    (times[Math.min(rounds - 1, Math.floor(rounds * share))] ?? 0).toFixed(1).padStart(8);
  say(`${name.padEnd(44)} ${at(0.5)} ${at(0.95)} ${at(1)}`);
}
