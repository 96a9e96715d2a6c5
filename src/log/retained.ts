/** Which rows were let go: acts of retention say so, and are entries of the tree themselves. */
import type { Db } from '../store/db.node.ts';
import { isNumbered } from './entry.ts';
import type { Leaf } from './leaf.ts';

/** The act of letting rows go; its subject is `requests below ID`. */
export const LET_GO = 'log.let-go';
const SUBJECT = /^requests below ([0-9a-f-]{36})$/;

export function letGoSubject(belowId: string): string {
  return `requests below ${belowId}`;
}

export class RetainedBounds {
  readonly #below: string;

  constructor({ $client: db }: Db) {
    const acts = db.prepare<[string], { subject: string }>(
      'select subject from acts where act = ? and leaf is not null order by id desc',
    );
    const bounds = acts.all(LET_GO).map(({ subject }) => SUBJECT.exec(subject)?.[1] ?? '');
    this.#below = bounds.sort().at(-1) ?? '';
  }

  covers({ kind, ref }: Leaf): boolean {
    return !isNumbered(kind) && ref < this.#below;
  }
}
