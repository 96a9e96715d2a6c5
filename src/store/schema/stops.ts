/** Switches, and what follows from them. */
import { sql } from 'drizzle-orm';
import { check, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { nowMs } from './now.ts';

/**
 * A stop (released or not) or a revocation (never released). The row is the truth: the gateway reads it on
 * every call, so one written by hand works too: INSERT INTO switches (scope) VALUES ('global').
 */
export const switches = sqliteTable(
  'switches',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    scope: text('scope').notNull(),
    effect: text('effect', { enum: ['stop', 'revoke'] })
      .notNull()
      .default('stop'),
    /** Shown to testers. */
    reason: text('reason'),
    engagedAt: integer('engaged_at').notNull().default(nowMs),
    engagedBy: text('engaged_by').notNull().default('sqlite'),
    releasedAt: integer('released_at'),
    releasedBy: text('released_by'),
    releaseReason: text('release_reason'),
    /** For operators only. */
    note: text('note'),
    /** When a stop releases itself, Unix milliseconds; null: when somebody does. */
    until: integer('until'),
    /** 1: running jobs in the scope are cancelled at upstream, and what it made is not handed out. */
    cancels: integer('cancels'),
    /** Indexes of the tree's leaves; null until it has them, as in a row that was written by hand. */
    leaf: integer('leaf'),
    releasedLeaf: integer('released_leaf'),
  },
  (t) => [
    index('switches_unsealed').on(t.id).where(sql`leaf is null`),
    index('releases_unsealed').on(t.id).where(sql`released_leaf is null and released_at is not null`),
    index('switches_engaged').on(t.scope).where(sql`released_at is null`),
    check('switch_effect', sql`${t.effect} in ('stop', 'revoke')`),
    check(
      'switch_scope',
      sql`${t.scope} = 'global' or ${t.scope} glob 'cohort:?*' or ${t.scope} glob 'tester:?*' or ${t.scope} glob 'token:?*' or ${t.scope} glob 'model:?*'`,
    ),
    check('revocation_stays', sql`${t.effect} = 'stop' or ${t.releasedAt} is null`),
  ],
);

/**
 * Who is let through a stop while it stays engaged for the rest. By hand, too:
 * INSERT INTO readmissions (switch, scope) VALUES (7, 'tester:ada').
 */
export const readmissions = sqliteTable(
  'readmissions',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    switch: integer('switch').notNull(),
    /** Narrower than that of the switch: `cohort:NAME` or `tester:ID`. */
    scope: text('scope').notNull(),
    reason: text('reason'),
    at: integer('at').notNull().default(nowMs),
    by: text('by').notNull().default('sqlite'),
    /** Index of the tree's leaf. */
    leaf: integer('leaf'),
  },
  (t) => [
    uniqueIndex('readmissions_by_switch').on(t.switch, t.scope),
    index('readmissions_unsealed').on(t.id).where(sql`leaf is null`),
    check('readmission_scope', sql`${t.scope} glob 'cohort:?*' or ${t.scope} glob 'tester:?*'`),
  ],
);

/** Jobs that a stop cancels at upstream. */
export const cancellations = sqliteTable(
  'cancellations',
  {
    switch: integer('switch').notNull(),
    object: text('object').notNull(),
    state: text('state', { enum: ['waiting', 'cancelled', 'failed'] })
      .notNull()
      .default('waiting'),
    attempts: integer('attempts').notNull().default(0),
    /** Of upstream's last answer; null: none came. */
    status: integer('status'),
    /** Unix milliseconds: when it is tried next, or when it ended. */
    at: integer('at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.switch, t.object] }),
    index('cancellations_waiting').on(t.at).where(sql`state = 'waiting'`),
  ],
);

/** Which processes obey a switch, and what each cut for it. */
export const confirmations = sqliteTable(
  'confirmations',
  {
    switch: integer('switch').notNull(),
    node: integer('node').notNull(),
    at: integer('at').notNull(),
    callsRefused: integer('calls_refused').notNull(),
    streamsCut: integer('streams_cut').notNull(),
    /** When the last byte of those streams left the process, Unix milliseconds; null where none was cut. */
    lastByteAt: integer('last_byte_at'),
  },
  (t) => [primaryKey({ columns: [t.switch, t.node] })],
);

/** Drills of the stop. */
export const drills = sqliteTable('drills', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  at: integer('at').notNull(),
  by: text('by').notNull(),
  node: text('node').notNull(),
  outcome: text('outcome', { enum: ['ok', 'failed', 'not-run'] }).notNull(),
  streams: integer('streams').notNull(),
  commitMs: integer('commit_ms'),
  lastByteMs: integer('last_byte_ms'),
  firstRefusalMs: integer('first_refusal_ms'),
  fault: text('fault'),
});
