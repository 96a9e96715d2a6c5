/** Which parts of the request log can hold an answer: places in indexed blocks, and stretches that are in no block. */
import type { Db } from '../store/db.node.ts';
import { FACET_NAMES, FACETS, type FacetName, keptOf } from './facets.ts';
import type { Question } from './find.ts';
import { firstIdOf } from './id.ts';
import { uuid } from './leaf.ts';
import { both, countPlaces, firstPlaces, listPlaces, type Places, unpackPlaces } from './places.ts';

const ID_BYTES = 16;
/** Ids run ahead of the clock while it is set back: they narrow the range, `at` decides. */
const SLACK_MS = 60_000;
const FIRST = '';
const LAST = '~';

export interface Stretch {
  readonly block: null;
  /** Ids; neither is in it. */
  readonly after: string;
  readonly before: string;
}

export interface Indexed {
  readonly block: number;
  readonly rows: number;
  readonly places: Places;
  /** Where its rows are, should it be no block any more before the question is answered. */
  readonly range: Stretch;
  /** Unix milliseconds. */
  readonly oldest: number;
  readonly newest: number;
}

export type Part = Stretch | Indexed;

interface Block {
  readonly n: number;
  readonly follows: number | null;
  readonly firstId: string;
  readonly lastId: string;
  readonly oldest: number;
  readonly newest: number;
  readonly bytes: number;
}

export class Parts {
  readonly #blocks;
  readonly #ids;
  readonly #times;
  readonly #facet;
  readonly #facetsOf;
  readonly #counts;

  constructor({ $client: db }: Db) {
    this.#blocks = db.prepare<[string, string], Block>(
      `select n, follows, first_id as firstId, last_id as lastId, oldest, newest, length(ids) as bytes from blocks
       where last_id > ? and first_id < ? order by first_id`,
    );
    this.#ids = db.prepare<[number], { ids: Buffer }>('select ids from blocks where n = ?');
    this.#times = db.prepare<[number], { times: Buffer }>('select times from blocks where n = ?');
    this.#facet = db.prepare<[number, string, number], { places: Buffer }>(
      'select places from facets where "column" = ? and value = ? and block = ?',
    );
    this.#counts = db.prepare<[number, string, number], { block: number; count: number }>(
      'select block, count from facets where "column" = ? and value = ? and block >= ?',
    );
    this.#facetsOf = db.prepare<[number, string], { block: number; places: Buffer }>(
      'select block, places from facets where "column" = ? and value = ?',
    );
  }

  /** In the order of ids, or the other way round. */
  *in(asked: Question, forward: boolean): Generator<Part> {
    const [after, before] = boundsOf(asked);
    if (after >= before) return;
    const parts = this.#all(after, before);
    const held = this.#lead(asked);
    for (const part of forward ? parts : parts.reverse()) {
      if ('after' in part) yield part;
      else {
        const places = this.#placesIn(part, asked, held);
        if (places)
          yield {
            block: part.n,
            rows: part.bytes / ID_BYTES,
            places,
            range: { block: null, after: justBelow(part.firstId), before: justAbove(part.lastId) },
            oldest: part.oldest,
            newest: part.newest,
          };
      }
    }
  }

  /** The ids at these places, in order; null: it is no block any more. */
  idsOf({ block, places }: Indexed): string[] | null {
    const ids = this.#ids.get(block)?.ids;
    if (!ids) return null;
    return listPlaces(places).map((at) => uuid(ids.toString('hex', at * ID_BYTES, (at + 1) * ID_BYTES)));
  }

  /** Unix milliseconds of the rows at these places; null: it is no block any more. */
  timesOf({ block, places, oldest }: Indexed): number[] | null {
    const times = this.#times.get(block)?.times;
    return times ? listPlaces(places).map((at) => oldest + times.readUInt32LE(at * 4)) : null;
  }

  /** How many rows hold the value, in each block from this number on. */
  countsFrom(name: FacetName, value: string, block: number): [block: number, rows: number][] {
    return this.#counts
      .all(FACETS[name].code, keptOf(name, value), block)
      .map((one) => [one.block, one.count]);
  }

  placesOf(code: number, value: string, block: number): Places | null {
    const held = this.#facet.get(code, value, block);
    return held ? unpackPlaces(held.places) : null;
  }

  #all(after: string, before: string): (Stretch | Block)[] {
    const parts: (Stretch | Block)[] = [];
    let from = after;
    let previous: number | null = null;
    for (const block of this.#blocks.iterate(after, before)) {
      const follows = previous !== null && block.follows === previous;
      if (!follows && from < block.firstId) parts.push({ block: null, after: from, before: block.firstId });
      parts.push(block);
      [from, previous] = [block.lastId, block.n];
    }
    if (from < before) parts.push({ block: null, after: from, before });
    return parts;
  }

  #lead({ filters }: Question): Map<number, Buffer> | null {
    const name = FACET_NAMES.find((one) => filters[one] !== undefined);
    const value = name && filters[name];
    if (value === undefined) return null;
    const found = this.#facetsOf.all(FACETS[name as keyof typeof FACETS].code, keptOf(name as never, value));
    return new Map(found.map(({ block, places }) => [block, places]));
  }

  #placesIn({ n, bytes }: Block, { filters }: Question, held: Map<number, Buffer> | null): Places | null {
    if (!held) return firstPlaces(bytes / ID_BYTES);
    const first = held.get(n);
    if (!first) return null;
    let places = unpackPlaces(first);
    for (const name of FACET_NAMES.filter((one) => filters[one] !== undefined).slice(1)) {
      const next = this.placesOf(FACETS[name].code, keptOf(name, filters[name] ?? ''), n);
      if (!next) return null;
      places = both(places, next);
    }
    return countPlaces(places) > 0 ? places : null;
  }
}

function boundsOf({ since, until, before, after }: Question): [after: string, before: string] {
  const from = [after ?? FIRST, since === null ? FIRST : firstIdOf(since - SLACK_MS)];
  const to = [before ?? LAST, until === null ? LAST : firstIdOf(until + SLACK_MS)];
  return [from.sort().at(-1) ?? FIRST, to.sort()[0] ?? LAST];
}

/** Between an id and the one before it, or after it, in the order of texts. */
function justBelow(id: string): string {
  return `${id.slice(0, -1)}${String.fromCharCode(id.charCodeAt(id.length - 1) - 1)}~`;
}
function justAbove(id: string): string {
  return `${id}!`;
}
