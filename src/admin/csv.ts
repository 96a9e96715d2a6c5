/** CSV (RFC 4180) in and out. What spreadsheets would run as a formula goes out as text. */
import { parse } from 'csv-parse/sync';
import { Problem } from './problem.ts';

const MOST_ROWS = 10_000;

export function csvLine(cells: readonly (string | null)[]): string {
  return `${cells.map((cell) => quoted(inert(cell ?? ''))).join(',')}\r\n`;
}

function inert(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export interface CsvRow {
  readonly line: number;
  readonly cells: Readonly<Record<string, string>>;
}

/** @param columns those that there may be; @throws Problem that names the line and the mend */
export function readCsv(text: string, columns: readonly string[], needed: readonly string[]): CsvRow[] {
  const rows = parsed(text);
  const [head, ...rest] = rows;
  const names = head?.cells.map((name) => name.trim().toLowerCase()) ?? [];
  const other = names.find((name) => !columns.includes(name));
  if (other !== undefined) throw invalid(1, `"${other}" is no column; use ${columns.join(', ')}`);
  const missing = needed.find((name) => !names.includes(name));
  if (missing !== undefined)
    throw invalid(1, `the column "${missing}" is missing; the first line names the columns`);
  if (new Set(names).size < names.length) throw invalid(1, 'a column stands twice');
  return rest.map(({ line, cells }) => {
    if (cells.length !== names.length)
      throw invalid(line, `it has ${cells.length} cells, and the first line ${names.length}`);
    return { line, cells: Object.fromEntries(names.map((name, i) => [name, cells[i]?.trim() ?? ''])) };
  });
}

function parsed(text: string): { line: number; cells: string[] }[] {
  try {
    const options = {
      bom: true,
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      skip_empty_lines: true,
      info: true,
      to: MOST_ROWS + 2,
    };
    const rows = parse(text, options) as unknown as { record: string[]; info: { lines: number } }[];
    if (rows.length > MOST_ROWS + 1) throw invalid(MOST_ROWS + 2, `use at most ${MOST_ROWS} testers at once`);
    return rows.map(({ record, info }) => ({ line: info.lines, cells: record }));
  } catch (fault) {
    if (fault instanceof Problem) throw fault;
    const { lines = 1, message = 'it cannot be read' } = fault as { lines?: number; message?: string };
    throw invalid(lines, message.split('\n', 1)[0] ?? '');
  }
}

function invalid(line: number, message: string): Problem {
  return new Problem('request_invalid', `csv, line ${line}: ${message}.`, [
    { field: `csv.${line}`, message },
  ]);
}
