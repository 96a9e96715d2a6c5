/** A tester's calls of each of the last days. */
import { iso } from './iso.ts';
import type { Portal, Visitor } from './portal.ts';

export interface Day {
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly allowed: number;
  readonly refused: number;
}

const DAY_MS = 86_400_000;
const DAYS = 30;

export async function readDays({ find, now }: Portal, { tester }: Visitor): Promise<Day[]> {
  const today = now() - (now() % DAY_MS);
  const since = today - (DAYS - 1) * DAY_MS;
  const counted = async (decision: string) => {
    const asked = { filters: { tester, decision }, since, until: null };
    return new Map((await find.counts(asked, DAY_MS)).map(({ at, calls }) => [at, calls]));
  };
  const [allowed, refused] = [await counted('allowed'), await counted('refused')];
  return Array.from({ length: DAYS }, (_, i) => {
    const at = since + i * DAY_MS;
    return { day: iso(at).slice(0, 10), allowed: allowed.get(at) ?? 0, refused: refused.get(at) ?? 0 };
  });
}
