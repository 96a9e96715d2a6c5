/** Lists of the admin API, read page by page until they end or enough is read. */
import { InvalidArgumentError } from 'commander';

const LARGEST = 1000;

interface Page {
  readonly limit: string;
  readonly after?: string;
}

export interface Read<T> {
  readonly rows: readonly T[];
  /** True when there are more than were asked for. */
  readonly more: boolean;
}

/** @param ask for one page @param most without it: all there are */
export async function readPages<T>(
  ask: (page: Page) => Promise<{ rows: readonly T[]; next: string | null }>,
  most = Number.POSITIVE_INFINITY,
): Promise<Read<T>> {
  const rows: T[] = [];
  for (let after: string | undefined; ; ) {
    const limit = String(Math.min(LARGEST, most - rows.length));
    const page = await ask(after === undefined ? { limit } : { limit, after });
    rows.push(...page.rows);
    if (page.next === null || rows.length >= most) return { rows, more: page.next !== null };
    after = page.next;
  }
}

export function parseMost(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Use a whole number from 1 up.');
  return Number(text);
}
