/** What testers have of their own: sign-in, and what they say. */
import { sql } from 'drizzle-orm';
import { blob, check, index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { CATEGORIES, FINDING_STATES, SEVERITIES } from '../states.ts';

/** Testers who are signed in to the portal: the SHA-256 of each cookie's secret, and the grant that it was exchanged for. */
export const portalSessions = sqliteTable('portal_sessions', {
  hash: text('hash').primaryKey(),
  tester: text('tester').notNull(),
  /** Of the token that was shown; null for a one-time link. */
  jti: text('jti'),
  /** Of the key of ours that signed it; null where none of ours did. */
  kid: text('kid'),
  /** What revocations are compared with: when the token was issued, or the link was used. */
  issuedAt: integer('issued_at').notNull(),
  at: integer('at').notNull(),
  expiresAt: integer('expires_at').notNull(),
});

/** One-time links to the portal: the SHA-256 of each secret. */
export const portalLinks = sqliteTable('portal_links', {
  hash: text('hash').primaryKey(),
  tester: text('tester').notNull(),
  at: integer('at').notNull(),
  by: text('by').notNull(),
  expiresAt: integer('expires_at').notNull(),
  usedAt: integer('used_at'),
});

/** What testers say of a call or an output. */
export const feedback = sqliteTable(
  'feedback',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    tester: text('tester').notNull(),
    at: integer('at').notNull(),
    /** 1 to 5. */
    rating: integer('rating').notNull(),
    text: text('text').notNull(),
    /** The call, or the object, that it is about. */
    request: text('request'),
    object: text('object'),
  },
  (t) => [
    index('feedback_by_tester').on(t.tester),
    check('feedback_rating', sql`${t.rating} between 1 and 5`),
  ],
);

/** What red teams found. */
export const findings = sqliteTable(
  'findings',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    tester: text('tester').notNull(),
    at: integer('at').notNull(),
    title: text('title').notNull(),
    severity: text('severity', { enum: SEVERITIES }).notNull(),
    category: text('category', { enum: CATEGORIES }).notNull(),
    reproduction: text('reproduction').notNull(),
    request: text('request'),
    object: text('object'),
    status: text('status', { enum: FINDING_STATES }).notNull().default('new'),
    /** What operators tell the tester with it. */
    answer: text('answer'),
    statusAt: integer('status_at'),
    statusBy: text('status_by'),
  },
  (t) => [index('findings_by_tester').on(t.tester), index('findings_by_status').on(t.status)],
);

/** Files that came with a finding. */
export const attachments = sqliteTable(
  'attachments',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    finding: integer('finding').notNull(),
    tester: text('tester').notNull(),
    name: text('name').notNull(),
    type: text('type').notNull(),
    bytes: integer('bytes').notNull(),
    /** SHA-256, lower-case hex. */
    sha256: text('sha256').notNull(),
    data: blob('data', { mode: 'buffer' }).notNull(),
  },
  (t) => [index('attachments_by_finding').on(t.finding), index('attachments_by_tester').on(t.tester)],
);

/** What testers say against a stop or a review. */
export const appeals = sqliteTable(
  'appeals',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    tester: text('tester').notNull(),
    at: integer('at').notNull(),
    text: text('text').notNull(),
  },
  (t) => [index('appeals_by_tester').on(t.tester)],
);
