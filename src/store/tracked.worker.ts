/** Which rows of a table travel from one object to another, whose they are, and the triggers that note their changes. */

export interface Tracked {
  readonly table: string;
  /** Columns of the primary key, in order. */
  readonly key: readonly string[];
  /**
   * Whose a row is: SQL over `row`, or the row of another tracked table that a column names, with which it moves. Null, here
   * or in SQL: everybody's.
   */
  readonly tester: string | { readonly of: string; readonly by: string } | null;
  /** Only these columns travel (always with the key), and only to rows that are there. Absent: the whole row. */
  readonly columns?: readonly string[];
  /** Columns that never travel. */
  readonly without?: readonly string[];
  /** Columns that travel, and are only ever written together with others of the row: they alone are no change. */
  readonly beside?: readonly string[];
  /** SQL over `row`: worth telling somebody who has nothing yet. */
  readonly fresh?: string;
  /** What a row that is there takes: SQL by column, over `mine` and `theirs`. Absent: all that travels. */
  readonly takes?: Readonly<Record<string, string>>;
}

/** Holds 1 while rows of another object are written. */
export const APPLYING = 'feed_applying';

/** Of one feed, by their names. @param columns of each table, as it is now */
export function triggersOf(
  feed: string,
  tables: readonly Tracked[],
  columns: (table: string) => readonly string[],
  evenApplied: boolean,
): Map<string, string> {
  const when = evenApplied ? '1' : `(select busy from ${APPLYING}) = 0`;
  const triggers = new Map<string, string>();
  const add = (one: Tracked, what: string, on: string, condition: string, does: readonly string[]) => {
    const name = `${feed}_${one.table}_${what}`;
    const begin = `create trigger "${name}" after ${on} when ${when}${condition}`;
    triggers.set(name, `${begin} begin ${does.join('; ')}; end`);
  };
  for (const one of tables) {
    const note = notesOf(feed, one, tables);
    const told = one.columns ?? without(columns(one.table), [...(one.without ?? []), ...(one.beside ?? [])]);
    const of = [...one.key, ...told].map((name) => `"${name}"`);
    add(one, 'update', `update of ${[...new Set(of)].join(', ')} on "${one.table}"`, '', note.update);
    if (one.columns) continue;
    add(one, 'insert', `insert on "${one.table}"`, '', note.insert);
    add(one, 'delete', `delete on "${one.table}"`, '', note.delete);
    if (one.tester === null || typeof one.tester === 'string') continue;
    const owner = tableOf(tables, one.tester.of);
    const moved = ` and ${testerOf(owner, 'old', tables)} <> ${testerOf(owner, 'new', tables)}`;
    add(one, 'move', `update on "${owner.table}"`, moved, note.move);
  }
  return triggers;
}

function notesOf(feed: string, one: Tracked, tables: readonly Tracked[]) {
  const [before, after] = ['old', 'new'].map((row) => ({
    key: keyOf(one, row),
    tester: testerOf(one, row, tables),
  })) as [Note, Note];
  // No OR REPLACE: a conflict clause of the statement that fires a trigger goes before those in it.
  const forget = ({ key, tester }: Note) =>
    `delete from "${feed}" where tab = '${one.table}' and key = ${key} and tester = ${tester}`;
  const enter = ({ key, tester }: Note, where = '1') =>
    `insert into "${feed}" (tab, key, tester) select '${one.table}', ${key}, ${tester} where ${where}`;
  const differ = `${before.key} <> ${after.key} or ${before.tester} <> ${after.tester}`;
  return {
    insert: [forget(after), enter(after)],
    update: [forget(before), forget(after), enter(before, differ), enter(after)],
    delete: [forget(before), enter(before)],
    move: typeof one.tester === 'object' && one.tester ? moves(feed, one, one.tester, tables) : [],
  };
}

interface Note {
  readonly key: string;
  readonly tester: string;
}

/** The row that it belongs to has become somebody else's: both are told. */
function moves(
  feed: string,
  one: Tracked,
  { of, by }: { readonly of: string; readonly by: string },
  tables: readonly Tracked[],
): string[] {
  const owner = tableOf(tables, of);
  const rows = `from "${one.table}" as row where row."${by}" = new."${owner.key[0]}"`;
  const enter = (tester: string) =>
    `insert into "${feed}" (tab, key, tester) select '${one.table}', ${keyOf(one, 'row')}, ${tester} ${rows}`;
  const [before, after] = [testerOf(owner, 'old', tables), testerOf(owner, 'new', tables)];
  const known = `delete from "${feed}" where tab = '${one.table}' and tester in (${before}, ${after})`;
  return [`${known} and key in (select ${keyOf(one, 'row')} ${rows})`, enter(before), enter(after)];
}

/** SQL for the key of a row, as the table of changes has it. */
export function keyOf({ key }: Tracked, row: string): string {
  return `json_array(${key.map((name) => `${row}."${name}"`).join(', ')})`;
}

/** SQL for whose a row is; '' for everybody's. */
export function testerOf({ tester }: Tracked, row: string, tables: readonly Tracked[]): string {
  if (tester === null) return "''";
  if (typeof tester === 'string') return `coalesce((${tester.replaceAll(/\brow\./g, `${row}.`)}), '')`;
  const { of, by } = tester;
  const owner = tableOf(tables, of);
  const its = `owner."${owner.key[0]}" = ${row}."${by}"`;
  return `coalesce((select ${testerOf(owner, 'owner', tables)} from "${of}" as owner where ${its}), '')`;
}

export function without(names: readonly string[], some: readonly string[] = []): string[] {
  return names.filter((name) => !some.includes(name));
}

function tableOf(tables: readonly Tracked[], name: string): Tracked {
  const found = tables.find(({ table }) => table === name);
  if (!found) throw new Error(`the table ${name} is not tracked`);
  return found;
}
