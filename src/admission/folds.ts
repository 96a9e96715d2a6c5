/** Floods of anonymous refusals: beyond their share they count in one row, so that they cannot fill the disk. */
import type { RefusedCall } from './admission.ts';

/** One row stands for the refused calls of one address and one kind within this time, with an exact count … */
const FOLD_MS = 60_000;
/** … once so many rows of its own were written for it. */
const OWN_ROWS = 1_000;
const MAX_FOLDS = 10_000;

interface Fold {
  /** The row that was written last. */
  id: string;
  readonly until: number;
  /** That may still be written. */
  rows: number;
}

export class Folds {
  readonly #folds = new Map<string, Fold>();

  /** The row that this refused call is folded into; null: it gets its own. */
  into({ arrival, refusal, who }: RefusedCall, now: number): string | null {
    if (who !== null) return null;
    const key = `${arrival.address} ${refusal.code}`;
    let fold = this.#folds.get(key);
    if (!fold || fold.until <= now) {
      if (this.#folds.size >= MAX_FOLDS) this.#folds.clear();
      const rows = refusal.code === 'address_limited' ? 1 : OWN_ROWS;
      fold = { id: arrival.id, until: now + FOLD_MS, rows };
      this.#folds.set(key, fold);
    }
    if (fold.rows === 0) return fold.id;
    fold.rows--;
    fold.id = arrival.id;
    return null;
  }
}
