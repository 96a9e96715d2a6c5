/** Quotas in units, per UTC day and in total: set aside in the transaction of the row, settled to what was used. */
import { UNITS, type Unit } from '../gateway/routes.ts';
import type { Units } from '../gateway/units.ts';
import type { Used } from '../policy/environment.ts';
import { Refusal } from '../refusal.ts';
import type { Db } from '../store/db.node.ts';

/** What is absent does not limit. */
export interface Quota {
  readonly day?: number | undefined;
  readonly total?: number | undefined;
}
export type Quotas = Readonly<Partial<Record<Unit, Quota | undefined>>>;

/** What a call set aside, and in whose name. */
export interface Charge {
  readonly tester: string;
  readonly cohort: string;
  /** UTC day on which it was set aside, in days since 1970-01-01. */
  readonly day: number;
  readonly units: Units;
}

interface UsageRow {
  readonly day: number;
  readonly day_used: number;
  readonly total_used: number;
}

export interface Ledger {
  /** The refusal when a quota has no room for these units. */
  refusal(subject: string, units: Units, quotas: Quotas, now: number): Refusal | null;
  /** What a tester used today (UTC) and in all, what is set aside included. */
  usedBy(tester: string, now: number): { readonly today: Used; readonly total: Used };
  setAside(charge: Charge): void;
  /** Replaces what was set aside by what was used; units that are not named stay. The charge as it is now. */
  settle(charge: Charge, used: Units): Charge;
}

const DAY_MS = 86_400_000;

export function utcDay(unixMs: number): number {
  return Math.floor(unixMs / DAY_MS);
}

/** When the day's quotas begin anew, Unix milliseconds. */
export function nextDayMs(now: number): number {
  return (utcDay(now) + 1) * DAY_MS;
}

/** What a tester or cohort has used of a unit, today (UTC) and in all; what is set aside counts as used. */
export function usedIn({ $client: db }: Db) {
  const load = db.prepare<[string, string], UsageRow>(
    'select day, day_used, total_used from usage where subject = ? and unit = ?',
  );
  return (subject: string, unit: string, now: number) => {
    const row = load.get(subject, unit);
    return { day: row && row.day === utcDay(now) ? row.day_used : 0, total: row?.total_used ?? 0 };
  };
}

/** A day that is over is not counted any more: what is settled late changes the total. */
const adding = (subjects: number): string =>
  `insert into usage (subject, unit, day, day_used, total_used) values ${Array(subjects).fill('(?, ?, ?, ?, ?)').join(', ')}
   on conflict (subject, unit) do update set
     day_used = iif(day < excluded.day, excluded.day_used,
       iif(day = excluded.day, max(0, day_used + excluded.day_used), day_used)),
     day = max(day, excluded.day),
     total_used = max(0, total_used + excluded.total_used)`;

/** Adds to what one tester or cohort has used. */
export function addTo({ $client: db }: Db) {
  const add = db.prepare(adding(1));
  return (subject: string, unit: string, day: number, today: number, total: number): void =>
    void add.run(subject, unit, day, today, total);
}

export function ledgerIn(connection: Db): Ledger {
  const { $client: db } = connection;
  const used = usedIn(connection);
  // Tester and cohort in one statement.
  const addToBoth = db.prepare(adding(2));
  const addBoth = ({ tester, cohort, day }: Charge, unit: string, amount: number): void => {
    const one = [unit, day, amount, amount];
    if (amount !== 0) addToBoth.run(`tester:${tester}`, ...one, `cohort:${cohort}`, ...one);
  };

  return {
    refusal(subject, units, quotas, now) {
      for (const [unit, asked] of entries(units)) {
        const quota = quotas[unit];
        if (!quota) continue;
        const { day, total } = used(subject, unit, now);
        const lack = lacking(quota, asked, day, total);
        if (lack) return exceeded(subject, unit, asked, lack, now);
      }
      return null;
    },
    usedBy(tester, now) {
      const rows = UNITS.map((unit) => [unit, used(`tester:${tester}`, unit, now)] as const);
      const by = (span: 'day' | 'total') =>
        Object.fromEntries(rows.map(([unit, row]) => [unit, row[span]])) as unknown as Used;
      return { today: by('day'), total: by('total') };
    },
    setAside(charge) {
      for (const [unit, amount] of entries(charge.units)) addBoth(charge, unit, amount);
    },
    settle(charge, used) {
      const units = { ...charge.units };
      for (const [unit, amount] of entries(used)) {
        if (units[unit] === undefined) continue;
        addBoth(charge, unit, amount - units[unit]);
        units[unit] = amount;
      }
      return { ...charge, units };
    },
  };
}

interface Lack {
  readonly span: 'day' | 'total';
  readonly quota: number;
  readonly left: number;
}

/** Where the amount is not known beforehand, what is used up is used up. */
function lacking(quota: Quota, asked: number, today: number, total: number): Lack | null {
  const over = (used: number, most: number) => (asked === 0 ? used >= most : used + asked > most);
  if (quota.day !== undefined && over(today, quota.day))
    return { span: 'day', quota: quota.day, left: Math.max(0, quota.day - today) };
  if (quota.total !== undefined && over(total, quota.total))
    return { span: 'total', quota: quota.total, left: Math.max(0, quota.total - total) };
  return null;
}

/** As the log and the refusal name a quota. */
export function quotaRule(subject: string, unit: string, span: 'day' | 'total'): string {
  return `quota:${subject.split(':', 1)[0]}.${unit}.${span}`;
}

const NAMES: Readonly<Record<Unit, string>> = {
  videoSeconds: 'seconds of video',
  images: 'images',
  tokens: 'tokens',
  bytes: 'bytes',
};

function exceeded(
  subject: string,
  unit: Unit,
  asked: number,
  { span, quota, left }: Lack,
  now: number,
): Refusal {
  const whose = subject.startsWith('cohort:') ? 'Your cohort has' : 'You have';
  const when = span === 'day' ? 'a day (UTC)' : 'in all';
  const untilTomorrow = Math.ceil((nextDayMs(now) - now) / 1000);
  return new Refusal('quota_exceeded', `${subject} ${unit}: ${asked} asked for, ${left} of ${quota} left`, {
    message: `${whose} ${quota} ${NAMES[unit]} ${when}, ${left} are left, and this call needs ${asked || 'some'}.`,
    rule: quotaRule(subject, unit, span),
    ...(span === 'day' ? { retryAfterSeconds: untilTomorrow } : {}),
  });
}

export function entries(units: Units): [Unit, number][] {
  return Object.entries(units) as [Unit, number][];
}
