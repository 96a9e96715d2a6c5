/** What testers and cohorts use, added up at the gate over all testers' objects; and what their calls set aside of what a cohort shares. */
import { addTo, entries, ledgerIn, type Quotas, utcDay } from '../admission/quotas.ts';
import type { Clock } from '../deps.ts';
import type { Units } from '../gateway/units.ts';
import type { Refusal } from '../refusal.ts';
import type { Db } from '../store/db.node.ts';
import type { Change } from '../store/feed.worker.ts';
import type { Writer } from '../store/writer.ts';

/** What a call asks for of what its cohort shares. */
export interface Share {
  /** The name of the tester's object. */
  readonly object: string;
  /** Its id. */
  readonly call: string;
  readonly cohort: string;
  readonly units: Units;
  readonly quotas: Quotas;
}

/** A refusal, as one object tells it another. */
export type Said = Pick<Refusal, 'detail' | 'public'>;

export interface UsageParts {
  readonly db: Db;
  readonly writer: Pick<Writer, 'write'>;
  readonly now: Clock;
}

interface Used {
  readonly day: number;
  readonly day_used: number;
  readonly total_used: number;
}
interface Kept {
  readonly unit: string;
  readonly cohort: string;
  readonly amount: number;
  readonly at: number;
}

/** A call that has no row by then never had one. */
const ADMITTED_MS = 60_000;

export function usageIn({ db, writer, now }: UsageParts) {
  const { $client: sql } = db;
  for (const text of TABLES) sql.prepare(text).run();
  const ledger = ledgerIn(db);
  const add = addTo(db);
  const part = sql.prepare<[string, string, string], Used>(
    'select day, day_used, total_used from usage_parts where subject = ? and unit = ? and object = ?',
  );
  const keep = sql.prepare('insert or replace into usage_parts values (?, ?, ?, ?, ?, ?)');
  const setAside = sql.prepare('insert into shares values (?, ?, ?, ?, ?, ?)');
  const over = sql.prepare<[string, number], Kept>(
    `delete from shares where object = ? and (at < ? or call in (select id from requests)) returning unit, cohort, amount, at`,
  );

  return {
    /** What an object's own count says. Runs inside a writer's job. */
    count(object: string, row: NonNullable<Change['row']>): void {
      const [subject, unit, day] = [String(row.subject), String(row.unit), Number(row.day)];
      const [today, total] = [Number(row.day_used), Number(row.total_used)];
      const before = part.get(subject, unit, object);
      keep.run(subject, unit, object, day, today, total);
      const more = before?.day === day ? today - before.day_used : today;
      add(subject, unit, day, more, total - (before?.total_used ?? 0));
    },

    /** Sets aside what a call asks for. Durable when it resolves. @returns why there is no room */
    share({ object, call, cohort, units, quotas }: Share): Promise<Said | null> {
      return writer.write(() => {
        const at = now();
        const refusal = ledger.refusal(`cohort:${cohort}`, units, quotas, at);
        if (refusal) return { detail: refusal.detail, public: refusal.public };
        for (const [unit, amount] of entries(units)) {
          setAside.run(object, call, unit, cohort, amount, at);
          add(`cohort:${cohort}`, unit, utcDay(at), amount, amount);
        }
        return null;
      });
    },

    /** All that an object has committed is here: its own count holds, and a call that has no row used nothing. Runs inside a writer's job. */
    letGo(object: string): void {
      for (const { unit, cohort, amount, at } of over.all(object, now() - ADMITTED_MS))
        add(`cohort:${cohort}`, unit, utcDay(at), -amount, -amount);
    },
  };
}

const TABLES = [
  `create table if not exists usage_parts (subject text, unit text, object text, day integer, day_used real, total_used real,
   primary key (subject, unit, object)) without rowid`,
  `create table if not exists shares (object text, call text, unit text, cohort text, amount real, at integer,
   primary key (object, call, unit)) without rowid`,
];
