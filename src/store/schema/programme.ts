/** Who takes part, under which policy and terms. */
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { REVIEW_STATES } from '../states.ts';
import { nowMs } from './now.ts';

export const cohorts = sqliteTable('cohorts', {
  name: text('name').primaryKey(),
  createdAt: integer('created_at').notNull().default(nowMs),
});

export const testers = sqliteTable('testers', {
  id: text('id').primaryKey(),
  cohort: text('cohort')
    .notNull()
    .references(() => cohorts.name),
  name: text('name'),
  email: text('email'),
  review: text('review', { enum: REVIEW_STATES }).notNull().default('none'),
  /** Overrides of the cohort's limits, as JSON of the same shape. */
  limits: text('limits'),
  /** Overrides of the cohort's quotas for one tester, as JSON of the same shape. */
  quotas: text('quotas'),
  createdAt: integer('created_at').notNull().default(nowMs),
});

/** Access tokens that this gateway issued; a token of ours without its row here is refused. */
export const tokens = sqliteTable(
  'tokens',
  {
    jti: text('jti').primaryKey(),
    tester: text('tester')
      .notNull()
      .references(() => testers.id),
    issuedAt: integer('issued_at').notNull().default(nowMs),
    expiresAt: integer('expires_at').notNull(),
    /** Of the last call that it was admitted with; up to a minute late. */
    lastUsedAt: integer('last_used_at'),
  },
  (t) => [index('tokens_by_tester').on(t.tester, t.issuedAt)],
);

/** Reviews of testers; the newest is in force, and stands in `testers.review` too. */
export const reviews = sqliteTable(
  'reviews',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    tester: text('tester').notNull(),
    state: text('state', { enum: REVIEW_STATES }).notNull(),
    note: text('note').notNull(),
    at: integer('at').notNull(),
    by: text('by').notNull(),
  },
  (t) => [index('reviews_by_tester').on(t.tester)],
);

/** Versions of the usage policy: the newest is in force, whoever wrote it; each call reads which that is. */
export const policies = sqliteTable('policies', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  at: integer('at').notNull().default(nowMs),
  by: text('by').notNull(),
  /** `config`: taken up from the configuration; `api`: loaded by an operator. */
  source: text('source', { enum: ['config', 'api'] }).notNull(),
  /** Of the text, lower-case hex. */
  sha256: text('sha256').notNull(),
  text: text('text').notNull(),
  /** A unified diff against the version before. */
  diff: text('diff').notNull(),
});

/** Texts that testers accept before they call; a text never changes, a new one is a new version. */
export const terms = sqliteTable('terms', {
  version: integer('version').primaryKey(),
  text: text('text').notNull(),
  /** Of the text in UTF-8, lower-case hex. */
  sha256: text('sha256').notNull(),
  at: integer('at').notNull(),
  by: text('by').notNull(),
  /** Until then whoever accepted an older version may go on, Unix milliseconds. */
  graceUntil: integer('grace_until'),
});

/** Which tester accepted which text; an act of the tester tells of each in the log. */
export const acceptances = sqliteTable(
  'acceptances',
  {
    tester: text('tester').notNull(),
    version: integer('version').notNull(),
    sha256: text('sha256').notNull(),
    at: integer('at').notNull(),
    address: text('address'),
    /** `portal`, `api`. */
    how: text('how').notNull(),
  },
  (t) => [primaryKey({ columns: [t.tester, t.version] })],
);
