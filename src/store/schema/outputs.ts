/** What calls made: whose it is, how it is known again, and who may show it. */
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
import { nowMs } from './now.ts';

/**
 * Whose an object at upstream is: all testers share one key there, so this table alone tells them apart. Rows outlive
 * the objects. An id without a row is nobody's.
 */
export const objects = sqliteTable(
  'objects',
  {
    /** The id that upstream gave it. */
    id: text('id').primaryKey(),
    tester: text('tester').notNull(),
    /** `videos`, `files`, … */
    kind: text('kind').notNull(),
    /** The call that made it; null when an operator entered it. */
    request: text('request'),
    at: integer('at').notNull().default(nowMs),
    /** Of the call that made it. */
    model: text('model'),
    token: text('token'),
    /** When it was made, as upstream says (Unix seconds). */
    upstreamAt: integer('upstream_at'),
    /** Length of a video, as upstream says. */
    seconds: real('seconds'),
    /** What a job that has not ended has set aside, as JSON; null when it is settled. */
    pending: text('pending'),
    /** When upstream said that it deleted it. */
    deletedAt: integer('deleted_at'),
  },
  (t) => [
    index('objects_by_tester').on(t.tester, t.kind),
    index('objects_by_age').on(t.kind, t.at, t.id),
    index('objects_pending').on(t.id).where(sql`pending is not null`),
  ],
);

/** What testers made, by its bytes: a row for each that was seen of an object. */
export const outputs = sqliteTable(
  'outputs',
  {
    object: text('object').notNull(),
    /** `video`, `thumbnail`, `spritesheet`; `file` for the bytes of a file. */
    variant: text('variant').notNull(),
    sha256: text('sha256').notNull(),
    /** Whose it was then. */
    tester: text('tester').notNull(),
    bytes: integer('bytes').notNull(),
    mediaType: text('media_type'),
    /** When these bytes were first seen. */
    at: integer('at').notNull(),
    /** 1: a C2PA manifest is in the file; null: nobody has looked. */
    c2pa: integer('c2pa'),
  },
  (t) => [
    primaryKey({ columns: [t.object, t.variant, t.sha256] }),
    index('outputs_by_sha256').on(t.sha256),
    index('outputs_by_tester').on(t.tester, t.at),
  ],
);

/** Codes that were burnt into clips: one for each download. */
export const marks = sqliteTable('marks', {
  code: text('code').primaryKey(),
  /** The call, in the request log. */
  request: text('request').notNull(),
  /** Whose the clip was then. */
  tester: text('tester').notNull(),
  object: text('object').notNull(),
  at: integer('at').notNull(),
});

/** Perceptual hashes of the frames of a clip, eight bytes each. */
export const fingerprints = sqliteTable(
  'fingerprints',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    object: text('object').notNull(),
    frames: blob('frames', { mode: 'buffer' }).notNull(),
  },
  (t) => [uniqueIndex('fingerprints_by_object').on(t.object)],
);

/** Finished clips that the gate reads once, behind the calls, to know them again. */
export const inspections = sqliteTable(
  'inspections',
  {
    object: text('object').primaryKey(),
    state: text('state', { enum: ['waiting', 'done', 'failed'] })
      .notNull()
      .default('waiting'),
    attempts: integer('attempts').notNull().default(0),
    /** When it is tried next, or when it ended. */
    at: integer('at').notNull(),
    fault: text('fault'),
  },
  (t) => [index('inspections_waiting').on(t.at).where(sql`state = 'waiting'`)],
);

export const RELEASE_STATES = ['asked', 'approved', 'rejected', 'withdrawn'] as const;

/** Leave to show an output outside: asked for by its tester, given by reviewers. */
export const releases = sqliteTable(
  'releases',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    object: text('object').notNull(),
    tester: text('tester').notNull(),
    purpose: text('purpose').notNull(),
    /** Where it will be shown. */
    place: text('place').notNull(),
    at: integer('at').notNull(),
    state: text('state', { enum: RELEASE_STATES }).notNull().default('asked'),
    /** When it came to this state. */
    stateAt: integer('state_at').notNull(),
  },
  (t) => [
    // One that is open or in force for each object.
    uniqueIndex('releases_in_force').on(t.object).where(sql`state in ('asked', 'approved')`),
    index('releases_by_state').on(t.state, t.id),
    index('releases_by_tester').on(t.tester, t.id),
  ],
);

/** What reviewers said. */
export const releaseVotes = sqliteTable(
  'release_votes',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    release: integer('release').notNull(),
    vote: text('vote', { enum: ['approve', 'reject', 'withdraw'] }).notNull(),
    by: text('by').notNull(),
    reason: text('reason'),
    at: integer('at').notNull(),
  },
  // Nobody counts twice.
  (t) => [uniqueIndex('release_votes_once').on(t.release, t.by, t.vote)],
);

/** Links to released outputs on the gateway's own host. */
export const shareLinks = sqliteTable(
  'share_links',
  {
    /** 16 random bytes in base64url; the link holds it, and a signature over it. */
    id: text('id').primaryKey(),
    release: integer('release').notNull(),
    object: text('object').notNull(),
    at: integer('at').notNull(),
    by: text('by').notNull(),
    expiresAt: integer('expires_at').notNull(),
    revokedAt: integer('revoked_at'),
    /** Requests that were let through; a player makes several. */
    fetches: integer('fetches').notNull().default(0),
    lastAt: integer('last_at'),
  },
  (t) => [index('share_links_by_release').on(t.release)],
);
