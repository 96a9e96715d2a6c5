/** What a console asks of the admin API: series, events, the way of a call, what was seen of a tester, settings, outputs. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashSecret } from '../../src/admin/credential.ts';
import { readConfig, settingsOf } from '../../src/config.ts';
import { makeSecret } from '../../src/secret.ts';
import { operatorTokens } from '../../src/store/schema.ts';
import { type Admin, logCall, startAdmin } from './with-admin.ts';

const MINUTE_MS = 60_000;
let admin: Admin;
beforeAll(async () => {
  admin = await startAdmin();
});
afterAll(() => admin.close());

const get = async (path: string) => (await (await admin.call('GET', path)).json()) as never;
/** In the middle of the minute that was so many minutes ago. */
const inMinute = (ago: number) => Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - ago * MINUTE_MS + 30_000;

interface Series {
  minutes: {
    calls: number;
    refusals: Record<string, number>;
    open: number;
    units: { videoSeconds: number };
  }[];
}

test('the last hour is told by minutes: calls, refusals by code, units, and what was open at the end of each', async () => {
  const at = inMinute(10);
  logCall(admin.db.writer, {
    at,
    id: idAt(at, 1),
    durationMs: 80_000,
    used: '{"videoSeconds":8}',
    reserved: '{"videoSeconds":12}',
  });
  logCall(admin.db.writer, { at, id: idAt(at, 2), durationMs: 10, reserved: '{"videoSeconds":4}' });
  logCall(admin.db.writer, {
    at,
    id: idAt(at, 3),
    decision: 'refused',
    outcome: 'rate_limited',
    status: 429,
    repeats: 7,
    durationMs: 0,
  });
  const open = inMinute(3);
  logCall(admin.db.writer, { at: open, id: idAt(open, 1), outcome: null, status: null });
  const { minutes } = (await get('/admin/series')) as Series;
  expect(minutes).toHaveLength(60);
  expect(minutes.at(-11)).toMatchObject({
    calls: 9,
    refusals: { rate_limited: 7 },
    open: 1,
    units: { videoSeconds: 12 },
  });
  expect(minutes.slice(-11).map((one) => one.open)).toEqual([1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
  expect(minutes.at(-4)).toMatchObject({ calls: 1, refusals: {} });
  expect(((await get('/admin/series?minutes=5')) as Series).minutes).toHaveLength(5);
});

test('a minute that is over is told again as it was, though its rows are gone', async () => {
  admin.db.writer.$client.exec("delete from requests where outcome = 'rate_limited'");
  const { minutes } = (await get('/admin/series?minutes=30')) as Series;
  expect(minutes.at(-11)?.calls).toBe(9);
});

test('the use of testers is told by hours, of those who are asked for and of nobody else', async () => {
  const at = Date.now() - 5 * 3_600_000;
  for (let i = 0; i < 3; i++) logCall(admin.db.writer, { at, id: idAt(at, i), tester: 'bo' });
  logCall(admin.db.writer, { tester: 'zoe' });
  const { use } = (await get('/admin/series/testers?ids=bo,nobody&hours=24')) as {
    use: { tester: string; calls: number[] }[];
  };
  expect(use.map(({ tester, calls }) => [tester, calls.length, calls.reduce((a, b) => a + b)])).toEqual([
    ['bo', 24, 3],
    ['nobody', 24, 0],
  ]);
  expect(use[0]?.calls.indexOf(3)).toBe(23 - 5);
});

test('events tell the state at once, and again when a switch is engaged', async () => {
  const answer = await admin.call('GET', '/admin/events');
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  const reader = answer.body
    ?.pipeThrough(new TextDecoderStream() as never)
    .getReader() as ReadableStreamDefaultReader<string>;
  const next = async () => JSON.parse(/data: (.*)/.exec((await reader.read()).value ?? '')?.[1] ?? 'null');
  expect(await next()).toMatchObject({ open: true, logWritable: true, switches: [], openCalls: 0 });
  await admin.call('POST', '/admin/switches', { scope: 'global', reason: 'a test' });
  expect(await next()).toMatchObject({ open: false, switches: [expect.any(Number)] });
  await reader.cancel();
  await admin.call('POST', '/admin/switches/release', { scope: 'global', reason: 'over' });
});

interface Way {
  steps: { step: string; state: string }[];
  rule: string | null;
  spans: { name: string; fromMs: number; toMs: number }[];
  log: object | null;
}

test.each([
  [
    'token_expired',
    'authenticate',
    ['passed', 'refused', 'not-reached', 'not-reached', 'not-reached', 'not-reached', 'not-reached'],
  ],
  [
    'model_not_allowed',
    'judge',
    ['passed', 'passed', 'passed', 'refused', 'not-reached', 'not-reached', 'not-reached'],
  ],
  [
    'rate_limited',
    'admit',
    ['passed', 'passed', 'passed', 'passed', 'refused', 'not-reached', 'not-reached'],
  ],
])('a call that was refused as %s ended at the step "%s"', async (outcome, step, states) => {
  const id = logCall(admin.db.writer, { decision: 'refused', outcome, rule: 'limit:minute', durationMs: 3 });
  const way = (await get(`/admin/requests/${id}/way`)) as Way;
  expect(way.steps.map(({ state }) => state)).toEqual(states);
  expect(way.steps.find(({ state }) => state === 'refused')?.step).toBe(step);
  expect(way).toMatchObject({
    rule: 'limit:minute',
    spans: [{ name: 'refused', fromMs: 0, toMs: 3 }],
    log: null,
  });
});

test('the way of a call that was let through tells when its answer began and ended; of an open one, that it goes on', async () => {
  const done = logCall(admin.db.writer, { firstByteMs: 120, durationMs: 900 });
  expect(await get(`/admin/requests/${done}/way`)).toMatchObject({
    spans: [
      { name: 'first-byte', fromMs: 0, toMs: 120 },
      { name: 'answer', fromMs: 120, toMs: 900 },
    ],
  });
  const open = logCall(admin.db.writer, { outcome: null, status: null });
  const way = (await get(`/admin/requests/${open}/way`)) as Way;
  expect(way.steps.at(-1)).toEqual({ step: 'stream', state: 'open' });
  expect(way.spans).toEqual([]);
  expect((await admin.call('GET', '/admin/requests/00000000-0000-7000-8000-000000000000/way')).status).toBe(
    404,
  );
});

test('what was seen of a tester: addresses and agents with their calls, the last used first', async () => {
  for (const [address, agent] of [
    ['192.0.2.1', 'one/1'],
    ['192.0.2.1', 'two/2'],
    ['192.0.2.9', 'two/2'],
  ])
    logCall(admin.db.writer, { tester: 'kim', address, agent });
  const seen = (await get('/admin/testers/kim/seen')) as Record<
    'addresses' | 'agents',
    { value: string; calls: number }[]
  >;
  expect(seen.addresses.map(({ value, calls }) => [value, calls])).toEqual([
    ['192.0.2.9', 1],
    ['192.0.2.1', 2],
  ]);
  expect(seen.agents.map(({ value, calls }) => [value, calls])).toEqual([
    ['two/2', 2],
    ['one/1', 1],
  ]);
});

test('settings tell the rules in force, and no secret and no address that may be one', async () => {
  const settings = (await get('/admin/settings')) as {
    cohorts: Record<string, { allow: { operations: string[] }[] }>;
    routes: { operation: string; offered: boolean }[];
  };
  expect(settings).toMatchObject({
    policy: expect.any(Number),
    upstream: null,
    retention: { keepDays: null },
  });
  expect(settings.cohorts.alpha?.allow[0]?.operations.length).toBeGreaterThan(0);
  expect(settings.routes.find(({ operation }) => operation === 'videos.create')).toMatchObject({
    ...{ offered: true, path: '/v1/videos' },
  });
  const env = {
    PORTCULLIS_UPSTREAM_URL: 'https://api.example/secret-path',
    PORTCULLIS_UPSTREAM_KEY: 'sk-secret-key',
  };
  const told = settingsOf(readConfig(env, 'log: { checkpointHook: "https://hooks.example/secret-hook" }'));
  expect(told).toMatchObject({
    upstream: 'https://api.example',
    log: { checkpointHook: 'https://hooks.example' },
  });
  expect(JSON.stringify(told)).not.toContain('secret');
});

test('objects come the newest first, in pages that do not overlap, and outputs with the hash that was given out last', async () => {
  const sha = (n: number) => String(n).padStart(64, '0');
  const insert = admin.db.writer.$client.prepare(
    "insert into objects (id, tester, kind, at) values (?, 'kim', 'videos', ?)",
  );
  for (const [id, at] of [
    ['video_b', 10],
    ['video_a', 30],
    ['video_c', 20],
    ['video_d', 20],
  ] as const)
    insert.run(id, at);
  const page = async (after = '') =>
    (await get(`/admin/objects?kind=videos&order=newest&limit=2${after}`)) as {
      objects: { id: string }[];
      next: string | null;
    };
  const first = await page();
  const second = await page(`&after=${first.next}`);
  expect([...first.objects, ...second.objects].map(({ id }) => id)).toEqual([
    'video_a',
    'video_d',
    'video_c',
    'video_b',
  ]);
  expect(second.next).toBeNull();
  logCall(admin.db.writer, { operation: 'videos.content', objects: '["video_a"]', outputHash: sha(1) });
  logCall(admin.db.writer, { operation: 'videos.content', objects: '["video_a"]', outputHash: sha(2) });
  logCall(admin.db.writer, { operation: 'videos.content', objects: '["video_b"]', outputHash: null });
  expect(await get('/admin/log/outputs?objects=video_a,video_b')).toEqual({
    outputs: [{ object: 'video_a', sha256: sha(2) }],
  });
});

test('whoever asks is told the routes of the role, and of a narrower credential those of both', async () => {
  const may = async (credential: string) =>
    ((await (await admin.call('GET', '/admin/me', undefined, credential)).json()) as { may: string[] }).may;
  expect(await may(admin.credentials.operator)).toContain('POST /admin/switches');
  expect(await may(admin.credentials.auditor)).not.toContain('POST /admin/switches');
  const narrow = makeSecret('pco_');
  const row = { id: 'narrow', operator: 'the-operator', label: 'narrow', role: 'reviewer' } as const;
  admin.db.writer
    .insert(operatorTokens)
    .values({
      ...row,
      hash: await hashSecret(narrow),
      createdAt: Date.now(),
      expiresAt: Date.now() + MINUTE_MS,
    })
    .run();
  expect(await may(narrow)).toContain('GET /admin/status');
  expect(await may(narrow)).not.toContain('GET /admin/requests');
});

/** A UUIDv7 of that time. */
function idAt(at: number, n: number): string {
  const hex = at.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${String(n).padStart(12, '0')}`;
}
