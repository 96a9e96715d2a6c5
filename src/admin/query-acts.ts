/** Whoever looks into the log leaves an entry in it: what was asked, by whom, from where. */
import type { Actor, Control } from '../control.ts';
import { recordAct } from './acts.ts';

/** The same question of the same operator is one entry in this time: following the log asks it twice a second. */
const SAME_MS = 60_000;
const MOST_KNOWN = 1_000;
const MOST_CHARS = 1_000;
/** Where a page begins is no other question. */
const CURSORS: ReadonlySet<string> = new Set(['before', 'after', 'limit']);

const asked = new WeakMap<Control, Map<string, number>>();

/** @throws StoreUnavailable: what cannot be written down is not answered */
export async function recordQuery(control: Control, actor: Actor, query: object): Promise<void> {
  const subject = subjectOf(query);
  const known = asked.get(control) ?? new Map<string, number>();
  asked.set(control, known);
  const key = `${actor.operator} ${actor.address} ${subject}`;
  const now = control.now();
  if ((known.get(key) ?? 0) > now - SAME_MS) return;
  await control.write(() => recordAct(control, actor, 'log.query', subject));
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(key, now);
}

export function subjectOf(query: object): string {
  const parts = Object.entries(query)
    .filter(([name, value]) => value !== undefined && !CURSORS.has(name))
    .map(([name, value]) => `${name}=${value}`);
  return parts.join(' ').slice(0, MOST_CHARS) || 'everything';
}
