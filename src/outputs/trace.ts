/** Whose clip is this? By its very bytes, else by what its frames look like. */
import type { Db } from '../store/db.node.ts';
import { turn } from '../turn.ts';
import type { Inspected } from './inspection.ts';
import { distance, NEAR_BITS, words } from './likeness.ts';

export interface Candidate {
  readonly object: string;
  /** Whose it is now. */
  readonly tester: string;
  /** The call that made it. */
  readonly request: string | null;
  /** When it was made, Unix milliseconds. */
  readonly at: number;
  /** True: these very bytes. */
  readonly exact: boolean;
  /** Bits of 64 that differ, over the middle of all frames. */
  readonly distance: number;
}

/** So many clips are compared before calls get their turn. */
const AT_ONCE = 64;
const MOST_CANDIDATES = 20;

/** The nearest first, exact ones before all. */
export async function trace(db: Db, { sha256, frames }: Inspected): Promise<Candidate[]> {
  const sql = statements(db);
  const exact = sql.exact.all(sha256);
  const known = new Set(exact.map(({ object }) => object));
  const near = frames && frames.length > 0 ? await nearest(sql, words(frames), known) : [];
  return [
    ...exact.map((one) => ({ ...one, exact: true, distance: 0 })),
    ...near.flatMap(({ object, bits }) => {
      const made = sql.made.get(object);
      return made ? [{ ...made, exact: false, distance: bits }] : [];
    }),
  ].slice(0, MOST_CANDIDATES);
}

interface Near {
  readonly object: string;
  readonly bits: number;
}

async function nearest(
  sql: ReturnType<typeof statements>,
  asked: Uint32Array,
  known: ReadonlySet<string>,
): Promise<Near[]> {
  let found: Near[] = [];
  for (let after = 0; ; ) {
    const page = sql.page.all(after, AT_ONCE);
    for (const { id, object, frames } of page) {
      after = id;
      const bits = known.has(object) ? Number.POSITIVE_INFINITY : distance(asked, words(frames));
      if (bits <= NEAR_BITS) found.push({ object, bits });
    }
    found = found.sort((a, b) => a.bits - b.bits).slice(0, MOST_CANDIDATES);
    if (page.length < AT_ONCE) return found;
    await turn();
  }
}

type Made = Omit<Candidate, 'exact' | 'distance'>;

function statements({ $client: db }: Db) {
  return {
    exact: db.prepare<[string], Made>(
      `select distinct o.id as object, o.tester, o.request, o.at from outputs join objects o on o.id = outputs.object
       where sha256 = ? order by o.at limit ${MOST_CANDIDATES}`,
    ),
    page: db.prepare<[number, number], { id: number; object: string; frames: Buffer }>(
      'select id, object, frames from fingerprints where id > ? order by id limit ?',
    ),
    made: db.prepare<[string], Made>('select id as object, tester, request, at from objects where id = ?'),
  };
}
