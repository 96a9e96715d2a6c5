/** A tester plays what it made: the way of every call, with a row of its own, and no page of upstream's in our name. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';
import { type Browser, signedIn } from './with-portal.ts';

let gate: TestGate;
let upstream: Upstream;
let ada: Browser;
let type = 'video/mp4';
const PLACE = '/portal/outputs/video_1/content';
beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => {
    if (incoming.url?.endsWith('/content')) {
      const part = incoming.headers.range === 'bytes=0-3';
      const range = part ? { 'content-range': 'bytes 0-3/6' } : {};
      outgoing.writeHead(part ? 206 : 200, { 'content-type': type, ...range, 'set-cookie': 'a=b' });
      outgoing.end(part ? 'fram' : 'frames');
    } else
      outgoing
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"id":"video_1","object":"video","status":"completed","seconds":"4","created_at":1}');
  });
  gate = await startGate(
    upstream.url,
    `artists: { allow: [{ operations: ["*"], models: ["*"] }] }
  held: { outputs: reviewed-before-download, allow: [{ operations: ["*"], models: ["*"] }] }`,
  );
  const token = await gate.tester('ada');
  await post(gate.url, token, { model: 'sora-2', prompt: 'x', seconds: '4' }, '/v1/videos');
  ada = await signedIn(gate, token);
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

test('the bytes come under the gate’s own key, and the call has its row, like one of the SDK', async () => {
  const shown = await ada.get(PLACE);
  expect([shown.status, shown.text]).toEqual([200, 'frames']);
  const [row] = (await gate.settled()).slice(-1);
  expect(row).toMatchObject({
    ...{ tester: 'ada', operation: 'videos.content', path: '/v1/videos/video_1/content' },
    ...{ decision: 'allowed', outcome: 'complete', bytes_out: 6 },
  });
  const { url, headers } = upstream.seen.at(-1) ?? { url: '', headers: {} };
  expect(url).toBe('/v1/videos/video_1/content');
  expect(headers.authorization).toBe('Bearer sk-upstream-canary-key');
  expect(JSON.stringify(headers)).not.toContain('pps_');
});

test('a part is asked for as a part', async () => {
  const part = await ada.get(PLACE, { range: 'bytes=0-3' });
  expect([part.status, part.text, part.headers.get('content-range')]).toEqual([206, 'fram', 'bytes 0-3/6']);
});

test('whatever upstream calls it, no script of it runs here, and no cookie of it comes through', async () => {
  for (const [said, told, place] of [
    ['video/mp4', 'video/mp4', 'inline'],
    ['text/html', 'application/octet-stream', 'attachment'],
    ['image/svg+xml', 'application/octet-stream', 'attachment'],
    ['text/html; charset=video/mp4', 'application/octet-stream', 'attachment'],
  ] as const) {
    type = said;
    const { headers } = await ada.get(PLACE);
    expect([said, headers.get('content-type')]).toEqual([said, told]);
    expect(headers.get('content-disposition')).toBe(`${place}; filename="video_1"`);
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('set-cookie')).toBeNull();
  }
  type = 'video/mp4';
  expect((await ada.get(`${PLACE}?download=1`)).headers.get('content-disposition')).toMatch(/^attachment/);
});

test('a stop holds here too: its tester reads why, and plays nothing', async () => {
  const before = upstream.seen.length;
  await gate.admin('POST', 'switches', { scope: 'tester:ada', reason: 'Under investigation.' });
  const refused = await ada.get(PLACE);
  expect([refused.status, JSON.parse(refused.text).error.code]).toEqual([403, 'access_suspended']);
  expect(upstream.seen).toHaveLength(before);
  expect((await ada.get('/portal/outputs/video_1')).status).toBe(200);
  await gate.admin('POST', 'switches/release', { scope: 'tester:ada', reason: 'cleared' });
  expect((await ada.get(PLACE)).status).toBe(200);
});

test('what is held for review is not played before its release is approved', async () => {
  await gate.admin('POST', 'cohorts', { name: 'held' });
  await gate.admin('PATCH', 'testers/ada', { cohort: 'held' });
  const refused = await ada.get(PLACE);
  expect([refused.status, JSON.parse(refused.text).error.code]).toEqual([403, 'output_held']);
  const page = (await ada.get('/portal/outputs/video_1')).text;
  expect([page.includes('Held until its release is approved.'), page.includes('<video')]).toEqual([
    true,
    false,
  ]);
  await gate.sql(`insert into releases (object, tester, purpose, place, at, state_at, state)
    values ('video_1', 'ada', 'p', 'q', 1, 1, 'approved')`);
  expect((await ada.get(PLACE)).text).toBe('frames');
  expect((await ada.get('/portal/outputs/video_1')).text).toContain('<video');
});

test('by a one-time link one plays as well; a revocation that comes later ends that too', async () => {
  await gate.admin('PATCH', 'testers/ada', { cohort: 'artists' });
  const { link } = (await gate.admin('POST', 'testers/ada/portal-link', {})) as { link: string };
  const { browser } = await import('./with-portal.ts');
  const guest = browser(gate);
  await guest.send('/portal/link', '/portal/link', { link });
  expect((await guest.get(PLACE)).status).toBe(200);
  expect(gate.rows().at(-1)).toMatchObject({ tester: 'ada', operation: 'videos.content' });
  await gate.admin('POST', 'switches', { scope: 'tester:ada', effect: 'revoke', reason: 'all of them' });
  expect((await guest.get(PLACE)).status).toBe(303);
  expect((await ada.get(PLACE)).status).toBe(303);
});
