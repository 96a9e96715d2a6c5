/** A tester's calls by day. What the portal refused has rows too, and is no call. */
import { iso } from '../iso.ts';
import type { Portal, Visitor } from './portal.ts';

export interface Day {
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly allowed: number;
  readonly refused: number;
}

export const DAY_MS = 86_400_000;
const DAYS = 30;
/** As the log calls visits that were refused. */
const VISITS = ['portal', 'portal.sign-in', 'portal.link'] as const;

export const isVisit = (operation: string | null): boolean => VISITS.some((one) => one === operation);

export async function readDays(portal: Portal, visitor: Visitor): Promise<Day[]> {
  const today = portal.now() - (portal.now() % DAY_MS);
  const since = today - (DAYS - 1) * DAY_MS;
  const span = { since, until: null };
  const allowed = await callsByDay(portal, visitor, { decision: 'allowed' }, span);
  const refused = await callsByDay(portal, visitor, { decision: 'refused' }, span);
  return Array.from({ length: DAYS }, (_, i) => {
    const at = since + i * DAY_MS;
    return { day: iso(at).slice(0, 10), allowed: allowed.get(at) ?? 0, refused: refused.get(at) ?? 0 };
  });
}

/** By the beginning of each day, Unix milliseconds. */
export async function callsByDay(
  { find }: Portal,
  { tester }: Visitor,
  filters: { readonly decision: 'allowed' | 'refused'; readonly outcome?: string },
  span: { readonly since: number; readonly until: number | null },
): Promise<Map<number, number>> {
  const counted = async (more: { operation?: string }) =>
    find.counts({ filters: { tester, ...filters, ...more }, ...span }, DAY_MS);
  const days = new Map((await counted({})).map(({ at, calls }) => [at, calls]));
  if (filters.decision === 'allowed') return days;
  for (const operation of VISITS)
    for (const { at, calls } of await counted({ operation })) days.set(at, (days.get(at) ?? 0) - calls);
  return days;
}
