/** A list of the caller's own objects, made from pages of everybody's under the shared key. */
import type { Span } from '../admission/admission.ts';
import { Refusal } from '../refusal.ts';
import { isFields } from './answer.ts';
import type { Fields } from './body.ts';
import { isCount } from './units.ts';

/** What the next pages are asked for with; the first goes up as the caller asked. */
const PAGE_LIMIT = 100;
/** How many pages one call reads through at most. */
const MAX_PAGES = 200;

export interface Ownership {
  /** Those of the ids that are the caller's own. */
  own(ids: readonly string[]): ReadonlySet<string>;
  /** When the caller's objects of this kind were made. */
  span(kind: string): Span;
}

export class OwnList {
  readonly #query: string;
  readonly #kind: string;
  readonly #ownership: Ownership;
  #first: Fields | null = null;
  #wanted = 0;
  #pages = 0;
  #more = false;
  #found: unknown[] = [];

  constructor(query: string, kind: string, ownership: Ownership) {
    this.#query = query;
    this.#kind = kind;
    this.#ownership = ownership;
  }

  /** True once a page was read. */
  get begun(): boolean {
    return this.#first !== null;
  }

  /** Takes a page as upstream answered it: the query of the page to ask for next, or null when the list is whole. */
  take(page: unknown): string | null {
    if (!isFields(page) || !Array.isArray(page.data)) throw unreadable('not a list');
    const { data } = page;
    const hasMore = page.has_more === true;
    if (this.#first === null) {
      this.#first = page;
      this.#wanted = hasMore ? data.length : Number.POSITIVE_INFINITY;
    }
    const ids = data.map(idOf);
    const own = this.#ownership.own(ids);
    this.#found.push(...data.filter((_, i) => own.has(ids[i] ?? '')));
    this.#pages++;
    const last = ids.at(-1);
    if (this.#found.length > this.#wanted) this.#more = true;
    else if (hasMore && last !== undefined && !this.#isPast(data)) return this.#next(last);
    return null;
  }

  /** The list in upstream's shape. */
  answer(): Fields {
    const data = this.#found.slice(0, this.#wanted);
    const named = this.#first && 'first_id' in this.#first;
    const ids = named ? { first_id: idOrNull(data[0]), last_id: idOrNull(data.at(-1)) } : {};
    return { ...this.#first, data, ...ids, has_more: this.#more };
  }

  #next(last: string): string | null {
    if (this.#pages >= MAX_PAGES) {
      // A page may be short; one that is empty would end the list.
      if (this.#found.length === 0) throw unreadable(`nothing of the caller's in ${MAX_PAGES} pages`);
      this.#more = true;
      return null;
    }
    const query = new URLSearchParams(this.#query);
    query.set('after', last);
    query.set('limit', String(PAGE_LIMIT));
    return `?${query}`;
  }

  /** True when what follows was made before the caller's oldest object, or after the newest. */
  #isPast(data: readonly unknown[]): boolean {
    const { count, oldest, newest } = this.#ownership.span(this.#kind);
    if (count === 0) return true;
    const [first, last] = [madeAt(data[0]), madeAt(data.at(-1))];
    if (first === null || last === null || oldest === null || newest === null) return false;
    return first > last ? last < oldest : first < last && last > newest;
  }
}

function idOf(item: unknown): string {
  if (isFields(item) && typeof item.id === 'string') return item.id;
  throw unreadable('an item without an id');
}

function idOrNull(item: unknown): string | null {
  return item === undefined ? null : idOf(item);
}

function madeAt(item: unknown): number | null {
  const at = isFields(item) ? (item.created_at ?? item.created) : null;
  return isCount(at) ? at : null;
}

function unreadable(detail: string): Refusal {
  return new Refusal('upstream_answer_refused', `list: ${detail}`);
}
