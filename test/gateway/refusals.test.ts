/** What is not allowed is refused, reaches nobody, and leaves its row. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REFUSALS, Refusal, type RefusalCode, refusalBody, refusalHeaders } from '../../src/refusal.ts';
import {
  CHAT,
  PERMISSIVE,
  post,
  raw,
  startGate,
  startUpstream,
  type TestGate,
  type Upstream,
} from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
let token: string;
let narrow: string;
beforeAll(async () => {
  upstream = await startUpstream();
  const cohorts = `artists: { ${PERMISSIVE} }
  narrow: { allow: [{ operations: ["chat.*", "videos.*"], models: ["gpt-*", "sora-2"] }], caps: { seconds: 10, size: 1280x720 } }`;
  gate = await startGate(upstream.url, cohorts);
  token = await gate.tester('ada');
  narrow = await gate.tester('nora', 'narrow');
  await gate.tester('nobody', 'unruled');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

/** Asserts the answer, that upstream saw nothing, and the one row. */
async function refused(call: Promise<Response>, status: number, code: RefusalCode): Promise<Response> {
  const [seen, rows] = [upstream.seen.length, gate.rows().length];
  const answer = await call;
  const body = (await answer.json()) as { error: { code: string }; status: number };
  expect([answer.status, body.error.code, body.status]).toEqual([status, code, status]);
  expect(upstream.seen.length).toBe(seen);
  const added = gate.rows().slice(rows);
  expect(added).toHaveLength(1);
  expect(added[0]).toMatchObject({
    outcome: code,
    status,
    decision: 'refused',
    id: answer.headers.get('x-request-id'),
  });
  return answer;
}

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${gate.url}${path}`, { headers: { authorization: `Bearer ${token}`, ...headers } });

test('a call without credentials gets a challenge without an error code', async () => {
  const answer = await refused(fetch(`${gate.url}/v1/models`), 401, 'token_missing');
  expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="portcullis"');
});

test.each(['Bearer x', 'Bearer a.b.c', `Basic abc`, 'Bearer a b', 'Bearer '])(
  '%s is no access token',
  async (authorization) => {
    await refused(fetch(`${gate.url}/v1/models`, { headers: { authorization } }), 401, 'token_invalid');
  },
);

test('a token with an altered signature, padding or spare bits is not valid', async () => {
  for (const bad of [
    `${token}=`,
    `${token.slice(0, -20)}${token.at(-20) === 'A' ? 'B' : 'A'}${token.slice(-19)}`,
    token.replace('.', '..'),
    `${token}.x`,
  ])
    await refused(
      fetch(`${gate.url}/v1/models`, { headers: { authorization: `Bearer ${bad}` } }),
      401,
      'token_invalid',
    );
});

test('an unknown route is refused in the shape of upstream', () =>
  refused(get('/v1/fine_tuning/jobs'), 404, 'route_unknown'));

test('batches are refused, for nobody judges what is inside', () =>
  refused(post(gate.url, token, { input_file_id: 'x' }, '/v1/batches'), 404, 'route_unknown'));

test.each([
  '/v1//models',
  '/v1/%6dodels',
  '/v1/models%2f..',
  '/v1/models;a',
  '/v1/models%00',
  '/%2e%2e/v1/models',
  '/v1/mod\\els',
])('the path %s is not canonical', async (path) => {
  const before = gate.rows().length;
  const answer = await raw(
    gate.url,
    `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  expect(gate.rows().slice(before)).toHaveLength(1);
});

test.each([
  ['two Authorization headers', 'Authorization: Bearer a\r\nAuthorization: Bearer b\r\n'],
  ['two Host headers', 'Host: y\r\n'],
  ['both framings', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n'],
  ['an unknown coding', 'Transfer-Encoding: xchunked\r\n'],
  ['a signed length', 'Content-Length: +3\r\n'],
  ['a body on a GET', 'Content-Length: 3\r\n'],
  ['an upgrade', 'Connection: Upgrade\r\nUpgrade: h2c\r\n'],
])('%s: 400 and one row', async (_, lines) => {
  const [before, seen] = [gate.rows().length, upstream.seen.length];
  const answer = await raw(gate.url, `GET /v1/models HTTP/1.1\r\nHost: x\r\n${lines}\r\nabc`);
  expect(answer).toMatch(/^HTTP\/1.1 400 /);
  expect(gate.rows().slice(before).length).toBeGreaterThanOrEqual(1);
  expect(upstream.seen.length).toBe(seen);
});

test.each(['TRACE', 'PUT', 'OPTIONS', 'PATCH'])('the method %s is not allowed', async (method) => {
  expect(await raw(gate.url, `${method} /v1/models HTTP/1.1\r\nHost: x\r\n\r\n`)).toMatch(/^HTTP\/1.1 405 /);
});

test('a token in the query is refused, and not logged', async () => {
  await refused(get(`/v1/models?access_token=${token}`), 400, 'invalid_request');
  expect(JSON.stringify(gate.rows())).not.toContain(token);
});

test('an operation, a model and a cap are refused by name', async () => {
  await refused(
    post(gate.url, narrow, { model: 'x', input: 'y' }, '/v1/embeddings'),
    403,
    'operation_not_allowed',
  );
  await refused(post(gate.url, narrow, { ...CHAT, model: 'o1' }), 403, 'model_not_allowed');
  const video = { model: 'sora-2', prompt: 'x' };
  await refused(post(gate.url, narrow, { ...video, seconds: '12' }, '/v1/videos'), 403, 'seconds_over_cap');
  await refused(post(gate.url, narrow, { ...video, size: '1920x1080' }, '/v1/videos'), 403, 'size_over_cap');
  await refused(
    post(gate.url, narrow, { ...video, seconds: { a: 1 } }, '/v1/videos'),
    403,
    'parameter_unreadable',
  );
});

test('a multipart field named twice is refused', async () => {
  const form = new FormData();
  for (const seconds of ['4', '12']) form.append('seconds', seconds);
  form.append('model', 'sora-2');
  const call = fetch(`${gate.url}/v1/videos`, {
    method: 'POST',
    headers: { authorization: `Bearer ${narrow}` },
    body: form,
  });
  await refused(call, 400, 'body_ambiguous');
});

test('a cohort without rules allows nothing', async () => {
  const { token: unruled } = await gate.admin('POST', 'tokens', { tester: 'nobody' });
  await refused(post(gate.url, String(unruled), CHAT), 403, 'cohort_unknown');
});

test('a body that is no JSON object, or not called JSON, is refused', async () => {
  const send = (type: string, body: string) =>
    fetch(`${gate.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': type },
      body,
    });
  await refused(send('application/json', '[1]'), 400, 'body_malformed');
  await refused(send('application/json', '{"model":'), 400, 'body_malformed');
  await refused(send('text/plain', '{}'), 415, 'media_type_unsupported');
});

test('a flood without tokens is limited, and folded into one row with the exact count', async () => {
  const flood = await Promise.all(Array.from({ length: 300 }, () => fetch(`${gate.url}/v1/models`)));
  const limited = flood.filter(({ status }) => status === 429).length;
  expect(limited).toBeGreaterThan(150);
  const rows = gate.rows("outcome = 'address_limited'");
  expect(rows.reduce((sum, { repeats }) => sum + repeats, 0)).toBe(limited);
  expect(rows).toHaveLength(1);
  expect((await post(gate.url, token, CHAT)).status).toBe(200);
});

test.each(Object.keys(REFUSALS) as RefusalCode[])(
  'the refusal %s has both error shapes and is never stored',
  (code) => {
    const refusal = new Refusal(code, 'the true reason', { message: 'Told.' });
    const body = JSON.parse(refusalBody(refusal, 'id'));
    expect(body.error).toMatchObject({ code, message: expect.stringContaining('Told.') });
    expect(body).toMatchObject({ status: REFUSALS[code].status, title: REFUSALS[code].text });
    expect(JSON.stringify(body)).not.toContain('the true reason');
    const headers = refusalHeaders(refusal, 'id', 'realm');
    expect(headers).toContain('no-store');
    expect(headers.includes('www-authenticate')).toBe('challenge' in REFUSALS[code]);
  },
);

test('a flood of requests that nobody can read is folded as well, with the exact count', async () => {
  const before = gate.rows().reduce((sum, { repeats }) => sum + repeats, 0);
  const rows = gate.rows().length;
  const { raw } = await import('../with-gate.ts');
  const bad = 'GET //x HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(150);
  for (let i = 0; i < 8; i++) await raw(gate.url, bad, 300);
  const after = gate.rows();
  expect(after.reduce((sum, { repeats }) => sum + repeats, 0) - before).toBe(1_200);
  expect(after.length - rows).toBeLessThanOrEqual(1_000);
});
