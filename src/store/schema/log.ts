/** The request log: rows, index, the tree that proves them, and sealed texts. */
import { blob, index, integer, primaryKey, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/**
 * The request log: one row per call, written before the call goes upstream and settled when it ends. It has no
 * further index: each one dirties a page of its own per call, and so costs more than the row.
 */
export const requests = sqliteTable('requests', {
  /** UUIDv7; the X-Request-Id of the answer and of the request to upstream. */
  id: text('id').primaryKey(),
  at: integer('at').notNull(),
  tester: text('tester'),
  cohort: text('cohort'),
  token: text('token'),
  clientId: text('client_id'),
  clientRequestId: text('client_request_id'),
  method: text('method').notNull(),
  path: text('path').notNull(),
  operation: text('operation'),
  model: text('model'),
  seconds: real('seconds'),
  size: text('size'),
  n: integer('n'),
  address: text('address'),
  agent: text('agent'),
  decision: text('decision', { enum: ['allowed', 'refused'] }).notNull(),
  /** What decided: `switch:7`, `allow`, `caps.seconds`, `limit:minute`, … */
  rule: text('rule'),
  /** Null while open; complete, cut, client-gone, upstream-error, lost, or the refusal's code. */
  outcome: text('outcome'),
  /** The true reason, for operators; the tester saw only the public text. */
  detail: text('detail'),
  /** Status that the tester got. */
  status: integer('status'),
  upstreamStatus: integer('upstream_status'),
  upstreamRequestId: text('upstream_request_id'),
  firstByteMs: real('first_byte_ms'),
  durationMs: real('duration_ms'),
  bytesIn: integer('bytes_in').notNull().default(0),
  bytesOut: integer('bytes_out').notNull().default(0),
  /** The process that took the call; when that is gone, its open rows are lost. */
  node: integer('node'),
  /** Units set aside at admission and units used, as JSON: `{"tokens":1200}`. Null where the call has none. */
  reserved: text('reserved'),
  used: text('used'),
  /** SHA-256 of the output as the tester got it, lower-case hex; null where it is not taken or not whole. */
  outputHash: text('output_hash'),
  /** Ids of the objects that the call named or made, as a JSON array; null for none. */
  objects: text('objects'),
  /** Units that its job used, as JSON, once that has ended: in the place of `used`. */
  jobUsed: text('job_used'),
  /** Index of the tree's leaf for the row as it was written, and of that for the row as it was settled. */
  leaf: integer('leaf'),
  settledLeaf: integer('settled_leaf'),
  /** The version of the policy that judged it; null: none did. */
  policy: integer('policy'),
  /** Rules in shadow that would have refused it, as a JSON array; null for none. */
  shadow: text('shadow'),
  /** The rules that a refused call broke, as the tester was told: `[{"name":…,"message":…}]`; null for none. */
  brokenRules: text('broken_rules'),
  /** How many refused anonymous calls of one address this row stands for. */
  repeats: integer('repeats').notNull().default(1),
});

/**
 * Which rows of the request log hold a value, by blocks of at most 4,096 rows that follow each other: built behind the
 * calls, for a b-tree on `requests` would cost each call more than its row does. Rows in no block are looked through.
 */
export const blocks = sqliteTable('blocks', {
  n: integer('n').primaryKey({ autoIncrement: true }),
  firstId: text('first_id').notNull(),
  lastId: text('last_id').notNull(),
  /** Unix milliseconds. */
  oldest: integer('oldest').notNull(),
  newest: integer('newest').notNull(),
  /** The block right before it, with no row between them; null when that is not known. */
  follows: integer('follows'),
  /** The ids of its rows, 16 bytes each. */
  ids: blob('ids', { mode: 'buffer' }).notNull(),
  /** When each came: milliseconds after the oldest, four bytes each. */
  times: blob('times', { mode: 'buffer' }).notNull(),
});

export const facets = sqliteTable(
  'facets',
  {
    /** Number of the column; see log/facets.ts. */
    column: integer('column').notNull(),
    value: text('value').notNull(),
    block: integer('block').notNull(),
    count: integer('count').notNull(),
    /** Places in the block: two bytes each, or 512 bytes with a bit for each. */
    places: blob('places', { mode: 'buffer' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.column, t.value, t.block] })],
);

/**
 * The leaves of the log's Merkle tree (RFC 6962) in the order of their commits, one row for each commit. Rows that they
 * tell of may go; leaves stay.
 */
export const leaves = sqliteTable('leaves', {
  /** Index of the first of them in the tree. */
  first: integer('first').primaryKey(),
  /** 49 bytes each: kind, the key of the row that it tells of, SHA-256; see log/journal.ts. */
  entries: blob('entries', { mode: 'buffer' }).notNull(),
});

/** Tiles of the tree above its leaves (C2SP tlog-tiles): up to 256 hashes each. */
export const tiles = sqliteTable(
  'tiles',
  {
    level: integer('level').notNull(),
    n: integer('n').notNull(),
    hashes: blob('hashes', { mode: 'buffer' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.level, t.n] })],
);

/** Signed checkpoints (C2SP tlog-checkpoint). */
export const checkpoints = sqliteTable('checkpoints', {
  size: integer('size').primaryKey(),
  at: integer('at').notNull(),
  root: blob('root', { mode: 'buffer' }).notNull(),
  note: text('note').notNull(),
});

/** Text of calls that a cohort's rules keep, sealed with its tester's key. */
export const captures = sqliteTable(
  'captures',
  {
    request: text('request').notNull(),
    /** `prompt`, `request`, `answer`. */
    part: text('part').notNull(),
    tester: text('tester').notNull(),
    at: integer('at').notNull(),
    /** Salted commitment, which stays when the text goes. */
    commitment: blob('commitment', { mode: 'buffer' }).notNull(),
    sealed: blob('sealed', { mode: 'buffer' }),
  },
  (t) => [primaryKey({ columns: [t.request, t.part] }), index('captures_by_tester').on(t.tester)],
);

/**
 * The rows of the full-text index `prompts` (FTS5, contentless: words and no text), which Drizzle has no word for: see the
 * migration.
 */
export const promptRows = sqliteTable(
  'prompt_rows',
  {
    n: integer('n').primaryKey({ autoIncrement: true }),
    request: text('request').notNull(),
    tester: text('tester').notNull(),
  },
  (t) => [index('prompt_rows_by_tester').on(t.tester)],
);

/** Keys that seal testers' texts; without its row a text is gone for good. */
export const sealingKeys = sqliteTable('sealing_keys', {
  tester: text('tester').primaryKey(),
  key: blob('key', { mode: 'buffer' }).notNull(),
});
