/** A bounded shelf of objects, oldest out first, and the way the API pages through one. */
import { randomBytes } from 'node:crypto';
import { invalid, notFound } from './errors.ts';

const MOST_OBJECTS = 5_000;

export type Stored = { id: string };

export type Store<T extends Stored> = {
  add(item: T): T;
  find(id: string): T | undefined;
  /** The object, or a 404 that names it. */
  get(id: string): T;
  remove(id: string): T;
  /** Oldest first. */
  all(): T[];
};

export type Bounds<T> = { bytesOf?: (item: T) => number; mostBytes?: number };

export function createStore<T extends Stored>(what: string, bounds: Bounds<T> = {}): Store<T> {
  const items = new Map<string, T>();
  const bytesOf = bounds.bytesOf ?? (() => 0);
  const mostBytes = bounds.mostBytes ?? Number.POSITIVE_INFINITY;
  let heldBytes = 0;

  function drop(item: T): void {
    if (items.delete(item.id)) heldBytes -= bytesOf(item);
  }

  function get(id: string): T {
    const item = items.get(id);
    if (!item) throw notFound(what, id);
    return item;
  }

  return {
    add(item) {
      items.set(item.id, item);
      heldBytes += bytesOf(item);
      for (const oldest of items.values()) {
        if (oldest === item || (items.size <= MOST_OBJECTS && heldBytes <= mostBytes)) break;
        drop(oldest);
      }
      return item;
    },
    find: (id) => items.get(id),
    get,
    remove(id) {
      const item = get(id);
      drop(item);
      return item;
    },
    all: () => [...items.values()],
  };
}

export type PageLimits = { defaultLimit: number; mostLimit: number; defaultOrder?: 'asc' | 'desc' };

/** One page in the API's list shape; `oldestFirst` is in the order of creation. */
export function pageOf<T extends Stored>(
  oldestFirst: T[],
  query: Record<string, string>,
  limits: PageLimits,
) {
  const limit = query.limit === undefined ? limits.defaultLimit : Number(query.limit);
  if (!Number.isInteger(limit) || limit < 0 || limit > limits.mostLimit) {
    throw invalid(`Invalid 'limit': expected an integer from 0 to ${limits.mostLimit}.`, 'limit');
  }
  const order = query.order ?? limits.defaultOrder ?? 'desc';
  if (order !== 'asc' && order !== 'desc')
    throw invalid("Invalid 'order': expected 'asc' or 'desc'.", 'order');
  const ordered = order === 'asc' ? oldestFirst : oldestFirst.toReversed();
  const start = query.after ? ordered.findIndex((item) => item.id === query.after) + 1 : 0;
  if (query.after && start === 0) throw notFound('Object', query.after);
  const data = ordered.slice(start, start + limit);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + data.length < ordered.length,
  };
}

export function newId(prefix: string): string {
  return prefix + randomBytes(16).toString('hex');
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
