/** Windows of time: days, hours and dates as people in a time zone count them. Pure; the time is passed in. */
import type { z } from 'zod';
import { DAYS, type When as Shape } from './schema.ts';

export interface Window {
  /** As people read it. */
  readonly text: string;
  /** @param at Unix milliseconds */
  includes(at: number): boolean;
}

const MINUTES_A_DAY = 1_440;
const DAY_MS = 86_400_000;

export function windowOf(shape: z.infer<typeof Shape>): Window {
  const { days, hours, zone, from, until } = shape;
  const localAt = clockIn(zone);
  const span =
    hours === undefined ? null : { begin: minutes(hours.slice(0, 5)), end: minutes(hours.slice(6)) };
  const isDay = ({ day, date }: Local): boolean =>
    (days === undefined || days.includes(DAYS[day] ?? 'sun')) &&
    (from === undefined || date >= from) &&
    (until === undefined || date <= until);
  return {
    text: textOf(shape),
    includes(at) {
      const local = localAt(at);
      if (span === null) return isDay(local);
      if (span.begin < span.end) return local.minute >= span.begin && local.minute < span.end && isDay(local);
      if (local.minute >= span.begin) return isDay(local);
      return local.minute < span.end && isDay(dayBefore(local));
    },
  };
}

interface Local {
  /** 0 is Sunday. */
  readonly day: number;
  /** `YYYY-MM-DD` */
  readonly date: string;
  readonly minute: number;
}

function clockIn(zone: string): (at: number) => Local {
  const format = new Intl.DateTimeFormat('en-CA', {
    ...{ timeZone: zone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit' },
    ...{ hour: '2-digit', minute: '2-digit' },
  });
  return (at) => {
    const parts: Record<string, string> = {};
    for (const { type, value } of format.formatToParts(at)) parts[type] = value;
    const date = `${parts.year}-${parts.month}-${parts.day}`;
    return {
      date,
      day: new Date(`${date}T00:00:00Z`).getUTCDay(),
      minute: Number(parts.hour) * 60 + Number(parts.minute),
    };
  };
}

function dayBefore({ date, minute }: Local): Local {
  const before = new Date(Date.parse(`${date}T00:00:00Z`) - DAY_MS);
  return { date: before.toISOString().slice(0, 10), day: before.getUTCDay(), minute: minute + MINUTES_A_DAY };
}

function minutes(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

function textOf({ days, hours, zone, from, until }: z.infer<typeof Shape>): string {
  const parts = [
    days?.join(', '),
    hours && `${hours} (${zone})`,
    from && `from ${from}`,
    until && `until ${until}`,
  ];
  return parts.filter((one) => one !== undefined).join(', ') || 'at any time';
}
