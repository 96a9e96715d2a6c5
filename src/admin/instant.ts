/** Points in time as operators write them: ISO 8601, or how long ago (`15m`, `2h`, `7d`). */

const AGO = /^(\d{1,6})([smhd])$/;
const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** A time of day needs its zone: the server's own would be a guess. */
const ISO = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/;

export function isInstant(text: string): boolean {
  return AGO.test(text) || (ISO.test(text) && !Number.isNaN(Date.parse(text)));
}

/** Unix milliseconds of a text that `isInstant` accepts. */
export function instantMs(text: string, nowMs: number): number {
  const [, amount, unit] = AGO.exec(text) ?? [];
  return amount ? nowMs - Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS] : Date.parse(text);
}

/** Milliseconds of `30s`, `5m`, `1h`, `7d`; null for anything else. */
export function durationMs(text: string): number | null {
  const [, amount, unit] = AGO.exec(text) ?? [];
  return amount ? Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS] : null;
}
