/**
 * The tables: one Drizzle schema for every SQLite that Portcullis runs on. All times are Unix milliseconds.
 * The migration makes those with a text key WITHOUT ROWID, which Drizzle cannot say: one B-tree to a row, not two.
 */
import { sql } from 'drizzle-orm';
import {
  blob,
  check,
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/sqlite-core';
import { CATEGORIES, FINDING_STATES, REVIEW_STATES, ROLES, SEVERITIES } from './states.ts';

const nowMs = sql`(cast(unixepoch('subsec') * 1000 as integer))`;

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

/** Answers to acts with an `Idempotency-Key`, for a day. */
export const idempotency = sqliteTable(
  'idempotency',
  {
    /** SHA-256 of operator and key. */
    key: text('key').primaryKey(),
    /** SHA-256 of the request. */
    fingerprint: text('fingerprint').notNull(),
    at: integer('at').notNull(),
    /** Null until there is an answer. */
    status: integer('status'),
    /** Null where it holds a secret. */
    body: text('body'),
  },
  (t) => [index('idempotency_by_age').on(t.at)],
);

/** What operators did: one row per act. */
export const acts = sqliteTable(
  'acts',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    at: integer('at').notNull().default(nowMs),
    operator: text('operator').notNull(),
    act: text('act').notNull(),
    subject: text('subject').notNull(),
    reason: text('reason'),
    address: text('address'),
    /** Index of the tree's leaf. */
    leaf: integer('leaf'),
  },
  (t) => [index('acts_unsealed').on(t.id).where(sql`leaf is null`)],
);

/** Who may act on the gate. Whoever was removed stays, for acts name them, and the name is never another's. */
export const operators = sqliteTable('operators', {
  name: text('name').primaryKey(),
  role: text('role', { enum: ROLES }).notNull(),
  /** Issuer and subject of who signs in through an OpenID provider, and a space between; null: somebody of ours. */
  subject: text('subject').unique(),
  createdAt: integer('created_at').notNull().default(nowMs),
  removedAt: integer('removed_at'),
});

/** Bearer credentials of operators: only the SHA-256 of each. */
export const operatorTokens = sqliteTable(
  'operator_tokens',
  {
    id: text('id').primaryKey(),
    operator: text('operator')
      .notNull()
      .references(() => operators.name),
    label: text('label').notNull(),
    hash: text('hash').notNull().unique(),
    /** Narrows what its operator may; never widens it. Null: all of that. */
    role: text('role', { enum: ROLES }),
    createdAt: integer('created_at').notNull().default(nowMs),
    /** Null: it does not expire, as that of the data directory. */
    expiresAt: integer('expires_at'),
    /** Up to a minute late. */
    lastUsedAt: integer('last_used_at'),
    endedAt: integer('ended_at'),
  },
  (t) => [index('operator_tokens_by_operator').on(t.operator)],
);

/** One-time links to sign in with, by the SHA-256 of their secret. */
export const signInLinks = sqliteTable('sign_in_links', {
  hash: text('hash').primaryKey(),
  operator: text('operator').notNull(),
  by: text('by').notNull(),
  expiresAt: integer('expires_at').notNull(),
});

/** Browsers in which an operator is signed in. */
export const sessions = sqliteTable(
  'sessions',
  {
    id: text('id').primaryKey(),
    /** SHA-256 of what stands in the cookie. */
    hash: text('hash').notNull().unique(),
    operator: text('operator').notNull(),
    method: text('method', { enum: ['link', 'passkey', 'oidc'] }).notNull(),
    createdAt: integer('created_at').notNull(),
    /** When the operator last showed who they are. */
    authenticatedAt: integer('authenticated_at').notNull(),
    /** Up to a minute late. */
    lastSeenAt: integer('last_seen_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
    endedAt: integer('ended_at'),
    address: text('address'),
    agent: text('agent'),
  },
  (t) => [index('sessions_by_operator').on(t.operator)],
);

/** Public keys of operators' authenticators (WebAuthn). */
export const passkeys = sqliteTable(
  'passkeys',
  {
    /** Credential id, base64url. */
    id: text('id').primaryKey(),
    operator: text('operator').notNull(),
    label: text('label').notNull(),
    /** COSE. */
    publicKey: blob('public_key', { mode: 'buffer' }).notNull(),
    counter: integer('counter').notNull(),
    createdAt: integer('created_at').notNull(),
    lastUsedAt: integer('last_used_at'),
  },
  (t) => [index('passkeys_by_operator').on(t.operator)],
);

/** What a sign-in that has begun has to come back with; each is good once. */
export const challenges = sqliteTable('challenges', {
  /** SHA-256 of the WebAuthn challenge, or of the state of an OpenID request. */
  hash: text('hash').primaryKey(),
  purpose: text('purpose', { enum: ['register', 'sign-in', 'oidc'] }).notNull(),
  /** For whom a passkey is made; null where nobody is known yet. */
  operator: text('operator'),
  /** For OpenID: verifier and nonce, as JSON. */
  data: text('data'),
  expiresAt: integer('expires_at').notNull(),
});

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
