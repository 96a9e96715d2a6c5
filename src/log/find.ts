/** Answers what the request log is asked: pages, lines, counts over time, the most frequent values. Reads only. */
import type { Db } from '../store/db.node.ts';
import { turn } from '../turn.ts';
import { conditionOn, FACET_NAMES, FACETS, type FacetName, REPEATED, valuesOf } from './facets.ts';
import { LONGEST_MS } from './indexer.ts';
import { type Indexed, type Part, Parts, type Stretch } from './parts.ts';
import { both, countIn, countPlaces, type Places } from './places.ts';

export type Filters = { readonly [K in FacetName]?: string | number };

export interface Question {
  readonly filters: Filters;
  /** Unix milliseconds; `until` itself is not in it. */
  readonly since: number | null;
  readonly until: number | null;
  /** Ids; only rows below, or above, this one. */
  readonly before?: string;
  readonly after?: string;
}

export type FoundRow = Readonly<Record<string, string | number | null>>;

const TURN_MS = 5;
const FEW_ROWS = 200_000;
/** Ids that one statement looks up. */
const IDS_AT_ONCE = 128;

export class Finder {
  readonly #db: Db['$client'];
  readonly #parts: Parts;
  readonly #values;
  #breathed = 0;
  readonly #prepared = new Map<string, ReturnType<Db['$client']['prepare']>>();

  constructor(db: Db) {
    this.#db = db.$client;
    this.#parts = new Parts(db);
    this.#values = db.$client.prepare<
      [number, string, number],
      { value: string; count: number; block: number; places: Buffer }
    >(
      `select value, count, block, places from facets
       where "column" = ? and (value, block) > (?, ?) order by value, block limit 2000`,
    );
  }

  /** Newest first; with `after`, oldest first. @param columns SQL, `id` among them */
  page(asked: Question, limit: number, columns: string): FoundRow[] {
    const forward = asked.after !== undefined;
    const found: FoundRow[] = [];
    for (const part of this.#parts.in(asked, forward)) {
      found.push(...this.#rows(asked, part, columns, limit - found.length, forward));
      if (found.length >= limit) break;
    }
    return found;
  }

  /** Rows as lines of text, oldest first, joined by SQLite. @param line SQL that makes one of a row */
  *lines(asked: Question, line: string, atOnce: number): Generator<string> {
    const joined = `group_concat(line, char(10)) || char(10) as text, max(id) as id, count(*) as n`;
    let from = asked.after ?? '';
    for (const part of this.#parts.in(asked, true)) {
      const ids = part.block === null ? null : this.#parts.idsOf(part);
      const range = part.block === null ? part : part.range;
      for (let at = 0; ids === null || at < ids.length; at += atOnce) {
        const { rows, values } = ids === null ? stretch(range, from) : listed(ids.slice(at, at + atOnce));
        const { where, values: more } = conditions(asked);
        const sql = `select ${joined} from (select id, ${line} as line from requests where ${rows}${where} order by id limit ?)`;
        const some = this.#prepare(sql).get(...values, ...more, atOnce) as {
          text: string | null;
          id: string | null;
          n: number;
        };
        if (some.text !== null) yield some.text;
        from = some.id ?? from;
        if (ids === null && some.n < atOnce) break;
      }
    }
  }

  /** Calls in each step of time; a row that stands for repeated refusals counts as often. */
  async counts(asked: Question, stepMs: number): Promise<{ at: number; calls: number }[]> {
    const calls = new Map<number, number>();
    const add = (at: number, n: number) => {
      const start = at - (at % stepMs);
      calls.set(start, (calls.get(start) ?? 0) + n);
    };
    for (const part of this.#parts.in(asked, true)) {
      await this.#breathe();
      if (part.block !== null && isWithin(part, stepMs, asked)) {
        add(part.oldest, countPlaces(part.places));
        for (const { repeats } of this.#repeated(asked, part)) add(part.oldest, Number(repeats) - 1);
        continue;
      }
      const times =
        part.block !== null && part.newest - part.oldest < LONGEST_MS && this.#parts.timesOf(part);
      if (part.block !== null && times) {
        for (const at of times) if (isIn(at, asked)) add(at, 1);
        for (const { at, repeats } of this.#repeated(asked, part)) add(Number(at), Number(repeats) - 1);
      } else
        for (const { at, repeats } of this.#rows(asked, part, 'id, at, repeats'))
          add(Number(at), Number(repeats));
    }
    return [...calls].map(([at, n]) => ({ at, calls: n })).sort((a, b) => a.at - b.at);
  }

  /** The values that most calls have. */
  async top(asked: Question, name: FacetName, limit: number): Promise<{ value: string; calls: number }[]> {
    const calls = new Map<string, number>();
    const add = (row: FoundRow, n: number) => {
      for (const value of valuesOf(name, row[name] ?? null)) calls.set(value, (calls.get(value) ?? 0) + n);
    };
    const whole = new Map<number, Indexed>();
    const columns = `id, repeats, ${FACETS[name].sql} as "${name}"`;
    const parts = [...this.#parts.in(asked, true)];
    // Few rows are quicker looked at than all values of a column.
    const isFew = Object.keys(asked.filters).length > 0 && sizeOf(parts) < FEW_ROWS;
    for (const part of parts) {
      await this.#breathe();
      if (!isFew && part.block !== null && isWithin(part, null, asked)) {
        whole.set(part.block, part);
        for (const row of this.#repeated(asked, part)) add(row, Number(row.repeats) - 1);
      } else for (const row of this.#rows(asked, part, columns)) add(row, Number(row.repeats));
    }
    if (whole.size > 0) await this.#addWhole(calls, whole, name, asked);
    return [...calls]
      .filter(([, n]) => n > 0)
      .map(([value, n]) => ({ value, calls: n }))
      .sort((a, b) => b.calls - a.calls || (a.value < b.value ? -1 : 1))
      .slice(0, limit);
  }

  /**
   * Calls of each tester in each step of time. Blocks are counted from the index alone: one that reaches over several
   * steps is shared out evenly, so this is for pictures, not for accounts.
   */
  async use(
    testers: readonly string[],
    since: number,
    stepMs: number,
    steps: number,
  ): Promise<Map<string, number[]>> {
    const calls = new Map(testers.map((tester) => [tester, new Array<number>(steps).fill(0)]));
    const add = (tester: string, at: number, n: number) => {
      const own = calls.get(tester);
      const step = Math.floor((at - since) / stepMs);
      if (own && step >= 0 && step < steps) own[step] = (own[step] ?? 0) + n;
    };
    const blocks = new Map<number, Indexed>();
    for (const part of this.#parts.in({ filters: {}, since, until: null }, true)) {
      if (part.block !== null) blocks.set(part.block, part);
      else
        for (const { tester, at, n } of this.#inStretch(part, testers, since, stepMs))
          add(String(tester), Number(at), Number(n));
      await this.#breathe();
    }
    if (blocks.size > 0)
      for (const tester of testers) {
        for (const [block, n] of this.#parts.countsFrom('tester', tester, Math.min(...blocks.keys()))) {
          const part = blocks.get(block);
          const slices = part ? Math.max(1, Math.ceil((part.newest - part.oldest) / stepMs)) : 0;
          for (let i = 0; part && i < slices; i++)
            add(tester, part.oldest + ((i + 0.5) * (part.newest - part.oldest)) / slices, n / slices);
        }
        await this.#breathe();
      }
    return calls;
  }

  /** The SHA-256 of the newest whole output of each object, as it was given out. */
  async outputs(ids: readonly string[]): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const asked: Question = { filters: {}, since: null, until: null };
    const columns = 'id, objects, output_hash as hash';
    for (const part of this.#parts.in(asked, false)) {
      if (part.block !== null) continue;
      const { rows, values } = stretch(part, part.after);
      const sql = `select ${columns} from requests where ${rows} and output_hash is not null order by id desc`;
      for (const row of this.#prepare(sql).all(...values) as FoundRow[])
        for (const id of JSON.parse(String(row.objects ?? '[]')) as string[])
          if (ids.includes(id) && !found.has(id)) found.set(id, String(row.hash));
    }
    for (const id of ids.filter((one) => !found.has(one))) {
      await this.#breathe();
      for (const part of this.#parts.in({ ...asked, filters: { object: id } }, false)) {
        const rows =
          part.block === null
            ? []
            : this.#rows({ ...asked, filters: { object: id } }, part, columns, 64, false);
        const hash = rows.find((row) => row.hash !== null)?.hash;
        if (hash) found.set(id, String(hash));
        if (hash) break;
      }
    }
    return found;
  }

  #inStretch(part: Stretch, testers: readonly string[], since: number, stepMs: number): FoundRow[] {
    const { rows, values } = stretch(part, part.after);
    const sql = `select tester, min(at) as at, sum(repeats) as n from requests
      where ${rows} and at >= ? and tester in (select value from json_each(?)) group by tester, (at - ?) / ?`;
    return this.#prepare(sql).all(...values, since, JSON.stringify(testers), since, stepMs) as FoundRow[];
  }

  async #addWhole(
    calls: Map<string, number>,
    whole: ReadonlyMap<number, Indexed>,
    name: FacetName,
    { filters }: Question,
  ): Promise<void> {
    const isFiltered = Object.keys(filters).length > 0;
    let [value, block] = ['', -1];
    for (;;) {
      const some = this.#values.all(FACETS[name].code, value, block);
      for (const one of some) {
        const part = whole.get(one.block);
        if (!part) continue;
        const n = isFiltered ? countIn(one.places, part.places) : one.count;
        calls.set(one.value, (calls.get(one.value) ?? 0) + n);
      }
      const last = some.at(-1);
      if (!last) return;
      [value, block] = [last.value, last.block];
      await this.#breathe();
    }
  }

  /** Calls go first: a long question takes turns of a few milliseconds. */
  async #breathe(): Promise<void> {
    const now = performance.now();
    if (now - this.#breathed < TURN_MS) return;
    await turn();
    this.#breathed = performance.now();
  }

  #rows(
    asked: Question,
    part: Part,
    columns: string,
    limit = Number.MAX_SAFE_INTEGER,
    forward = true,
  ): FoundRow[] {
    const { where, values } = conditions(asked);
    const order = `order by id ${forward ? 'asc' : 'desc'} limit ?`;
    const ids = part.block === null ? null : this.#parts.idsOf(part);
    if (ids === null) {
      const range = part.block === null ? part : part.range;
      const within = stretch(range, range.after);
      const sql = `select ${columns} from requests where ${within.rows}${where} ${order}`;
      return this.#prepare(sql).all(...within.values, ...values, limit) as FoundRow[];
    }
    if (!forward) ids.reverse();
    const found: FoundRow[] = [];
    for (let at = 0; at < ids.length && found.length < limit; at += IDS_AT_ONCE) {
      const some = listed(ids.slice(at, at + IDS_AT_ONCE));
      // Looked at once more: the index keeps less than the row.
      const sql = `select ${columns} from requests where ${some.rows}${where} ${order}`;
      found.push(...(this.#prepare(sql).all(...some.values, ...values, limit - found.length) as FoundRow[]));
    }
    return found;
  }

  /** The rows of a part that count for more than one call each. */
  #repeated(asked: Question, part: Indexed): FoundRow[] {
    const held = this.#parts.placesOf(REPEATED.code, REPEATED.value, part.block);
    const places: Places | null = held && both(part.places, held);
    if (!places || countPlaces(places) === 0) return [];
    const columns = FACET_NAMES.map((name) => `${FACETS[name].sql} as "${name}"`).join(', ');
    const rows = this.#rows(asked, { ...part, places }, `id, at, repeats, ${columns}`);
    return rows.filter(({ repeats }) => Number(repeats) > 1);
  }

  #prepare(sql: string) {
    const known = this.#prepared.get(sql);
    if (known) return known;
    const made = this.#db.prepare(sql);
    this.#prepared.set(sql, made);
    return made;
  }
}

function sizeOf(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + (part.block === null ? 0 : countPlaces(part.places)), 0);
}

/** True when all rows of a block lie in the time that is asked for, and in one step of it. */
function isWithin({ oldest, newest }: Indexed, stepMs: number | null, { since, until }: Question): boolean {
  if ((since !== null && oldest < since) || (until !== null && newest >= until)) return false;
  return stepMs === null || oldest - (oldest % stepMs) === newest - (newest % stepMs);
}

function isIn(at: number, { since, until }: Question): boolean {
  return (since === null || at >= since) && (until === null || at < until);
}

interface Rows {
  readonly rows: string;
  readonly values: string[];
}

function stretch({ before, after }: { after: string; before: string }, from: string): Rows {
  return { rows: 'id > ? and id < ?', values: [from > after ? from : after, before] };
}

function listed(ids: readonly string[]): Rows {
  return { rows: 'id in (select value from json_each(?))', values: [JSON.stringify(ids)] };
}

/** Conditions on a row, as SQL behind where it is looked for, with their values. */
function conditions({ filters, since, until, before, after }: Question) {
  const parts: string[] = [];
  const values: (string | number)[] = [];
  const add = (sql: string, value: string | number) => {
    parts.push(` and ${sql}`);
    values.push(value);
  };
  for (const name of FACET_NAMES) {
    const value = filters[name];
    if (value === undefined) continue;
    // A call that has not ended has no outcome.
    if (name === 'outcome' && value === 'open') parts.push(' and outcome is null');
    else add(conditionOn(name), value);
  }
  if (since !== null) add('at >= ?', since);
  if (until !== null) add('at < ?', until);
  if (before !== undefined) add('id < ?', before);
  if (after !== undefined) add('id > ?', after);
  return { where: parts.join(''), values };
}
