/** What the index of the log answers is what the rows say, indexed or not. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc, test } from '@fast-check/vitest';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect } from 'vitest';
import { prepareStatements } from '../../src/admission/statements.ts';
import { callsOfIn } from '../../src/log/calls-of.ts';
import { exportRows } from '../../src/log/export.ts';
import { conditionOn, FACET_NAMES, FACETS } from '../../src/log/facets.ts';
import { type Filters, Finder } from '../../src/log/find.ts';
import { firstIdOf } from '../../src/log/id.ts';
import { Indexer } from '../../src/log/indexer.ts';
import { Journal } from '../../src/log/journal.ts';
import { sha256 } from '../../src/log/sha256.node.ts';
import { type Connections, openDatabase, sqliteTransaction } from '../../src/store/db.node.ts';
import { Writer } from '../../src/store/writer.ts';

const dir = mkdtempSync(join(tmpdir(), 'portcullis-find-'));
const ROWS = 14_000;
const START = Date.UTC(2026, 0, 1);
let db: Connections;
let find: Finder;

/** Three blocks and a rest; in the second one a call is still open. */
beforeAll(async () => {
  db = openDatabase(join(dir, 'x.sqlite'), 'process');
  const insert = db.writer.$client.prepare(
    `insert into requests (id, at, tester, cohort, token, method, path, operation, model, address, decision, rule, outcome,
     status, objects, output_hash, repeats) values (?, ?, ?, ?, ?, 'POST', '/v1/x', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  let seed = 7;
  const random = (n: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * n);
  };
  db.writer.$client.transaction(() => {
    for (let i = 0; i < ROWS; i++) {
      const at = START + i * 1_000 + random(500);
      const refused = random(5) === 0;
      insert.run(
        `${firstIdOf(at).slice(0, 19)}8${String(i).padStart(15, '0').slice(0, 3)}-${String(i).padStart(12, '0')}`.slice(
          0,
          36,
        ),
        at,
        `tester-${random(20)}`,
        `cohort-${random(3)}`,
        `token-${random(60)}`,
        `op.${random(4)}`,
        random(3) === 0 ? null : `m${random(3)}`,
        `10.0.0.${random(200)}`,
        refused ? 'refused' : 'allowed',
        refused ? `limit:${random(3)}` : 'allow',
        i === 5_000 ? null : refused ? 'rate_limited' : 'complete',
        refused ? 429 : 200,
        random(4) === 0 ? JSON.stringify([`video_${random(500)}`, `file_${random(900)}`]) : null,
        random(6) === 0 ? random(400).toString(16).padStart(64, 'a') : null,
        random(100) === 0 ? 1 + random(50) : 1,
      );
    }
  })();
  const writer = new Writer(sqliteTransaction(db.writer, new Journal(db.writer, sha256)), setImmediate);
  const indexer = new Indexer({ db: db.writer, reader: db.reader, writer, now: Date.now, quietMs: 60_000 });
  expect(await indexer.run()).toBe(2);
  expect(await indexer.run()).toBe(0);
  find = new Finder(db.reader);
});
afterAll(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const filters: fc.Arbitrary<Filters> = fc.record(
  {
    tester: fc.integer({ min: 0, max: 21 }).map((n) => `tester-${n}`),
    cohort: fc.integer({ min: 0, max: 3 }).map((n) => `cohort-${n}`),
    token: fc.integer({ min: 0, max: 61 }).map((n) => `token-${n}`),
    model: fc.constantFrom('m0', 'm1', 'nothing'),
    outcome: fc.constantFrom('complete', 'rate_limited', 'open', 'lost'),
    status: fc.constantFrom(200, 429, 500),
    rule: fc.constantFrom('limit:1', 'allow'),
    address: fc.integer({ min: 0, max: 210 }).map((n) => `10.0.0.${n}`),
    object: fc.integer({ min: 0, max: 510 }).map((n) => `video_${n}`),
    output: fc.integer({ min: 0, max: 410 }).map((n) => n.toString(16).padStart(64, 'a')),
  },
  { requiredKeys: [] },
);
const span = fc.record({
  since: fc.option(fc.integer({ min: START - 1_000, max: START + ROWS * 1_000 })),
  until: fc.option(fc.integer({ min: START - 1_000, max: START + ROWS * 1_000 })),
});

function plainly(
  asked: { filters: Filters; since: number | null; until: number | null },
  select: string,
  rest = '',
) {
  const parts: string[] = ['1'];
  const values: (string | number)[] = [];
  for (const name of FACET_NAMES) {
    const value = asked.filters[name];
    if (value === undefined) continue;
    if (name === 'outcome' && value === 'open') parts.push('outcome is null');
    else {
      parts.push(conditionOn(name));
      values.push(value);
    }
  }
  if (asked.since !== null) parts.push(`at >= ${asked.since}`);
  if (asked.until !== null) parts.push(`at < ${asked.until}`);
  return db.reader.$client
    .prepare(`select ${select} from requests where ${parts.join(' and ')} ${rest}`)
    .all(...values);
}

test.prop([filters, span, fc.boolean()], { numRuns: 150 })(
  'pages, one after another, are the rows, each once, in order',
  (only, time, forward) => {
    const asked = { filters: only, ...time };
    const expected = (
      plainly(asked, 'id', `order by id ${forward ? '' : 'desc'} limit 250`) as { id: string }[]
    ).map(({ id }) => id);
    const found: string[] = [];
    let cursor: string | undefined = forward ? '00000000-0000-0000-0000-000000000000' : undefined;
    while (found.length < 250) {
      const page = find.page({ ...asked, [forward ? 'after' : 'before']: cursor }, 100, 'id');
      found.push(...page.map(({ id }) => String(id)));
      cursor = found.at(-1);
      if (page.length < 100) break;
    }
    expect(found.slice(0, 250)).toEqual(expected);
  },
);

test.prop([fc.integer({ min: START - 1_000, max: START + ROWS * 1_000 }), fc.subarray([0, 3, 7, 19, 33])], {
  numRuns: 60,
})(
  'calls of some testers since any time are their rows, in blocks, over an edge and behind the index',
  async (since, some) => {
    const names = some.map((n) => `tester-${n}`);
    const rows = plainly({ filters: {}, since, until: null }, 'tester') as { tester: string }[];
    const expected = names.map((name) => rows.filter(({ tester }) => tester === name).length);
    const calls = await callsOfIn(db.reader)(names, since);
    expect(names.map((name) => calls.get(name) ?? 0)).toEqual(expected);
  },
);

test.prop([filters, span, fc.constantFrom(60_000, 3_600_000, 86_400_000)], { numRuns: 60 })(
  'counts over time are those of the rows, repeated refusals included',
  async (only, time, step) => {
    const asked = { filters: only, ...time };
    const expected = plainly(
      asked,
      `(at - at % ${step}) as at, sum(repeats) as calls`,
      'group by 1 order by 1',
    );
    expect(await find.counts(asked, step)).toEqual(expected);
  },
);

test.prop([filters, span, fc.constantFrom('tester', 'outcome', 'address', 'rule', 'status')], {
  numRuns: 60,
})('the most frequent values are those of the rows', async (only, time, by) => {
  const asked = { filters: only, ...time };
  const column = FACETS[by].sql;
  const expected = plainly(
    asked,
    `cast(${column} as text) as value, sum(repeats) as calls`,
    `and ${column} is not null group by 1 order by 2 desc, 1 limit 10`,
  );
  expect(await find.top(asked, by, 10)).toEqual(expected);
});

test.prop([filters, span], { numRuns: 30 })(
  'an export holds exactly the rows, in JSON lines and in CSV',
  (only, time) => {
    const asked = { filters: only, ...time };
    const expected = (plainly(asked, 'id', 'order by id') as { id: string }[]).map(({ id }) => id);
    const lines = [...exportRows(find, asked, 'jsonl')].join('').split('\n').slice(0, -1);
    expect(lines.map((line) => JSON.parse(line).id)).toEqual(expected);
    const [head, ...rows] = [...exportRows(find, asked, 'csv')].join('').split('\n').slice(0, -1);
    expect(head).toMatch(/^id,at,tester/);
    expect(rows.map((row) => row.split(',')[0])).toEqual(expected.map((id) => `"${id}"`));
  },
);

test('Parquet holds the same, and is read by another implementation', async () => {
  const asked = { filters: { cohort: 'cohort-1' }, since: null, until: null };
  const parts = [...exportRows(find, asked, 'parquet')].map((part) => Buffer.from(part as Uint8Array));
  const file = Uint8Array.from(Buffer.concat(parts)).buffer;
  const rows = await parquetReadObjects({ file });
  const expected = plainly(asked, 'id, at, status, objects', 'order by id') as Record<string, unknown>[];
  expect(
    rows.map(({ id, at, status, objects }) => ({
      id,
      at: Number(at),
      status: Number(status),
      objects: objects ?? null,
    })),
  ).toEqual(expected);
});

test('a formula in a field is text in the CSV', () => {
  db.writer.$client
    .prepare(
      `insert into requests (id, at, method, path, decision, outcome, agent, tester)
       values ('ffffffff-0000-7000-8000-000000000001', ?, 'GET', '/', 'refused', 'x', '=HYPERLINK("http://x")', 'formula')`,
    )
    .run(START);
  const text = [
    ...exportRows(find, { filters: { tester: 'formula' }, since: null, until: null }, 'csv'),
  ].join('');
  expect(text).toContain(`"'=HYPERLINK(""http://x"")"`);
  db.writer.$client.exec("delete from requests where tester = 'formula'");
});

test('a row that comes late into a block that was indexed is found', () => {
  const late = `${firstIdOf(START + 500_000).slice(0, 24)}ffffffffffff`;
  db.writer.$client
    .prepare(
      `insert into requests (id, at, method, path, decision, outcome, tester)
       values (?, ?, 'GET', '/', 'refused', 'x', 'tester-3')`,
    )
    .run(late, START + 500_000);
  prepareStatements(db.writer).reopen.run({ id: late });
  const asked = { filters: { tester: 'tester-3' }, since: null, until: null };
  expect(find.page(asked, 20_000, 'id').map(({ id }) => id)).toContain(late);
  const expected = plainly(asked, 'count(*) as n') as { n: number }[];
  expect(find.page(asked, 20_000, 'id')).toHaveLength(expected[0]?.n ?? 0);
});

test('a long question loses no row when a block goes while it runs', async () => {
  const asked = { filters: { cohort: 'cohort-1' }, since: null, until: null };
  const expected = (plainly(asked, 'id', 'order by id') as { id: string }[]).map(({ id }) => id);
  const going = exportRows(find, asked, 'jsonl');
  let text = String(going.next().value);
  db.writer.$client.exec('delete from blocks');
  for (const part of going) text += part;
  const ids = text.split('\n').slice(0, -1);
  expect(ids.map((line) => JSON.parse(line).id)).toEqual(expected);
});
