/** Writes rows as another object says that they are. */
import { type ObjectStorage, rowsOf, type Value } from './durable.worker.ts';
import type { Change, Row } from './feed.worker.ts';
import { APPLYING, type Tracked } from './tracked.worker.ts';

/**
 * Upserts and deletes. Runs inside a transaction. It leaves no trace in feeds that are not for `evenApplied`; changes of the
 * object's own that wait in them stay.
 * @param told tables that such a feed of this object has; absent: any
 */
export function applyChanges(
  storage: ObjectStorage,
  tables: readonly Tracked[],
  changes: readonly Change[],
  told?: ReadonlySet<string>,
): void {
  const byTable = Map.groupBy(changes, ({ table }) => table);
  // A page may hold a row before the one that it refers to.
  rowsOf(storage, 'pragma defer_foreign_keys = on');
  const isSilent = !told || changes.some(({ table }) => told.has(table));
  const apply = () => {
    // What others refer to stands first in the list: it comes first, and goes last.
    for (const one of tables.toReversed())
      for (const { key, row } of byTable.get(one.table) ?? [])
        if (!row && !one.columns) remove(storage, one, key);
    for (const one of tables) {
      const some = byTable.get(one.table) ?? [];
      const columns = some.length > 0 ? columnsOf(storage, one.table) : [];
      for (const { key, row } of some) if (row) put(storage, one, columns, key, row);
    }
  };
  if (isSilent) silently(storage, apply);
  else apply();
}

/** What the work writes is another object's word. Runs inside a transaction. */
function silently(storage: ObjectStorage, work: () => void): void {
  const set = (busy: number) => rowsOf(storage, `update ${APPLYING} set busy = ?`, busy);
  set(1);
  try {
    work();
  } finally {
    set(0);
  }
}

export function columnsOf(storage: ObjectStorage, table: string): string[] {
  return rowsOf(storage, 'select name from pragma_table_info(?)', table).map(({ name }) => String(name));
}

function remove(storage: ObjectStorage, { table, key: names }: Tracked, key: readonly Value[]): void {
  rowsOf(
    storage,
    `delete from "${table}" where ${names.map((name) => `"${name}" = ?`).join(' and ')}`,
    ...key,
  );
}

/** The other object may know columns that this one does not know yet, or no more. */
function put(
  storage: ObjectStorage,
  one: Tracked,
  columns: readonly string[],
  key: readonly Value[],
  row: Row,
): void {
  const told = Object.keys(row).filter((name) => columns.includes(name) && !one.key.includes(name));
  const values = told.map((name) => row[name] ?? null);
  const [names, keys] = [told.map(quoted), one.key.map(quoted)];
  if (one.columns) {
    const set = told.map((name) => `${quoted(name)} = ${takenBy(one, name, 'theirs')}`).join(', ');
    const theirs = names.map((name) => `? as ${name}`).join(', ');
    const where = keys.map((name) => `mine.${name} = ?`).join(' and ');
    const text = `update "${one.table}" as mine set ${set} from (select ${theirs}) as theirs where ${where}`;
    if (told.length > 0) rowsOf(storage, text, ...values, ...key);
    return;
  }
  const all = [...keys, ...names];
  const taken = told.filter((name) => one.takes === undefined || one.takes[name] !== undefined);
  const set = taken.map((name) => `${quoted(name)} = ${takenBy(one, name, 'excluded')}`).join(', ');
  const then = taken.length > 0 ? `do update set ${set}` : 'do nothing';
  // Another row that stands in the way by a second unique index has changed as well, and is told of in its turn.
  const text = `insert or replace into "${one.table}" as mine (${all.join(', ')})
    values (${all.map(() => '?').join(', ')}) on conflict (${keys.join(', ')}) ${then}`;
  rowsOf(storage, text, ...key, ...values);
}

function takenBy({ takes }: Tracked, name: string, theirs: string): string {
  return takes?.[name]?.replaceAll('theirs.', `${theirs}.`) ?? `${theirs}.${quoted(name)}`;
}

function quoted(name: string): string {
  return `"${name}"`;
}
