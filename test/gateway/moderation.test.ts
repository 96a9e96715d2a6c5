/** The moderation service: asked about what the rules allow; whatever it does but saying "no objection" refuses the call. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startUpstream, type Upstream } from '../with-gate.ts';
import { artists, form, type PolicyGate, rule, startUnder } from '../with-policy.ts';

const CLIP = { model: 'sora-2', prompt: 'A heron at dawn', seconds: 4, size: '1280x720' };
const KEY = 'sk-moderation-canary-key';
const MODERATED =
  '    moderation: { on: [videos.create, realtime.connect], categories: [violence, self-harm] }\n';
const POLICY = artists(rule('short', 'videos.create', 'request.seconds <= 10'), MODERATED);
const result = (categories: object, flagged = false) => ({ results: [{ flagged, categories }] });
const FINE = result({ violence: false, 'self-harm': false, hate: true }, true);

let service: Upstream;
let answer: (outgoing: ServerResponse, incoming: IncomingMessage) => void;
let t: PolicyGate;
const says =
  (body: unknown, status = 200) =>
  (outgoing: ServerResponse) =>
    void outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

beforeAll(async () => {
  service = await startUpstream((incoming, outgoing) => answer(outgoing, incoming));
  const more = `moderation: { url: "${service.url}/v1/moderations", keyEnv: MODERATION_KEY, model: omni, timeoutSeconds: 1 }`;
  t = await startUnder(POLICY, more, { MODERATION_KEY: KEY });
});
afterAll(async () => {
  await t.close();
  await service.close();
});
beforeEach(() => {
  answer = says(FINE);
  t.upstream.seen.length = service.seen.length = 0;
});

test('it is asked about the words alone, under its own key, and what it has no objection to goes on', async () => {
  expect((await t.call('/videos', CLIP)).status).toBe(200);
  expect(service.seen).toHaveLength(1);
  expect(service.seen[0]).toMatchObject({ method: 'POST', url: '/v1/moderations' });
  expect(JSON.parse(service.seen[0]?.body ?? '')).toEqual({ model: 'omni', input: 'A heron at dawn' });
  expect(service.seen[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(JSON.stringify(service.seen)).not.toContain(t.token);
});

test('what it flags in a category of the policy is refused, forms and remixes too', async () => {
  const { body } = await t.call('/videos', CLIP);
  answer = says(result({ violence: true, 'self-harm': false }, true));
  t.upstream.seen.length = 0;
  const calls = [
    await t.call('/videos', CLIP),
    await t.call('/videos', form({ model: 'sora-2', prompt: 'x', size: '1280x720' })),
    await t.call(`/videos/${body.id}/remix`, { prompt: 'A fight' }),
  ];
  expect(calls.map((one) => [one.status, one.body.error?.code])).toEqual(
    Array(3).fill([403, 'moderation_flagged']),
  );
  expect(t.upstream.seen).toEqual([]);
  expect(t.gate.rows().at(-1)).toMatchObject({
    outcome: 'moderation_flagged',
    rule: 'moderation',
    detail: 'violence',
  });
});

test('one objection among several results is one', async () => {
  answer = says({ results: [...FINE.results, ...result({ violence: true, 'self-harm': false }).results] });
  expect((await t.call('/videos', CLIP)).body.error?.code).toBe('moderation_flagged');
});

test.each<[string, (outgoing: ServerResponse) => void]>([
  ['fails', says({}, 500)],
  ['refuses us', says({ error: {} }, 401)],
  ['is busy', says(FINE, 429)],
  ['answers with another success', says(FINE, 201)],
  ['says nothing', (outgoing) => void outgoing.writeHead(200).end()],
  ['says no JSON', (outgoing) => void outgoing.writeHead(200).end('<html>')],
  ['says something else', says({ ok: true })],
  ['has no results', says({ results: [] })],
  [
    'does not say whether it flags',
    says({ results: [{ categories: { violence: false, 'self-harm': false } }] }),
  ],
  ['does not know a category', says(result({ violence: false }))],
  ['says yes in words', says(result({ violence: 'no', 'self-harm': false }))],
  [
    'says a name twice',
    (outgoing) =>
      void outgoing
        .writeHead(200)
        .end(
          '{"results":[{"flagged":true}],"results":[{"flagged":false,"categories":{"violence":false,"self-harm":false}}]}',
        ),
  ],
  ['sends us elsewhere', (outgoing) => void outgoing.writeHead(307, { location: '/v1/other' }).end()],
  ['does not answer in time', () => {}],
  ['begins and does not end', (outgoing) => void outgoing.writeHead(200).write('{"results":')],
  ['hangs up', (outgoing) => void outgoing.destroy()],
  ['goes on for ever', (outgoing) => void outgoing.writeHead(200).end(' '.repeat(1_100_000))],
])('a service that %s lets nothing through', async (_, serve) => {
  answer = serve;
  const { status, body } = await t.call('/videos', CLIP);
  expect([status, body.error?.code]).toEqual([503, 'moderation_unavailable']);
  expect(t.upstream.seen).toEqual([]);
});

test('it is not asked about what is refused anyway: by a rule, a stop, a limit, or whose it is', async () => {
  expect((await t.call('/videos', { ...CLIP, seconds: 12 })).body.error?.code).toBe('rule_broken');
  expect((await t.call('/videos/video_99999999/remix', { prompt: 'x' })).status).toBe(404);
  await t.gate.admin('PATCH', 'testers/ada', { limits: { requestsPerDay: 1 }, reason: 'a test' });
  expect((await t.call('/models')).status).toBe(200);
  expect((await t.call('/videos', CLIP)).body.error?.code).toBe('rate_limited');
  await t.gate.admin('PATCH', 'testers/ada', { limits: null, reason: 'a test' });
  await t.gate.admin('POST', 'switches', { scope: 'tester:ada', reason: 'looked at' });
  expect((await t.call('/videos', CLIP)).body.error?.code).toBe('access_suspended');
  await t.gate.admin('POST', 'switches/release', { scope: 'tester:ada', reason: 'over' });
  expect(service.seen).toEqual([]);
});

test('a stop that comes while it is asked holds the call', async () => {
  answer = (outgoing) => {
    void t.gate
      .admin('POST', 'switches', { scope: 'tester:ada', reason: 'now' })
      .then(() => says(FINE)(outgoing));
  };
  expect((await t.call('/videos', CLIP)).body.error?.code).toBe('access_suspended');
  expect(t.upstream.seen).toEqual([]);
  await t.gate.admin('POST', 'switches/release', { scope: 'tester:ada', reason: 'over' });
});

test('words that cannot be read, and those of sockets, cannot be looked at', async () => {
  const long = form({ model: 'sora-2', prompt: 'x'.repeat(70_000), size: '1280x720' });
  expect((await t.call('/videos', long)).body.error?.code).toBe('moderation_unavailable');
  const socket = new WebSocket(`${t.gate.url.replace('http', 'ws')}/v1/realtime?model=gpt-realtime`, {
    headers: { authorization: `Bearer ${t.token}` },
  });
  const status = await new Promise((resolve) => {
    socket.on('unexpected-response', (_, answer) => resolve(answer.statusCode));
    socket.on('open', () => resolve('open'));
  });
  expect(status).toBe(503);
  expect(t.gate.rows().at(-1)).toMatchObject({
    operation: 'realtime.connect',
    outcome: 'moderation_unavailable',
  });
  expect([service.seen, t.upstream.seen]).toEqual([[], []]);
});

test('a policy that asks for a service that is not there is not taken up', async () => {
  await expect(startUnder(POLICY)).rejects.toThrow(/it asks for moderation/);
});
