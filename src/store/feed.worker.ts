/** A feed: which rows changed, in the order of their last changes, for another object to take as they are when it is told. */
import { type ObjectStorage, rowsOf, type Value } from './durable.worker.ts';
import { APPLYING, keyOf, type Tracked, testerOf, triggersOf } from './tracked.worker.ts';

export interface Change {
  readonly table: string;
  readonly key: readonly Value[];
  /** Null: it is gone, or somebody else's. */
  readonly row: Row | null;
}
export type Row = Readonly<Record<string, Value>>;

export interface Page {
  /** The newest change that this tells of. */
  readonly seq: number;
  readonly changes: readonly Change[];
  readonly more: boolean;
}

interface Noted {
  readonly seq: number;
  readonly tab: string;
  readonly key: string;
}

export class Feed {
  readonly #storage: ObjectStorage;
  readonly #name: string;
  readonly #tables: readonly Tracked[];

  /**
   * Makes its table and its triggers; all rows of a table that is new in it count as changed.
   * @param options.evenApplied what `applyChanges` wrote counts as well
   */
  constructor(
    storage: ObjectStorage,
    name: string,
    tables: readonly Tracked[],
    { evenApplied = false }: { readonly evenApplied?: boolean } = {},
  ) {
    this.#storage = storage;
    this.#name = `feed_${name}`;
    this.#tables = tables;
    storage.transactionSync(() => this.#prepare(evenApplied));
  }

  /** The number of the newest change; it never falls. */
  get last(): number {
    const [row] = this.#rows('select seq from sqlite_sequence where name = ?', this.#name);
    return Number(row?.seq ?? 0);
  }

  /**
   * What changed behind a number; 0: for somebody who has nothing yet.
   * @param tester undefined: everybody's changes; otherwise hers and those of rows that are nobody's own
   * @param most a page may hold more than that: rows that others of it refer to
   */
  since(seq: number, tester: string | null | undefined, most: number): Page {
    const whose = tester === undefined ? '' : "and tester in ('', ?)";
    const noted = this.#rows(
      `select seq, tab, key from "${this.#name}" where seq > ? ${whose} order by seq limit ?`,
      seq,
      ...(tester === undefined ? [] : [tester ?? '']),
      most + 1,
    ) as unknown as Noted[];
    const more = noted.length > most;
    const page = noted.slice(0, most);
    const changes = new Map<string, Change>();
    for (const { tab, key } of page) {
      const one = this.#tables.find(({ table }) => table === tab);
      const change = one && this.#now(one, JSON.parse(key) as Value[], tester, seq === 0);
      if (change) changes.set(`${tab} ${key}`, change);
    }
    if (more) this.#addParents(changes, tester);
    return {
      seq: more ? (page.at(-1)?.seq ?? seq) : Math.max(seq, this.last),
      changes: [...changes.values()],
      more,
    };
  }

  /** Whom changes behind a number concern. */
  concerned(after: number): 'all' | readonly string[] {
    const rows = this.#rows(`select distinct tester from "${this.#name}" where seq > ?`, after);
    const testers = rows.map(({ tester }) => String(tester));
    return testers.includes('') ? 'all' : testers;
  }

  /** They are delivered. */
  forget(upTo: number): void {
    this.#rows(`delete from "${this.#name}" where seq <= ?`, upTo);
  }

  /** The row as it is now; undefined: not worth telling. */
  #now(
    one: Tracked,
    key: readonly Value[],
    tester: string | null | undefined,
    isFresh: boolean,
  ): Change | undefined {
    const columns = one.columns ? [...one.key, ...one.columns].map((name) => `row."${name}"`) : ['row.*'];
    const { fresh = '1', table } = one;
    const [found] = this.#rows(
      `select ${columns.join(', ')}, ${testerOf(one, 'row', this.#tables)} as feed_whose, (${fresh}) as feed_fresh
       from "${table}" as row where ${one.key.map((name) => `row."${name}" is ?`).join(' and ')}`,
      ...key,
    );
    const { feed_whose: whose = '', feed_fresh, ...row } = found ?? {};
    const isTheirs = found && (tester === undefined || whose === '' || whose === tester);
    if (isFresh && tester !== undefined && isTheirs && !feed_fresh) return undefined;
    for (const name of one.without ?? []) delete row[name];
    return { table, key, row: isTheirs ? row : null };
  }

  /** A row may have come before one that it refers to, and that changed again since. */
  #addParents(changes: Map<string, Change>, tester: string | null | undefined): void {
    for (const { table, row } of changes.values())
      for (const { to, from } of row ? this.#parents(table) : []) {
        const key = [row?.[from] ?? null];
        const name = `${to.table} ${JSON.stringify(key)}`;
        const parent = key[0] === null || changes.has(name) ? null : this.#now(to, key, tester, false);
        if (parent) changes.set(name, parent);
      }
  }

  #parents(table: string): { readonly to: Tracked; readonly from: string }[] {
    return this.#rows(
      'select "table" as parent, "from" as by from pragma_foreign_key_list(?)',
      table,
    ).flatMap(({ parent, by }) => {
      const to = this.#tables.find((one) => one.table === parent);
      return to ? [{ to, from: String(by) }] : [];
    });
  }

  #prepare(evenApplied: boolean): void {
    const name = this.#name;
    this.#rows(`create table if not exists ${APPLYING} (id integer primary key, busy integer not null)`);
    this.#rows(`insert or ignore into ${APPLYING} values (1, 0)`);
    this.#rows('create table if not exists feed_tables (feed, tab, primary key (feed, tab)) without rowid');
    if (this.#rows('select 1 from sqlite_master where name = ?', name).length === 0) this.#make();
    const columns = (table: string) =>
      this.#rows('select name from pragma_table_info(?)', table).map((row) => String(row.name));
    const wanted = triggersOf(name, this.#tables, columns, evenApplied);
    const there = this.#rows(
      `select name, sql from sqlite_master where type = 'trigger' and substr(name, 1, ?) = ?`,
      name.length + 1,
      `${name}_`,
    );
    for (const { name: trigger, sql } of there)
      if (wanted.get(String(trigger))?.toLowerCase() !== String(sql).toLowerCase())
        this.#rows(`drop trigger "${trigger}"`);
      else wanted.delete(String(trigger));
    for (const sql of wanted.values()) this.#rows(sql);
    const others = 'tab not in (select value from json_each(?))';
    const tracked = JSON.stringify(this.#tables.map(({ table }) => table));
    this.#rows(`delete from "${name}" where ${others}`, tracked);
    this.#rows(`delete from feed_tables where feed = ? and ${others}`, name, tracked);
    for (const one of this.#tables) this.#begin(one);
  }

  /** Its numbers begin above those of an object that had its name before. */
  #make(): void {
    const name = `"${this.#name}"`;
    this.#rows(
      `create table ${name} (seq integer primary key autoincrement, tab text not null, key text not null, tester text not null)`,
    );
    this.#rows(`create unique index "${this.#name}_once" on ${name} (tab, key, tester)`);
    if (this.#tables.some(({ tester }) => tester !== null))
      this.#rows(`create index "${this.#name}_whose" on ${name} (tester, seq)`);
    this.#rows(
      `insert into ${name} values (cast(unixepoch('subsec') * 1000000 as integer), 'none', '[]', '')`,
    );
    this.#rows(`delete from ${name}`);
  }

  #begin(one: Tracked): void {
    const known = this.#rows('select 1 from feed_tables where feed = ? and tab = ?', this.#name, one.table);
    if (known.length > 0) return;
    this.#rows('insert into feed_tables values (?, ?)', this.#name, one.table);
    if (one.columns) return;
    this.#rows(
      `insert or ignore into "${this.#name}" (tab, key, tester)
       select '${one.table}', ${keyOf(one, 'row')}, ${testerOf(one, 'row', this.#tables)} from "${one.table}" as row`,
    );
  }

  #rows(text: string, ...values: Value[]): Record<string, Value>[] {
    return rowsOf(this.#storage, text, ...values);
  }
}
