/** Which rows travel: from the gate to the testers' objects, from those to the gate, and from the gate on to D1. */
import type { Tracked } from '../store/tracked.worker.ts';

/** Whose a scope is; cohorts', models' and everybody's are nobody's own. */
const OF_TESTER = `when row.scope glob 'tester:?*' then substr(row.scope, 8)`;
/** What has ended stays so, whoever says last that it runs. */
const ENDED = {
  pending: 'iif(mine.pending is null, null, theirs.pending)',
  deleted_at: 'coalesce(mine.deleted_at, theirs.deleted_at)',
};
/** A call is settled once. */
const SETTLED = Object.fromEntries(
  [
    ...['rule', 'outcome', 'detail', 'status', 'upstream_status', 'upstream_request_id', 'first_byte_ms'],
    ...['duration_ms', 'bytes_in', 'bytes_out', 'used', 'output_hash', 'objects'],
  ].map((name) => [name, `iif(mine.outcome is null, theirs.${name}, mine.${name})`]),
);
const BY_OBJECT = { of: 'objects', by: 'object' } as const;

/** What the decision on a call reads; those that others refer to first. */
export const DOWN: readonly Tracked[] = [
  { table: 'cohorts', key: ['name'], tester: null },
  { table: 'testers', key: ['id'], tester: 'row.id', without: ['name', 'email'] },
  { table: 'tokens', key: ['jti'], tester: 'row.tester', without: ['last_used_at'] },
  {
    ...{ table: 'objects', key: ['id'], tester: 'row.tester' },
    takes: { tester: 'theirs.tester', ...ENDED },
  },
  {
    ...{ table: 'switches', key: ['id'], without: ['note', 'leaf', 'released_leaf'] },
    // One that freezes what was made by a token holds for whoever has that now.
    tester: `case ${OF_TESTER} when row.scope glob 'token:?*' and row.cancels is null
      then (select tester from tokens where jti = substr(row.scope, 7)) end`,
    fresh: 'row.released_at is null',
  },
  {
    ...{ table: 'readmissions', key: ['id'], tester: `case ${OF_TESTER} end`, without: ['leaf'] },
    fresh: 'exists (select 1 from switches where id = row.switch and released_at is null)',
  },
  {
    ...{ table: 'policies', key: ['id'], tester: null },
    fresh: 'row.id = (select max(id) from policies)',
  },
  { table: 'terms', key: ['version'], tester: null },
  { table: 'acceptances', key: ['tester', 'version'], tester: 'row.tester', without: ['address'] },
  { table: 'releases', key: ['id'], tester: BY_OBJECT },
  {
    ...{ table: 'share_links', key: ['id'], tester: BY_OBJECT },
    takes: { revoked_at: 'theirs.revoked_at', expires_at: 'theirs.expires_at' },
  },
];

const LEAVES = ['leaf', 'settled_leaf', 'released_leaf'];

/** What calls leave behind. Rows never go by this way: the gate keeps them, and lets them go by its own rules. */
export const UP: readonly Tracked[] = [
  {
    ...{ table: 'requests', key: ['id'], tester: null, without: ['leaf', 'settled_leaf'] },
    takes: {
      ...SETTLED,
      job_used: 'coalesce(mine.job_used, theirs.job_used)',
      repeats: 'max(mine.repeats, theirs.repeats)',
    },
  },
  { table: 'objects', key: ['id'], tester: null, takes: ENDED },
  { table: 'usage', key: ['subject', 'unit'], tester: null },
  { table: 'limits', key: ['tester'], tester: null },
  // Known once; what is found out of them is the gate's.
  { table: 'outputs', key: ['object', 'variant', 'sha256'], tester: null, takes: {} },
  { table: 'inspections', key: ['object'], tester: null, takes: {} },
  { table: 'marks', key: ['code'], tester: null, takes: {} },
  {
    ...{ table: 'tokens', key: ['jti'], tester: null, columns: ['last_used_at'] },
    takes: { last_used_at: 'max(coalesce(mine.last_used_at, 0), theirs.last_used_at)' },
  },
  {
    ...{ table: 'share_links', key: ['id'], tester: null, columns: ['fetches', 'last_at'] },
    takes: {
      fetches: 'max(mine.fetches, theirs.fetches)',
      last_at: 'max(coalesce(mine.last_at, 0), theirs.last_at)',
    },
  },
];

/** No secret, nothing that lets anybody in, no text that was kept of a call. */
export const ARCHIVED: readonly Tracked[] =
  // Without `usage`: it is what the calls used, added up.
  (
    [
      ['cohorts', 'name'],
      ['testers', 'id'],
      ['tokens', 'jti'],
      ['switches', 'id'],
      ['readmissions', 'id'],
      ['policies', 'id'],
      ['terms', 'version'],
      ['acceptances', 'tester', 'version'],
      ['requests', 'id'],
      ['objects', 'id'],
      ['outputs', 'object', 'variant', 'sha256'],
      ['releases', 'id'],
      ['release_votes', 'id'],
      ['reviews', 'id'],
      ['findings', 'id'],
      ['feedback', 'id'],
      ['appeals', 'id'],
      ['acts', 'id'],
    ] as const
  ).map(([table, ...key]) => ({
    ...{ table, key, tester: null },
    // A row, and where its entry stands in the log, are written in one transaction.
    beside: LEAVES,
  }));

/** What both sides write: neither tells the other of what it wrote as the other's word. */
export const BOTH_WAYS: ReadonlySet<string> = new Set(
  UP.map(({ table }) => table).filter((name) => DOWN.some(({ table }) => table === name)),
);
