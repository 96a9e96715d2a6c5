/** Floods of anonymous refusals: beyond their share they count in one row, so that they cannot fill the disk. */
import { limitKey } from '../address.ts';
import type { RefusedCall } from './admission.ts';

/** One row stands for the refused calls of one client and one kind within this time, with an exact count … */
const FOLD_MS = 60_000;
/** … once so many rows of its own were written for it, … */
const OWN_ROWS = 1_000;
/** … or for all clients together: who has many addresses gets no more rows by them. */
const ALL_ROWS = 20_000;
const MAX_FOLDS = 10_000;

interface Fold {
  /** The row that was written last. */
  id: string;
  /** That may still be written. */
  rows: number;
}

export class Folds {
  readonly #folds = new Map<string, Fold>();
  #until = 0;
  /** Of all clients, that may still be written. */
  #rows = ALL_ROWS;

  /** The row that this refused call is folded into; null: it gets its own. */
  into({ arrival, refusal, who }: RefusedCall, now: number): string | null {
    if (who !== null) return null;
    // A clock that was set back must not make a minute of hours.
    if (now >= this.#until || now < this.#until - FOLD_MS) this.#begin(now);
    const client = limitKey(arrival.address ?? '');
    const fold = this.#of(`${client} ${refusal.code}`) ?? this.#of(`* ${refusal.code}`);
    if (fold === null) return this.#open(arrival.id, client, refusal.code);
    if (fold.rows === 0 || this.#rows === 0) return fold.id;
    fold.rows--;
    this.#rows--;
    fold.id = arrival.id;
    return null;
  }

  #begin(now: number): void {
    this.#folds.clear();
    this.#rows = ALL_ROWS;
    this.#until = now + FOLD_MS;
  }

  #of(key: string): Fold | null {
    return this.#folds.get(key) ?? null;
  }

  /** The first of its kind always gets a row. When there are too many clients, those that are new share one. */
  #open(id: string, client: string, code: string): null {
    const isFull = this.#folds.size >= MAX_FOLDS;
    const rows = isFull || code === 'address_limited' ? 0 : OWN_ROWS - 1;
    this.#folds.set(`${isFull ? '*' : client} ${code}`, { id, rows });
    return null;
  }
}
