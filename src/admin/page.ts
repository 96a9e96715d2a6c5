/** Lists come in pages: `after` names the last row of the page before, `next` is the `after` of the following one. */
import { z } from '@hono/zod-openapi';
import { type Column, type SQL, sql } from 'drizzle-orm';

export const Limit = z.coerce.number<string>().int().min(1).max(1000).default(100);
export const Next = z
  .string()
  .nullable()
  .openapi({ description: 'For "after", to read on; null: this was all' });
export const AfterId = z.coerce
  .number<string>()
  .int()
  .positive('use the "next" of the page before')
  .optional();

/** @param rows one more than the page has room for, where there are more */
export function pageOf<T>(rows: readonly T[], limit: number, nameOf: (row: T) => string | number) {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return { page, next: rows.length > limit && last !== undefined ? String(nameOf(last)) : null };
}

/** One of the columns holds the text, whatever SQL would make of its characters. */
export function contains(columns: readonly Column[], text: string): SQL {
  const pattern = `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`;
  const each = columns.map((column) => sql`${column} like ${pattern} escape '\\'`);
  return sql`(${sql.join(each, sql` or `)})`;
}
