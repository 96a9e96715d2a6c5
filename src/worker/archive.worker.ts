/** The copy of the gate's rows in D1, for questions in SQL: only ever written from the gate, and never read by it. */
import { type Migration, statementsOf } from '../store/durable.worker.ts';
import type { Change } from '../store/feed.worker.ts';
import type { Tracked } from '../store/tracked.worker.ts';

/** What is used of a binding to D1. */
export interface D1 {
  prepare(query: string): D1Statement;
  /** One transaction. */
  batch(statements: D1Statement[]): Promise<{ readonly results: readonly Record<string, unknown>[] }[]>;
}
interface D1Statement {
  bind(...values: unknown[]): D1Statement;
}

/** Rows go as one JSON text: a statement of D1 takes 100 parameters, and a text 2 MB. */
const MOST_JSON_CHARS = 500_000;

/** Writes changes to D1, all of them or none; the same again change nothing. */
export type Archive = (changes: {
  readonly seq: number;
  readonly changes: readonly Change[];
}) => Promise<void>;

/** @param tables those that others refer to first */
export function archiveIn(d1: D1, migrations: readonly Migration[], tables: readonly Tracked[]): Archive {
  let migrated: Promise<void> | null = null;
  return async ({ seq, changes }) => {
    migrated ??= migrate(d1, migrations);
    await migrated.catch((fault) => {
      migrated = null;
      throw fault;
    });
    const byTable = Map.groupBy(changes, ({ table }) => table);
    const some = tables.filter(({ table }) => byTable.has(table));
    const statements = [
      ...some.toReversed().flatMap((one) => removing(d1, one, byTable.get(one.table) ?? [], seq)),
      ...some.flatMap((one) => putting(d1, one, byTable.get(one.table) ?? [], seq)),
    ];
    const results = await d1.batch([
      d1.prepare('pragma defer_foreign_keys = on'),
      ...statements,
      d1.prepare('update archived set seq = max(seq, ?) returning seq').bind(seq),
    ]);
    const [told] = results.at(-1)?.results ?? [];
    if (told?.seq !== seq)
      throw new Error(
        `D1 is ahead of the gate (${told?.seq}, ${seq}): bind a new database, or restore this one too`,
      );
  };
}

/** A request that was overtaken by a newer one writes nothing. */
const IS_NEWEST = '(select seq from archived) <= ?2';

async function migrate(d1: D1, migrations: readonly Migration[]): Promise<void> {
  await d1.batch([
    d1.prepare('create table if not exists migrated (tag text primary key) without rowid'),
    d1.prepare('create table if not exists archived (id integer primary key, seq integer not null)'),
    d1.prepare('insert or ignore into archived values (1, 0)'),
  ]);
  const [done] = await d1.batch([d1.prepare('select tag from migrated')]);
  const tags = new Set(done?.results.map(({ tag }) => tag));
  for (const { tag, sql } of migrations) {
    if (tags.has(tag)) continue;
    const statements = statementsOf(sql).map((text) => d1.prepare(text));
    await d1.batch([...statements, d1.prepare('insert into migrated values (?)').bind(tag)]);
  }
}

function removing(d1: D1, { table, key }: Tracked, changes: readonly Change[], seq: number): D1Statement[] {
  const keys = changes.filter(({ row }) => row === null).map((change) => change.key);
  const names = key.map((name) => `"${name}"`).join(', ');
  const text = `delete from "${table}" where (${names}) in (select ${extracted(key.length)} from json_each(?1))
    and ${IS_NEWEST}`;
  return chunks(keys).map((json) => d1.prepare(text).bind(json, seq));
}

function putting(d1: D1, { table }: Tracked, changes: readonly Change[], seq: number): D1Statement[] {
  const rows = changes.flatMap(({ row }) => (row === null ? [] : [row]));
  const names = Object.keys(rows[0] ?? {});
  // What stands in the way by a second unique index has changed as well, and is written in its turn.
  const text = `insert or replace into "${table}" (${names.map((name) => `"${name}"`).join(', ')})
    select ${extracted(names.length)} from json_each(?1) where ${IS_NEWEST}`;
  const values = rows.map((row) => names.map((name) => row[name] ?? null));
  return chunks(values).map((json) => d1.prepare(text).bind(json, seq));
}

function extracted(columns: number): string {
  return Array.from({ length: columns }, (_, i) => `json_extract(value, '$[${i}]')`).join(', ');
}

/** As JSON arrays of a bounded length. A row has no blobs in tables that are copied. */
function chunks(rows: readonly (readonly unknown[])[]): string[] {
  const all: string[] = [];
  let [open, length] = [[] as string[], 0];
  for (const row of rows) {
    const text = JSON.stringify(row);
    if (length > 0 && length + text.length > MOST_JSON_CHARS) {
      all.push(`[${open.join(',')}]`);
      [open, length] = [[], 0];
    }
    open.push(text);
    length += text.length;
  }
  return open.length > 0 ? [...all, `[${open.join(',')}]`] : all;
}
