/** A plausible spread of calls by chance, with a fixed seed: what questions to the log and pages of the console are measured on. */
import { firstIdOf } from '../src/log/id.ts';
import { sha256 } from '../src/log/sha256.node.ts';
import type { Db } from '../src/store/db.node.ts';

export const DAYS = 90;
export const TESTERS = 400;

let seed = 42;
export const random = (n: number) => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((seed / 4_294_967_296) * n);
};
/** A few testers make most calls. */
export const skewed = (n: number) => Math.floor((random(1_000_000) / 1_000_000) ** 3 * n);
export const hex = (n: number, length: number) => n.toString(16).padStart(length, '0');
export const uuid = (kind: string, n: number) => `0198${kind}-0000-7000-8000-${hex(n, 12)}`;
export const hashOf = (n: number) => Buffer.from(sha256(Buffer.from(String(n)))).toString('hex');

export const OPERATIONS = [
  'videos.retrieve',
  'videos.retrieve',
  'videos.retrieve',
  'videos.create',
  'videos.content',
  'chat.completions.create',
  'responses.create',
  'models.list',
];
export const OUTCOMES = [
  ['client-gone', 200],
  ['upstream-error', 502],
  ['rate_limited', 429],
  ['model_not_allowed', 403],
  ['object_unknown', 404],
] as const;

/** @param start when the first call came, Unix milliseconds */
export function fill(db: Db['$client'], { rows: ROWS, start }: { rows: number; start: number }): void {
  const stepMs = (DAYS * 86_400_000) / ROWS;
  const insert = db.prepare(
    `insert into requests (id, at, tester, cohort, token, client_id, method, path, operation, model, seconds, address, agent,
     decision, rule, outcome, status, upstream_status, upstream_request_id, first_byte_ms, duration_ms, bytes_in, bytes_out,
     reserved, used, objects, output_hash, leaf, settled_leaf)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  for (let from = 0; from < ROWS; from += 100_000) {
    db.exec('begin');
    for (let i = from; i < Math.min(ROWS, from + 100_000); i++)
      insert.run(...call(i, Math.floor(start + i * stepMs)));
    db.exec('commit');
    if (process.stderr.isTTY) process.stderr.write(`\r${Math.round((100 * from) / ROWS)} %`);
  }
}

function call(i: number, at: number): (string | number | null)[] {
  const tester = skewed(TESTERS);
  const operation = OPERATIONS[random(OPERATIONS.length)] ?? '';
  const bad = random(12) === 0 ? OUTCOMES[random(OUTCOMES.length)] : undefined;
  const stopped = random(20_000) === 0;
  const [outcome, status] = stopped
    ? (['access_suspended', 403] as const)
    : (bad ?? (['complete', 200] as const));
  const refused = status !== 200 && status !== 502;
  const isVideo = operation.startsWith('videos.');
  // Polled about when it was made.
  const video = Math.max(0, Math.floor(i / 12) - random(40));
  return [
    `${firstIdOf(at).slice(0, 24)}${hex(i, 12)}`,
    at,
    `tester-${tester}`,
    `cohort-${tester % 5}`,
    uuid('aaaa', tester * 3 + random(3)),
    'portcullis',
    operation === 'videos.create' ? 'POST' : 'GET',
    isVideo ? `/v1/videos/video_${hex(video, 24)}` : '/v1/models',
    operation,
    isVideo ? `model-${random(4)}` : null,
    operation === 'videos.create' ? 8 : null,
    `10.${tester % 8}.${(tester * 7 + random(3)) % 250}.7`,
    'OpenAI/JS 7.57.0',
    refused ? 'refused' : 'allowed',
    stopped ? `switch:${random(40)}` : refused ? 'limit:minute' : 'allow',
    outcome,
    status,
    refused ? null : 200,
    refused ? null : `req_${hex(i, 24)}`,
    refused ? null : 120,
    refused ? 1 : 900,
    300,
    refused ? 0 : 1_200,
    operation === 'videos.create' ? '{"videoSeconds":8}' : null,
    operation === 'videos.create' ? '{"videoSeconds":8}' : null,
    isVideo ? `["video_${hex(video, 24)}"]` : null,
    operation === 'videos.content' ? hashOf(video) : null,
    i * 2,
    i * 2 + 1,
  ];
}
