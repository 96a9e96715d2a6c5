/** Links to released outputs: they lead to the clip and to nothing else, and are dead the moment that somebody says so. */
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { PERMISSIVE, sleep, startGate, startUpstream, streamsCut, type TestGate } from '../with-gate.ts';

const CLIP = randomBytes(50_000);
const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

type Answer = (incoming: IncomingMessage, outgoing: ServerResponse) => void;
const clip: Answer = (incoming, outgoing) => {
  const range = /^bytes=(\d+)-(\d+)$/.exec(incoming.headers.range ?? '');
  const bytes = range ? CLIP.subarray(Number(range[1]), Number(range[2]) + 1) : CLIP;
  outgoing.writeHead(range ? 206 : 200, {
    'content-type': 'video/mp4',
    'set-cookie': 'upstream=1',
    'content-length': bytes.length,
    ...(range ? { 'content-range': `bytes ${range[1]}-${range[2]}/${CLIP.length}` } : {}),
  });
  outgoing.end(incoming.method === 'HEAD' ? undefined : bytes);
};
const endless: Answer = (_, outgoing) => {
  outgoing.writeHead(200, { 'content-type': 'video/mp4' });
  const timer = setInterval(() => outgoing.write(Buffer.alloc(1000)), 5);
  outgoing.on('close', () => clearInterval(timer));
};

async function setUp(answer: Answer = clip, more = '') {
  const upstream = await startUpstream(answer);
  const mode = 'outputs: reviewed-before-download, limits: { concurrent: 1 }';
  const gate = await startGate(
    upstream.url,
    `artists: { ${PERMISSIVE}, ${mode} }`,
    `trace: { clips: false }\n${more}`,
  );
  open.push(upstream, gate);
  const token = await gate.tester('ada');
  await gate.sql(
    `insert into objects (id, tester, kind, model) values ('video_1', 'ada', 'videos', 'sora-2');
     insert into releases (object, tester, purpose, place, at, state, state_at) values ('video_1', 'ada', 'x', 'y', 1, 'asked', 1)`,
  );
  await gate.admin('POST', 'releases/1/decision', { decision: 'approve' });
  const link = await gate.admin('POST', 'releases/1/links');
  return { gate, upstream, token, id: String(link.id), url: `${gate.url}${link.url}` };
}

const row = (gate: TestGate) => gate.rows().at(-1);
/** Everything that a stranger can tell a refusal by, but its own id and time. */
async function told(answer: Response): Promise<string> {
  const body = (await answer.text()).replaceAll(/[0-9a-f-]{36}/g, 'ID');
  const headers = [...answer.headers].filter(([name]) => name !== 'x-request-id' && name !== 'date');
  return JSON.stringify([answer.status, headers, body]);
}

test('a link leads to the clip, whole and in part, with nothing of upstream’s beside it, and each fetch leaves its row', async () => {
  const { gate, upstream, id, url } = await setUp();
  const whole = await fetch(url);
  expect(Buffer.from(await whole.arrayBuffer()).equals(CLIP)).toBe(true);
  expect(Object.fromEntries(whole.headers)).toMatchObject({
    ...{ 'content-type': 'video/mp4', 'content-disposition': 'inline', 'cache-control': 'no-store' },
    ...{ 'x-robots-tag': expect.stringContaining('noindex'), 'x-content-type-options': 'nosniff' },
    'content-security-policy': expect.stringMatching(/^default-src 'none';.*sandbox/),
  });
  expect(whole.headers.has('set-cookie')).toBe(false);
  const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
  expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 10-19/${CLIP.length}`]);
  expect(Buffer.from(await part.arrayBuffer()).equals(CLIP.subarray(10, 20))).toBe(true);
  const head = await fetch(url, { method: 'HEAD' });
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(CLIP.length)]);
  expect(
    (await gate.settled()).map(
      (one) => `${one.operation} ${one.path} ${one.tester} ${one.outcome} ${one.rule}`,
    ),
  ).toEqual(Array(3).fill(`links.follow /s/${id} ada complete link:${id}`));
  for (const { headers } of upstream.seen)
    expect(headers.authorization).toBe('Bearer sk-upstream-canary-key');
  const { links } = (await gate.admin('GET', 'releases/1/links')) as { links: object[] };
  expect(links).toMatchObject([{ fetches: 3, lastAt: expect.any(String) }]);
});

test('a link that was never made, one with another signature, and one that is over look alike', async () => {
  const { gate, upstream, id, url } = await setUp();
  const other = id.startsWith('A') ? `B${id.slice(1)}` : `A${id.slice(1)}`;
  const flipped = url.endsWith('A') ? `${url.slice(0, -1)}Q` : `${url.slice(0, -1)}A`;
  const answers = [
    await fetch(url.replace(id, other)),
    await fetch(flipped),
    await fetch(`${gate.url}/s/psl_x.y`),
  ];
  await gate.sql('update share_links set expires_at = 1');
  answers.push(await fetch(url));
  await gate.sql(`update share_links set expires_at = 9e15; update releases set state = 'withdrawn'`);
  answers.push(await fetch(url));
  await gate.sql(`update releases set state = 'approved'; delete from share_links`);
  answers.push(await fetch(url));
  const [first, ...others] = await Promise.all(answers.map(told));
  expect(first).toMatch(/^\[404,.*link_unknown/);
  for (const one of others) expect(one).toBe(first);
  expect(upstream.seen).toEqual([]);
  expect(gate.rows().map(({ outcome }) => outcome)).toEqual(Array(6).fill('link_unknown'));
});

test.each(['global', 'cohort:artists', 'tester:ada', 'model:sora-2'])(
  'a stop of %s ends a link at once, streams in flight too, and its release frees it',
  async (scope) => {
    const { gate, url } = await setUp(endless);
    const answer = await fetch(url);
    const reading = answer.arrayBuffer().then(
      () => 'whole',
      () => 'cut',
    );
    await sleep(30);
    const stopped = await gate.admin('POST', 'switches', { scope, reason: 'leak' });
    expect(streamsCut(stopped)).toBe(1);
    expect(await reading).toBe('cut');
    expect((await fetch(url)).status).toBe(404);
    expect(row(gate)).toMatchObject({ outcome: 'link_unknown', rule: 'switch:1', tester: 'ada' });
    await gate.admin('POST', 'switches/release', { scope, reason: 'found' });
    const again = await fetch(url);
    expect(again.status).toBe(200);
    await again.body?.cancel();
  },
);

test.each(['the link', 'its release', 'the row by hand'])(
  'what streams is cut when somebody takes back %s',
  async (what) => {
    const { gate, id, url } = await setUp(endless);
    const answer = await fetch(url);
    const reading = answer.arrayBuffer().then(
      () => 'whole',
      () => 'cut',
    );
    await sleep(30);
    if (what === 'the link') await gate.admin('POST', `links/${id}/revoke`);
    else if (what === 'its release')
      await gate.admin('POST', 'releases/1/decision', { decision: 'withdraw', reason: 'x' });
    else await gate.sql('update share_links set revoked_at = 1');
    expect(await reading).toBe('cut');
    expect((await fetch(url)).status).toBe(404);
  },
);

test('tokens that are revoked leave links alone: they are no tokens', async () => {
  const { gate, url } = await setUp();
  await gate.admin('POST', 'switches', { scope: 'tester:ada', effect: 'revoke', reason: 'rotation' });
  expect((await fetch(url)).status).toBe(200);
});

test('upstream’s refusal is no page for strangers', async () => {
  const { url } = await setUp((_, outgoing) =>
    outgoing.writeHead(404, { 'content-type': 'text/html' }).end('account acct_77'),
  );
  const answer = await fetch(url);
  expect(answer.status).toBe(502);
  expect(await answer.text()).not.toContain('acct_77');
});

test('an address that tries links is limited; the bytes of a known link are not', async () => {
  const { gate, url } = await setUp(clip, 'requests: { unknownPerMinute: 5 }');
  for (let i = 0; i < 12; i++) expect((await fetch(url)).status).toBe(200);
  const tried: number[] = [];
  for (let i = 0; i < 7; i++) tried.push((await fetch(`${gate.url}/s/psl_${i}.x`)).status);
  expect(tried).toEqual([404, 404, 404, 404, 404, 429, 429]);
});

test('the streams of a link do not take its owner’s slots, and are bounded themselves', async () => {
  const { gate, url, token } = await setUp(endless);
  const streams = await Promise.all([...Array(64)].map(() => fetch(url)));
  expect(streams.every(({ status }) => status === 200)).toBe(true);
  expect((await fetch(url)).status).toBe(503);
  const own = await fetch(`${gate.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } });
  expect(await own.text()).toContain('output_held');
  await Promise.all(streams.map(({ body }) => body?.cancel()));
});

test('the signing key is a file of its own, 0600', async () => {
  const { gate } = await setUp();
  expect(statSync(join(gate.dir, 'link-key')).mode & 0o777).toBe(0o600);
});

test('the signing key outlives a restart, and no link stands in a log', async () => {
  const { gate, url } = await setUp();
  const token = url.slice(url.indexOf('psl_'));
  for (const path of [`/s/${token}`, `/s/${token}/`, `/s/${token}?x=1`, `/v1/${token}`])
    await fetch(`${gate.url}${path}`);
  const path = new URL(url).pathname;
  await gate.restart();
  expect((await fetch(`${gate.url}${path}`)).status).toBe(200);
  expect(gate.onDisk()).not.toContain(token);
});

test('a link takes no body, no other method, and no query', async () => {
  const { url } = await setUp();
  expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(400);
  expect((await fetch(`${url}?variant=source`)).status).toBe(404);
});
