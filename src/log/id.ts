/** Ids of calls are UUIDv7 (RFC 9562 section 5.7): a range of times is a range of the primary key. */

/** The time in an id, Unix milliseconds. */
export function timeOf(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/** The lowest id of a millisecond. */
export function firstIdOf(unixMs: number): string {
  const hex = Math.max(0, unixMs).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** No call is open for longer than this; older rows need not be looked through for open ones. */
export const LONGEST_CALL_MS = 7 * 86_400_000;
