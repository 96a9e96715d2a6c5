/** What testers do in the portal: kept as it was said, told in the log, read and answered by operators. */
import { compactVerify, createLocalJWKSet } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';
import { type Browser, csrfIn, signedIn } from './with-portal.ts';

let gate: TestGate;
let upstream: Upstream;
let ada: Browser;
let token: string;
beforeAll(async () => {
  upstream = await startUpstream((_, outgoing) =>
    outgoing
      .writeHead(200, { 'content-type': 'application/json' })
      .end('{"id":"video_1","object":"video","status":"completed","seconds":"8","created_at":1}'),
  );
  gate = await startGate(upstream.url, undefined, 'terms: 1');
  token = await gate.tester('ada');
  ada = await signedIn(gate, token);
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

type Row = Record<string, unknown>;
const admin = async (path: string) => (await gate.admin('GET', path)) as Record<string, Row[]>;
const lastAct = async () => (await admin('acts?limit=1')).acts?.[0];
const exported = async (path: string) => {
  const answer = await fetch(`${gate.control}/admin/${path}`, {
    headers: { authorization: `Bearer ${gate.credential}` },
  });
  return answer.text();
};
const HOSTILE = '=HYPERLINK("http://evil.example")';

test('terms are read and accepted here, and then calls go through', async () => {
  await gate.admin('POST', 'terms', { text: 'Be kind.\nShow nothing outside.' });
  const make = () => post(gate.url, token, { model: 'sora-2', prompt: 'x', seconds: '8' }, '/v1/videos');
  expect((await make()).status).toBe(403);
  expect(JSON.parse((await ada.get('/portal/api/standing')).text)).toMatchObject({
    may: false,
    why: [{ because: 'terms' }],
  });
  const page = await ada.get('/portal/terms');
  expect(page.text).toContain('Be kind.');
  const field = (name: string) => new RegExp(`name="${name}" value="([^"]+)"`).exec(page.text)?.[1] ?? '';
  const [version, sha256] = [field('version'), field('sha256')];
  const other = await ada.send('/portal/terms', '/portal/terms', { version, sha256: 'a'.repeat(64) });
  expect(other.status).toBe(404);
  expect((await ada.send('/portal/terms', '/portal/terms', { version, sha256 })).status).toBe(303);
  expect(await lastAct()).toMatchObject({ operator: 'tester:ada', act: 'terms.accept' });
  expect((await make()).status).toBe(200);
  expect((await ada.get('/portal/terms')).text).toContain('You have accepted these terms.');
});

test('feedback is tied to an output, and operators read and export it; no cell of it runs', async () => {
  const given = { rating: '2', text: `${HOSTILE}\nsecond line`, object: 'video_1', call: '' };
  expect((await ada.send('/portal/feedback', '/portal/feedback', given)).status).toBe(303);
  expect(await lastAct()).toMatchObject({
    ...{ operator: 'tester:ada', act: 'feedback.give', subject: 'feedback:1' },
    reason: expect.stringMatching(/^sha256 [0-9a-f]{64}$/),
  });
  expect((await admin('feedback?tester=ada')).feedback).toMatchObject([
    { id: 1, tester: 'ada', rating: 2, object: 'video_1', request: null },
  ]);
  const csv = await exported('feedback/export?format=csv');
  expect(csv.split('\r\n')[0]).toBe('id,tester,at,rating,text,request,object');
  expect(csv).toContain(`"'=HYPERLINK(""http://evil.example"")`);
  const [line = '{}'] = (await exported('feedback/export')).split('\n');
  expect(JSON.parse(line)).toMatchObject({ text: given.text });
});

test('what does not fit is shown again as it was filled in, with what to mend', async () => {
  const shown = await ada.send('/portal/feedback', '/portal/feedback', { rating: '9', text: 'keep <me>' });
  expect(shown.status).toBe(400);
  expect(shown.text).toContain('choose 1 to 5');
  expect(shown.text).toContain('keep &lt;me&gt;');
  expect((await ada.get('/portal/api/feedback')).text).not.toContain('keep');
});

test('what is missing is told in words that name the mend, over the API too', async () => {
  const faults = async (path: string, body: object) => {
    const answer = await post(gate.url, token, body, `/portal/api/${path}`);
    return [answer.status, ((await answer.json()) as { errors?: object }).errors];
  };
  const short = 'use at least 3 characters';
  expect(await faults('releases', {})).toEqual([
    400,
    { object: 'name the output', purpose: short, place: short },
  ]);
  expect(await faults('feedback', { rating: 3 })).toEqual([400, { text: 'write a few words' }]);
  expect(await faults('terms', { version: 1 })).toEqual([400, { sha256: 'send the SHA-256 of the text' }]);
});

const finding = {
  title: 'It names people',
  severity: 'critical',
  category: 'privacy',
  reproduction: 'Ask twice.',
};
const file = (type: string, bytes: string | Uint8Array<ArrayBuffer>, name = 'a.bin') =>
  new File([bytes], name, { type });
const filed = (files: File[], fields = finding) =>
  ada.send('/portal/findings', '/portal/findings', fields, { files });

test('a finding is filed with its files, answered by operators, and the answer is seen', async () => {
  const sent = await filed([file('text/plain', 'hello', '../../etc/pa"ss\r\nwd.html')]);
  expect([sent.status, sent.headers.get('location')]).toEqual([303, '/portal/findings/1']);
  expect(await lastAct()).toMatchObject({
    operator: 'tester:ada',
    act: 'finding.file',
    subject: 'finding:1',
  });
  const got = await ada.get('/portal/findings/1/attachments/1');
  expect(got.text).toBe('hello');
  expect(got.headers.get('content-disposition')).toMatch(
    /^attachment; filename="[^"/\\\r\n]+"; filename\*=UTF-8''[\w.%-]+$/,
  );
  expect(got.headers.get('x-content-type-options')).toBe('nosniff');
  expect(got.headers.get('content-security-policy')).toContain('sandbox');
  await gate.admin('POST', 'findings/1/status', { status: 'accepted', answer: 'Thank you.' });
  expect(await lastAct()).toMatchObject({
    act: 'finding.status',
    subject: 'finding:1',
    reason: 'accepted: Thank you.',
  });
  const page = (await ada.get('/portal/findings/1')).text;
  expect([page.includes('accepted'), page.includes('Thank you.')]).toEqual([true, true]);
  expect((await admin('findings?status=accepted')).findings).toMatchObject([
    { ...finding, tester: 'ada', attachments: [{ type: 'text/plain', bytes: 5 }] },
  ]);
  expect((await admin('findings?status=new')).findings).toEqual([]);
  expect(await exported('findings/1/attachments/1')).toBe('hello');
  expect(await exported('findings/export?format=csv')).toContain('It names people');
});

test('files are few, small, of known kinds, and what they say they are', async () => {
  expect((await filed([file('image/png', 'no picture')])).status).toBe(415);
  expect((await filed([file('text/html', '<script>')])).status).toBe(415);
  expect((await filed([file('image/svg+xml', '<svg/>')])).status).toBe(415);
  expect((await filed([file('text/plain', 'a\0b')])).status).toBe(415);
  expect((await filed([file('text/plain', new Uint8Array(5 * 1024 * 1024 + 1))])).status).toBe(413);
  expect((await filed(Array.from({ length: 5 }, () => file('text/plain', 'x')))).status).toBe(413);
  expect((await admin('findings')).findings).toHaveLength(1);
});

test('an appeal reaches the operators', async () => {
  await gate.admin('POST', 'switches', { scope: 'tester:ada', reason: 'Odd calls.' });
  const sent = await ada.send('/portal', '/portal/appeals', { text: 'I was on a train.' });
  expect(sent.status).toBe(303);
  expect(await lastAct()).toMatchObject({ operator: 'tester:ada', act: 'appeal.give', subject: 'appeal:1' });
  expect((await admin('appeals')).appeals).toMatchObject([{ tester: 'ada', text: 'I was on a train.' }]);
  await gate.admin('POST', 'switches/release', { scope: 'tester:ada', reason: 'explained' });
});

test('a release is asked for and taken back', async () => {
  const asked = { object: 'video_1', purpose: 'A festival', place: 'Vienna' };
  expect((await ada.send('/portal/releases', '/portal/releases', asked)).status).toBe(303);
  expect(await lastAct()).toMatchObject({ operator: 'tester:ada', act: 'release.ask' });
  const again = await ada.send('/portal/releases', '/portal/releases', asked);
  expect([again.status, again.text.includes('is asked for, or approved, already')]).toEqual([400, true]);
  await ada.send('/portal/releases', '/portal/releases/1/withdraw', {});
  expect(await lastAct()).toMatchObject({ operator: 'tester:ada', act: 'release.take-back' });
  expect((await ada.get('/portal/api/releases')).text).toContain('"state":"withdrawn"');
});

test('the statement counts what was given, and anybody can check its signature with the published keys', async () => {
  const { statement, jws } = JSON.parse((await ada.get('/portal/api/statement')).text);
  expect(statement).toMatchObject({
    sub: 'ada',
    video: { clips: 1, hours: 0.0022 },
    released: 0,
    feedback: 1,
    findings: { filed: 1, byStatus: { accepted: 1 } },
  });
  // One was refused for the terms; what the portal refused is no call.
  expect(statement.calls).toEqual({ allowed: 1, complete: 1, refused: 1 });
  expect(gate.rows(`tester = 'ada' and operation = 'portal'`).length).toBeGreaterThan(0);
  expect((await ada.get('/portal/api/calls')).text).not.toContain('"portal"');
  const keys = createLocalJWKSet(await (await fetch(`${gate.url}/.well-known/jwks.json`)).json());
  const { payload, protectedHeader } = await compactVerify(jws, keys);
  expect(JSON.parse(Buffer.from(payload).toString())).toEqual(statement);
  expect(protectedHeader.typ).toBe('portcullis-contribution+jws');
  const forged = jws.replace(
    /\.[^.]+\./,
    `.${Buffer.from(JSON.stringify({ ...statement, feedback: 99 })).toString('base64url')}.`,
  );
  await expect(compactVerify(forged, keys)).rejects.toThrow();
  const other = JSON.parse((await ada.get('/portal/api/statement?from=2001-01-01&to=2001-01-31')).text);
  expect(other.statement).toMatchObject({ calls: { complete: 0 }, video: { clips: 0 }, feedback: 0 });
  expect((await ada.get('/portal/api/statement?from=2020-02-02&to=2020-01-01')).status).toBe(400);
});

test('a statement is no access token, and an access token no statement', async () => {
  const { jws } = JSON.parse((await ada.get('/portal/api/statement')).text);
  const before = upstream.seen.length;
  const call = await post(gate.url, jws, { model: 'sora-2', prompt: 'x', seconds: '8' }, '/v1/videos');
  expect(call.status).toBe(401);
  expect(gate.rows().at(-1)).toMatchObject({ outcome: 'token_invalid', detail: 'header typ' });
  expect((await ada.get('/portal/api/standing', { cookie: '', authorization: `Bearer ${jws}` })).status).toBe(
    401,
  );
  expect(
    (await ada.send('/portal/sign-in', '/portal/sign-in', { token: jws }, { csrf: csrfIn('') })).status,
  ).not.toBe(303);
  expect(upstream.seen).toHaveLength(before);
  expect(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).toContain('at+jwt');
});

test('the log still verifies, with every act of a tester in it', async () => {
  const { acts } = await admin('acts?limit=1000');
  const own = acts?.filter(({ operator }) => operator === 'tester:ada').map(({ act }) => act);
  for (const act of [
    'portal.sign-in',
    'terms.accept',
    'feedback.give',
    'finding.file',
    'appeal.give',
    'release.ask',
  ])
    expect(own).toContain(act);
});
