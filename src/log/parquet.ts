/** The request log as Apache Parquet, a group of rows at a time: memory stays flat. */
import { getTableColumns } from 'drizzle-orm';
import { ByteWriter, type ColumnSource, ParquetWriter } from 'hyparquet-writer';
import { requests } from '../store/schema.ts';
import type { Finder, Question } from './find.ts';

/** Some tens of milliseconds of work, in one turn. */
const GROUP_ROWS = 4_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

const COLUMNS = Object.entries(getTableColumns(requests)).filter(([name]) => name !== 'node');
const SELECT = COLUMNS.map(([name, column]) => `${column.name} as "${name}"`).join(', ');

type Kind = 'STRING' | 'INT64' | 'DOUBLE';

/** `at` is Unix milliseconds, UTC. */
const KINDS: Readonly<Record<string, Kind>> = Object.fromEntries(
  COLUMNS.map(([name, { columnType }]) => {
    const kind = columnType === 'SQLiteText' ? 'STRING' : columnType === 'SQLiteReal' ? 'DOUBLE' : 'INT64';
    return [name, kind];
  }),
);

const SCHEMA = [
  { name: 'requests', num_children: COLUMNS.length },
  ...COLUMNS.map(([name]) => {
    const optional = { name, repetition_type: 'OPTIONAL' as const };
    const kind = KINDS[name] as Kind;
    if (kind === 'STRING')
      return { ...optional, type: 'BYTE_ARRAY' as const, converted_type: 'UTF8' as const };
    if (name === 'at')
      return { ...optional, type: 'INT64' as const, converted_type: 'TIMESTAMP_MILLIS' as const };
    return { ...optional, type: kind };
  }),
];

export function* parquetOf(find: Finder, asked: Question): Generator<Uint8Array> {
  const bytes = new ByteWriter(1 << 20);
  const writer = new ParquetWriter({ writer: bytes, schema: SCHEMA });
  for (let after: string | undefined = asked.after ?? FIRST_ID; after !== undefined; ) {
    const rows = find.page({ ...asked, after }, GROUP_ROWS, SELECT);
    if (rows.length > 0) writer.write({ columnData: columnsOf(rows), rowGroupSize: GROUP_ROWS });
    yield taken(bytes);
    after = rows.length < GROUP_ROWS ? undefined : String(rows.at(-1)?.id);
  }
  writer.finish();
  yield taken(bytes);
}

function columnsOf(rows: ReturnType<Finder['page']>): ColumnSource[] {
  return COLUMNS.map(([name]) => ({ name, data: rows.map((row) => cellOf(name, row[name] ?? null)) }));
}

function cellOf(name: string, value: string | number | null) {
  if (value === null || KINDS[name] !== 'INT64') return value;
  if (name === 'at') return new Date(Number(value));
  // SQLite keeps a fraction in a column of integers.
  return BigInt(Math.trunc(Number(value)));
}

/** What was written so far; the offsets in the file count on. */
function taken(bytes: ByteWriter): Uint8Array {
  const copy = Uint8Array.from(bytes.getBytes());
  bytes.index = 0;
  return copy;
}
