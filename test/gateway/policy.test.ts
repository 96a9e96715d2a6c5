/** The usage policy at the gate: what a rule forbids does not go upstream, whichever way it is asked for. */
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { artists, form, type PolicyGate, rule, startUnder } from '../with-policy.ts';

const CLIP = { model: 'sora-2', prompt: 'A heron at dawn', size: '1280x720' };
const RULES =
  rule('clip-length', 'videos.create', 'request.seconds <= 10') +
  rule('no-volcanoes', '*', "!fold(request.prompt).contains('volcano')") +
  rule('no-files', 'videos.create', "!request.has_file || request.operation != 'videos.create'") +
  rule('hd', 'videos.create', 'request.width <= 1280 && request.height <= 1280') +
  rule('later', 'videos.create', 'request.seconds <= 4', 'shadow');
const POLICY = artists(RULES).replace('models: ["*"]', 'models: ["sora-*", "gpt-*", "text-*"]');

let t: PolicyGate;
beforeAll(async () => {
  t = await startUnder(POLICY);
});
afterAll(() => t.close());
beforeEach(() => {
  t.upstream.seen.length = 0;
});

async function refused(path: string, body: object | FormData) {
  const { status, body: told } = await t.call(path, body);
  expect(t.upstream.seen).toEqual([]);
  return [status, told.error?.code, ...(told.error?.rules ?? []).map(({ name }) => name)];
}

test('an SDK shows which rules a call breaks, all of them, by name and message', async () => {
  const client = new OpenAI({ baseURL: `${t.gate.url}/v1`, apiKey: t.token });
  const fault = await client.videos
    .create({ model: 'sora-2', prompt: 'A Volcano', seconds: '12', size: '1280x720' })
    .catch((one: unknown) => one);
  expect(fault).toMatchObject({
    status: 403,
    code: 'rule_broken',
    error: {
      rules: [
        { name: 'clip-length', message: 'No: clip-length.' },
        { name: 'no-volcanoes', message: 'No: no-volcanoes.' },
      ],
    },
  });
  expect(String(fault)).toContain('No: clip-length. No: no-volcanoes.');
  expect(t.upstream.seen).toEqual([]);
  const row = t.gate.rows().at(-1);
  expect(row).toMatchObject({
    decision: 'refused',
    outcome: 'rule_broken',
    rule: 'rule:clip-length',
    policy: t.version,
  });
  expect(row?.detail).toMatch(/^clip-length, no-volcanoes: /);
});

test('the rules stand in the body as RFC 9457 has its members, too', async () => {
  const { body } = await t.call('/videos', { ...CLIP, seconds: 12 });
  expect(body).toMatchObject({ status: 403, rules: [{ name: 'clip-length', message: 'No: clip-length.' }] });
});

test('a rule in shadow refuses nothing, and is found in the log', async () => {
  expect((await t.call('/videos', { ...CLIP, seconds: 8 })).status).toBe(200);
  await t.gate.settled();
  const { requests } = (await t.gate.admin('GET', 'requests?shadow=later&limit=1')) as never;
  expect(requests).toMatchObject([
    { decision: 'allowed', rule: 'allow', shadow: ['later'], policy: t.version },
  ]);
});

describe('no way around a rule', () => {
  let clip: string;
  beforeAll(async () => {
    clip = (await t.call('/videos', { ...CLIP, seconds: 8 })).body.id ?? '';
    await t.gate.enter('ada', 'pmpt_0000000001');
  });
  const picture = new Blob(['x'], { type: 'image/png' });
  const long = 'x'.repeat(65_537);

  test.each<[string, string, () => object | FormData, (string | number)[]]>([
    ['JSON', '/videos', () => ({ ...CLIP, seconds: 12 }), ['rule_broken', 'clip-length']],
    ['digits in a text', '/videos', () => ({ ...CLIP, seconds: '12' }), ['rule_broken', 'clip-length']],
    ['a form', '/videos', () => form({ ...CLIP, seconds: '12' }), ['rule_broken', 'clip-length']],
    ['another spelling', '/videos', () => ({ ...CLIP, Seconds: 12 }), ['body_ambiguous']],
    ['no number', '/videos', () => ({ ...CLIP, seconds: 'twelve' }), ['parameter_unreadable']],
    ['no size', '/videos', () => ({ model: 'sora-2', prompt: 'x' }), ['rule_broken', 'hd']],
    [
      'an extension',
      '/videos/extensions',
      () => form({ prompt: 'On', seconds: '4', 'video[id]': clip }),
      ['rule_broken', 'clip-length'],
    ],
    [
      'an extension of no length',
      '/videos/extensions',
      () => ({ prompt: 'On', video: { id: clip } }),
      ['rule_broken', 'clip-length'],
    ],
    [
      'a longer remix',
      '/videos/CLIP/remix',
      () => ({ prompt: 'On', seconds: 12 }),
      ['rule_broken', 'clip-length'],
    ],
    [
      'a new clip out of another one, longer',
      '/videos',
      () => ({ ...CLIP, seconds: 12, video: { id: clip } }),
      ['rule_broken', 'clip-length', 'no-files'],
    ],
    [
      'an upload whose length nobody knows',
      '/videos/edits',
      () => form({ prompt: 'On', video: picture }),
      ['model_not_allowed'],
    ],
    [
      'words in a remix',
      '/videos/CLIP/remix',
      () => ({ prompt: 'A Volcano' }),
      ['rule_broken', 'no-volcanoes'],
    ],
    [
      'words in an edit',
      '/videos/edits',
      () => form({ prompt: 'A ＶＯＬＣＡＮＯ', 'video[id]': clip }),
      ['rule_broken', 'no-volcanoes'],
    ],
    [
      'words that are too long to read',
      '/videos',
      () => form({ ...CLIP, prompt: long }),
      ['rule_broken', 'no-volcanoes'],
    ],
    [
      'words that upstream keeps',
      '/responses',
      () => ({ model: 'gpt-4o', prompt: { id: 'pmpt_0000000001' } }),
      ['rule_broken', 'no-volcanoes'],
    ],
    [
      'numbers for words',
      '/embeddings',
      () => ({ model: 'text-embedding-3-small', input: [1, 2, 3] }),
      ['rule_broken', 'no-volcanoes'],
    ],
    [
      'words that are spoken',
      '/chat/completions',
      () => ({
        model: 'gpt-4o',
        messages: [
          { role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }] },
        ],
      }),
      ['rule_broken', 'no-volcanoes'],
    ],
    [
      'words deep in a body',
      '/chat/completions',
      () => ({
        model: 'gpt-4o',
        messages: [{ role: 'user', content: [{ type: 'text', text: 'vol\u200bcano' }] }],
      }),
      ['rule_broken', 'no-volcanoes'],
    ],
    [
      'words of a tool',
      '/responses',
      () => ({ model: 'gpt-4o', input: [{ type: 'function_call_output', call_id: 'c', output: 'volcano' }] }),
      ['rule_broken', 'no-volcanoes'],
    ],
    ['a picture', '/videos', () => form({ ...CLIP, input_reference: picture }), ['rule_broken', 'no-files']],
    [
      'the address of a picture in a form',
      '/videos',
      () => form({ ...CLIP, 'input_reference[image_url]': 'https://example.com/a.png' }),
      ['rule_broken', 'no-files'],
    ],
    [
      'the address of a picture',
      '/videos',
      () => ({ ...CLIP, input_reference: { image_url: 'https://example.com/a.png' } }),
      ['rule_broken', 'no-files'],
    ],
    [
      'a clip under another name',
      '/videos',
      () => ({ ...CLIP, reference_video: { video_id: clip } }),
      ['rule_broken', 'no-files'],
    ],
    [
      'a model that a remix names',
      '/videos/CLIP/remix',
      () => ({ prompt: 'On', model: 'veo-3' }),
      ['model_not_allowed'],
    ],
  ])('%s', async (_, path, body, told) => {
    t.upstream.seen.length = 0;
    expect(await refused(path.replace('CLIP', clip), body())).toEqual([expect.any(Number), ...told]);
  });

  test('a character, and a file by its id', async () => {
    await t.gate.sql(
      "insert into objects (id, tester, kind) values ('char_0000000001', 'ada', 'characters'), ('file-0000000001', 'ada', 'files')",
    );
    const rules = ['rule_broken', 'no-files'];
    const characters = { ...CLIP, characters: [{ id: 'char_0000000001' }] };
    expect(await refused('/videos', characters)).toEqual([403, ...rules]);
    expect(
      await refused('/videos', form({ ...CLIP, 'input_reference[file_id]': 'file-0000000001' })),
    ).toEqual([403, ...rules]);
  });

  test('a batch is no way either: there is no such route', async () => {
    expect(await refused('/batches', { endpoint: '/v1/videos', input_file_id: 'file-0000000001' })).toEqual([
      404,
      'route_unknown',
    ]);
  });

  test('a remix of a clip that was made before the rule, of a model that was allowed before it', async () => {
    await t.load(POLICY.replace('seconds <= 10', 'seconds <= 6'));
    expect(await refused(`/videos/${clip}/remix`, { prompt: 'On' })).toEqual([
      403,
      'rule_broken',
      'clip-length',
    ]);
    await t.load(POLICY.replace('"sora-*"', '"sora-3"'));
    expect(await refused(`/videos/${clip}/remix`, { prompt: 'On' })).toEqual([403, 'model_not_allowed']);
    await t.load(POLICY);
    expect((await t.call(`/videos/${clip}/remix`, { prompt: 'On' })).status).toBe(200);
    // What comes of it has the model of what it was made from, and so have stops of that model.
    expect(t.gate.rows().at(-1)).toMatchObject({ operation: 'videos.remix', model: 'sora-2' });
  });

  test("another tester's clip tells nothing by the rules that it would break", async () => {
    const bob = await t.gate.tester('bob');
    const strangers = await t.call(`/videos/${clip}/remix`, { prompt: 'On', seconds: 12 }, bob);
    const nobodys = await t.call('/videos/video_99999999/remix', { prompt: 'On', seconds: 12 }, bob);
    expect([strangers.status, nobodys.status]).toEqual([404, 404]);
    expect(strangers.body.error?.code).toBe('object_unknown');
  });

  test('a stop of a model stops what is made out of its clips', async () => {
    await t.gate.admin('POST', 'switches', { scope: 'model:sora-2', reason: 'a leak' });
    t.upstream.seen.length = 0;
    expect(await refused(`/videos/${clip}/remix`, { prompt: 'On' })).toEqual([403, 'access_suspended']);
    await t.gate.admin('POST', 'switches/release', { scope: 'model:sora-2', reason: 'over' });
  });
});

test('what a tester used counts for rules that ask, and is the same as quotas count', async () => {
  const carl = await t.gate.tester('carl');
  await t.load(artists(rule('daily', 'videos.create', 'usage.today.videoSeconds + request.seconds <= 20')));
  const make = async () => (await t.call('/videos', { ...CLIP, seconds: 8 }, carl)).status;
  expect([await make(), await make(), await make()]).toEqual([200, 200, 403]);
  await t.load(POLICY);
});

test('a replay reads the words that a cohort lets the gate keep', async () => {
  const dora = await t.gate.tester('dora');
  await t.load(artists(rule('any', '*', 'true'), '    capture: prompt\n'));
  for (const prompt of ['A heron', 'An owl']) await t.call('/videos', { ...CLIP, prompt }, dora);
  await t.gate.settled();
  const answer = await fetch(`${t.gate.control}/admin/policy/replay`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${t.gate.credential}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      text: artists(rule('no-herons', '*', "!fold(request.prompt).contains('heron')")),
    }),
  });
  const lines = (await answer.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.filter(({ call }) => call?.tester === 'dora')).toMatchObject([
    { call: { was: 'allowed', becomes: 'refused', rules: ['no-herons'] } },
  ]);
  await t.load(POLICY);
});
