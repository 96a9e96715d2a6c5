/** Rows of a table as a download: JSON lines or CSV, a few rows at a time, so that memory stays flat. */
import type { Context } from 'hono';
import { stream } from 'hono/streaming';
import { turn } from '../turn.ts';
import { csvLine } from './csv.ts';

export const LINE_FORMATS = ['jsonl', 'csv'] as const;
export type LineFormat = (typeof LINE_FORMATS)[number];

/** What a cell may hold; lists stand in it as JSON. */
export type Line = Readonly<Record<string, string | number | null | readonly unknown[]>>;

/** @param batches the rows in turn; their columns are those named */
export function sendLines(
  c: Context,
  format: LineFormat,
  columns: readonly string[],
  batches: Iterable<readonly Line[]>,
): Response {
  c.header('Content-Type', format === 'csv' ? 'text/csv; charset=utf-8' : 'application/jsonl');
  return stream(c, async (out) => {
    if (format === 'csv') await out.write(csvLine(columns));
    for (const rows of batches) {
      if (out.aborted) return;
      await out.write(rows.map((row) => lineOf(format, columns, row)).join(''));
      await turn();
    }
  });
}

function lineOf(format: LineFormat, columns: readonly string[], row: Line): string {
  if (format === 'jsonl') return `${JSON.stringify(row)}\n`;
  return csvLine(columns.map((name) => cellOf(row[name])));
}

function cellOf(value: Line[string] | undefined): string | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
