/** Parquet is not made on Workers: what writes it would be too much of the bundle. */
import { FormatNotMade } from './export.ts';

export function parquetOf(): never {
  throw new FormatNotMade('format: Parquet is not made on Workers; use "csv" or "jsonl".');
}
