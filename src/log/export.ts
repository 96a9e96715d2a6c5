/** The request log as JSON lines and as CSV, made by SQLite itself, a block at a time: memory stays flat. */
import { getTableColumns } from 'drizzle-orm';
import { requests } from '../store/schema.ts';
import type { Finder, Question } from './find.ts';
import { parquetOf } from './parquet.ts';

export const FORMATS = ['jsonl', 'csv', 'parquet'] as const;
export type Format = (typeof FORMATS)[number];
type TextFormat = Exclude<Format, 'parquet'>;

const ROWS_AT_ONCE = 1_000;

const COLUMNS = Object.entries(getTableColumns(requests)).filter(([name]) => name !== 'node');
/** JSON in the row is JSON in the line. */
const NESTED: ReadonlySet<string> = new Set([
  ...['objects', 'reserved', 'used', 'jobUsed', 'shadow', 'brokenRules'],
]);

const LINES: Readonly<Record<TextFormat, { readonly head: string; readonly sql: string }>> = {
  jsonl: {
    head: '',
    sql: `json_object(${COLUMNS.map(([name, { name: column }]) =>
      NESTED.has(name) ? `'${name}', json(${column})` : `'${name}', ${column}`,
    ).join(', ')})`,
  },
  csv: {
    head: `${COLUMNS.map(([name]) => name).join(',')}\n`,
    sql: COLUMNS.map(([, { name, columnType }]) =>
      columnType === 'SQLiteText' ? quoted(name) : plain(name),
    ).join(" || ',' || "),
  },
};

export function contentType(format: Format): string {
  if (format === 'parquet') return 'application/vnd.apache.parquet';
  return format === 'csv' ? 'text/csv; charset=utf-8' : 'application/jsonl';
}

/** The format is none of this runtime. */
export class FormatNotMade extends Error {}

/** Parts of a file, oldest row first. What is committed while it runs is in it. @throws FormatNotMade */
export function exportRows(find: Finder, asked: Question, format: TextFormat): Generator<string>;
export function exportRows(find: Finder, asked: Question, format: Format): Generator<string | Uint8Array>;
export function exportRows(find: Finder, asked: Question, format: Format): Generator<string | Uint8Array> {
  return format === 'parquet' ? parquetOf(find, asked) : linesOf(find, asked, format);
}

function* linesOf(find: Finder, asked: Question, format: TextFormat): Generator<string> {
  const { head, sql } = LINES[format];
  if (head) yield head;
  for (const lines of find.lines(asked, sql, ROWS_AT_ONCE)) yield lines;
}

function plain(column: string): string {
  return `coalesce(${column}, '')`;
}

/** RFC 4180. What a spreadsheet would take for a formula begins with an apostrophe. */
function quoted(column: string): string {
  const risky = `substr(${column}, 1, 1) in ('=', '+', '-', '@', char(9), char(13))`;
  const text = `iif(${risky}, '''', '') || replace(${column}, '"', '""')`;
  return `coalesce('"' || ${text} || '"', '')`;
}
