/** Statements that Drizzle writes and that run without it: its mapping of rows costs more than SQLite's own work. */
import { Param, Placeholder } from 'drizzle-orm';
import type { Db } from './db.node.ts';

type Values = Readonly<Record<string, unknown>>;

/** A statement whose placeholders are filled by name. Rows come with SQL's column names. */
export function bare<Row = never>(db: Db, query: { toSQL(): { sql: string; params: unknown[] } }) {
  const { sql: text, params } = query.toSQL();
  const statement = db.$client.prepare<unknown[], Row>(text);
  const slots = params.map((param) => {
    const inner = param instanceof Param ? param.value : param;
    return inner instanceof Placeholder ? { name: inner.name as string } : { value: inner };
  });
  const bind = (values: Values) =>
    slots.map((slot) => (slot.name === undefined ? slot.value : values[slot.name]));
  return {
    get: (values: Values): Row | undefined => statement.get(...bind(values)),
    all: (values: Values): Row[] => statement.all(...bind(values)),
    run: (values: Values = {}) => statement.run(...bind(values)),
  };
}
