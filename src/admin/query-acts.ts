/** Whoever looks into the log leaves an entry in it: what was asked, by whom, from where. */
import type { Actor, Control } from '../control.ts';
import { recordAct } from './acts.ts';

/** The same question of the same operator is one entry in this time: following the log asks it twice a second. */
const SAME_MS = 60_000;
const MOST_KNOWN = 1_000;
const MOST_CHARS = 1_000;
/** Where a page begins is no other question. */
const CURSORS: ReadonlySet<string> = new Set(['before', 'after', 'limit']);

const HOUR_MS = 3_600_000;

const asked = new WeakMap<Control, Map<string, number>>();
/** Acts of this hour that are written, or being written. */
const hourly = new WeakMap<Control, Map<string, Promise<void>>>();

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

/**
 * One act for each operator, subject and hour, however many requests it takes: a player asks for a clip in many parts.
 * @throws StoreUnavailable: what cannot be written down is not shown
 */
export async function recordHourly(
  control: Control,
  actor: Actor,
  act: string,
  subject: string,
): Promise<void> {
  const known = hourly.get(control) ?? new Map<string, Promise<void>>();
  hourly.set(control, known);
  const key = `${Math.floor(control.now() / HOUR_MS)} ${actor.operator} ${act} ${subject}`;
  if (known.size >= MOST_KNOWN && !known.has(key)) known.clear();
  const written = known.get(key) ?? control.write(() => recordAct(control, actor, act, subject));
  known.set(key, written);
  await written.catch((fault: unknown) => {
    known.delete(key);
    throw fault;
  });
}

export function subjectOf(query: object): string {
  const parts = Object.entries(query)
    .filter(([name, value]) => value !== undefined && !CURSORS.has(name))
    .map(([name, value]) => `${name}=${value}`);
  return parts.join(' ').slice(0, MOST_CHARS) || 'everything';
}
