/** What the gate keeps of itself: processes, counters, alerts that wait. */
import { sql } from 'drizzle-orm';
import {
  blob,
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core';

/** The processes that serve from this database; `lock` names the file that each holds a lock on while it lives. */
export const nodes = sqliteTable('nodes', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  lock: text('lock').notNull(),
  /** As acknowledgements of stops call it. */
  name: text('name').notNull(),
  startedAt: integer('started_at').notNull(),
  /** The newest other process that this one counts with. */
  sees: integer('sees').notNull().default(0),
});

/** Calls in flight by process, written only while there are several. */
export const slots = sqliteTable(
  'slots',
  {
    tester: text('tester').notNull(),
    node: integer('node').notNull(),
    calls: integer('calls').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tester, t.node] })],
);

/** Units used, what is set aside included: one row for each tester or cohort and unit. */
export const usage = sqliteTable(
  'usage',
  {
    /** `tester:ID` or `cohort:NAME`. */
    subject: text('subject').notNull(),
    unit: text('unit').notNull(),
    /** The UTC day that `dayUsed` counts, in days since 1970-01-01. */
    day: integer('day').notNull(),
    dayUsed: real('day_used').notNull(),
    totalUsed: real('total_used').notNull(),
  },
  (t) => [primaryKey({ columns: [t.subject, t.unit] })],
);

/** Alerts on their way to their targets; delivered ones are kept for a month. */
export const outbox = sqliteTable(
  'outbox',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    /** The same over all attempts; for a target an event has one. */
    message: text('message').notNull(),
    target: text('target').notNull(),
    event: text('event').notNull(),
    at: integer('at').notNull(),
    body: text('body').notNull(),
    state: text('state', { enum: ['waiting', 'delivered', 'failed'] })
      .notNull()
      .default('waiting'),
    attempts: integer('attempts').notNull().default(0),
    /** When it is tried next, or when it ended. */
    nextAt: integer('next_at').notNull(),
    fault: text('fault'),
  },
  (t) => [
    uniqueIndex('outbox_once').on(t.message, t.target),
    index('outbox_waiting').on(t.target, t.nextAt).where(sql`state = 'waiting'`),
  ],
);

/** Counters of rate-limiter-flexible: points used and end (Unix milliseconds) of each window, one row a tester. */
export const limits = sqliteTable('limits', {
  tester: text('tester').primaryKey(),
  secondPoints: integer('second_points'),
  secondEnd: integer('second_end'),
  minutePoints: integer('minute_points'),
  minuteEnd: integer('minute_end'),
  dayPoints: integer('day_points'),
  dayEnd: integer('day_end'),
});

/** Written and deleted again to learn whether a store that failed takes writes of real size. */
export const probe = sqliteTable('probe', { id: integer('id').primaryKey(), pad: blob('pad') });
