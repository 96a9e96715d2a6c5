/** Builds the index of the request log behind the calls: block by block, a little in each turn. */
import type { Clock } from '../deps.ts';
import type { Db } from '../store/db.node.ts';
import type { Writer } from '../store/writer.ts';
import { turn } from '../turn.ts';
import { FACET_NAMES, FACETS, REPEATED, valuesOf } from './facets.ts';
import { firstIdOf, timeOf } from './id.ts';
import { BLOCK_ROWS, packPlaces } from './places.ts';

const EVERY_MS = 5_000;
/** Read in one turn: about a millisecond. */
const ROWS_AT_ONCE = 256;
/** What four bytes hold. A block over more than 49 days is asked by its rows. */
export const LONGEST_MS = 2 ** 32 - 1;

interface Row {
  readonly id: string;
  readonly at: number;
  readonly repeats: number;
  readonly outcome: string | null;
  readonly [facet: string]: string | number | null;
}

export interface IndexerOptions {
  readonly db: Db;
  readonly reader: Db;
  readonly writer: Writer;
  readonly now: Clock;
  /** Rows are written at most so long after their ids were made, and counted on for as long. */
  readonly quietMs: number;
}

export class Indexer {
  readonly #o: IndexerOptions;
  readonly #rows;
  readonly #full;
  readonly #block;
  readonly #insert;
  readonly #close;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #stopped = false;

  constructor(options: IndexerOptions) {
    this.#o = options;
    const { $client: reader } = options.reader;
    const { $client: db } = options.db;
    const columns = FACET_NAMES.map((name) => `${FACETS[name].sql} as "${name}"`).join(', ');
    this.#rows = reader.prepare<[string, string, number], Row>(
      `select id, at, repeats, ${columns} from requests where id > ? and id < ? order by id limit ?`,
    );
    this.#full = reader.prepare<[string, string]>(
      `select 1 from requests where id > ? and id < ? limit 1 offset ${BLOCK_ROWS - 1}`,
    );
    this.#block = reader.prepare<[string], { n: number; firstId: string; lastId: string }>(
      'select n, first_id as firstId, last_id as lastId from blocks where first_id > ? order by first_id limit 1',
    );
    this.#insert = db.prepare(
      'insert into facets ("column", value, block, count, places) values (?, ?, ?, ?, ?)',
    );
    // Another process may have been quicker.
    this.#close = db.prepare(
      `insert into blocks (first_id, last_id, oldest, newest, follows, ids, times)
       select :first, :last, :oldest, :newest, :follows, :ids, :times
       where not exists (select 1 from blocks where first_id <= :last and last_id >= :first)`,
    );
  }

  start(onFault: (fault: unknown) => void): void {
    const again = () => {
      if (this.#stopped) return;
      this.#timer = setTimeout(() => void this.run().catch(onFault).finally(again), EVERY_MS);
      this.#timer.unref();
    };
    again();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  /** Indexes what is at rest and in no block yet. @returns how many blocks it made */
  async run(): Promise<number> {
    let [made, after] = [0, ''];
    let previous: number | null = null;
    while (!this.#stopped) {
      const next = this.#block.get(after);
      // What may still change is not even read; the rest at the end waits until it fills a block.
      const before = next?.firstId ?? firstIdOf(this.#o.now() - this.#o.quietMs);
      if (!next && !this.#full.get(after, before)) return made;
      const rows = await this.#read(after, before);
      if (rows.length > 0) {
        previous = this.#isAtRest(rows) ? await this.#enter(rows, previous) : null;
        if (previous !== null) made++;
      }
      const isFull = rows.length === BLOCK_ROWS;
      if (isFull || !next) after = rows.at(-1)?.id ?? after;
      else [after, previous] = [next.lastId, next.n];
    }
    return made;
  }

  async #read(after: string, before: string): Promise<Row[]> {
    const rows: Row[] = [];
    for (let last = after; rows.length < BLOCK_ROWS; last = rows.at(-1)?.id ?? last) {
      const some = this.#rows.all(last, before, ROWS_AT_ONCE);
      rows.push(...some);
      if (some.length < ROWS_AT_ONCE) break;
      await turn();
    }
    return rows;
  }

  #isAtRest(rows: readonly Row[]): boolean {
    const until = this.#o.now() - this.#o.quietMs;
    return rows.every(({ id, at, outcome }) => outcome !== null && at < until && timeOf(id) < until);
  }

  /** @returns the number of the new block; null when another process was quicker */
  async #enter(rows: readonly Row[], follows: number | null): Promise<number | null> {
    const places = placesIn(rows);
    const times = rows.map(({ at }) => at);
    const [oldest, newest] = [Math.min(...times), Math.max(...times)];
    const block = {
      ...{ first: rows[0]?.id, last: rows.at(-1)?.id, oldest, newest, follows },
      times: Buffer.from(Uint32Array.from(times, (at) => Math.min(at - oldest, LONGEST_MS)).buffer),
      ids: Buffer.from(rows.map(({ id }) => id.replaceAll('-', '')).join(''), 'hex'),
    };
    return this.#o.writer.write(() => {
      const { changes, lastInsertRowid } = this.#close.run(block);
      if (changes === 0) return null;
      for (const [key, listed] of places) {
        const at = key.indexOf(' ');
        const facet = [Number(key.slice(0, at)), key.slice(at + 1), lastInsertRowid, listed.length];
        this.#insert.run(...facet, packPlaces(listed));
      }
      return Number(lastInsertRowid);
    });
  }
}

/** By number of the column and value. */
function placesIn(rows: readonly Row[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  const add = (code: number, value: string, place: number) => {
    const key = `${code} ${value}`;
    const listed = places.get(key);
    if (!listed) places.set(key, [place]);
    else if (listed.at(-1) !== place) listed.push(place);
  };
  for (const [place, row] of rows.entries()) {
    for (const name of FACET_NAMES)
      for (const value of valuesOf(name, row[name] ?? null)) add(FACETS[name].code, value, place);
    if (row.repeats > 1) add(REPEATED.code, REPEATED.value, place);
  }
  return places;
}
