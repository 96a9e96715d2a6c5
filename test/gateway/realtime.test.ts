/** A WebSocket goes the way of every call: nothing is dialled before it was judged and written down. */
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { raw, startGate } from '../with-gate.ts';
import { conversation, dial, SDKS } from '../with-realtime.ts';
import { until, withSocketUpstream } from '../with-socket-upstream.ts';

const KEY = 'sk-upstream-canary-key';
const t = withSocketUpstream('upstream: { connectSeconds: 1, firstByteSeconds: 1 }');

/** Asserts the answer, that upstream saw nothing, and the one row. */
async function refused(call: Promise<string>, status: number, code: string): Promise<string> {
  const [seen, rows] = [t.upstream.seen.length, t.gate.rows().length];
  const answer = await call;
  expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(answer).toContain(`"code":"${code}"`);
  expect(t.upstream.seen.length).toBe(seen);
  expect(t.gate.rows().slice(rows)).toMatchObject([{ outcome: code, status, decision: 'refused' }]);
  return answer;
}

const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};
interface Shake {
  readonly headers?: Record<string, string | null>;
  readonly target?: string;
  readonly method?: string;
  readonly tail?: string;
}
const shake = (how: Shake) => raw(t.gate.url, request(how));
/** A handshake in bytes; a header that is null is left out. */
function request({
  headers = {},
  target = '/v1/realtime?model=gpt-realtime',
  method = 'GET',
  tail = '',
}: Shake) {
  const all = { host: 'x', authorization: `Bearer ${t.token}`, ...UPGRADE, ...headers };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : `${name}: ${value}`));
  return `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${tail}`;
}

test.each(SDKS)('%s talks through the gate, and its tokens are counted', async (_, make) => {
  const demo = await startGate(null, null);
  const realtime = make(`${demo.url}/v1`, await demo.tester('grace'));
  const events = await conversation(realtime, '[[words=5 delay=1]]');
  expect(events.filter(({ type }) => type === 'response.output_text.delta')).toHaveLength(5);
  const row = (await demo.settled()).at(-1);
  expect(row).toMatchObject({
    ...{ operation: 'realtime.connect', model: 'gpt-realtime', outcome: 'complete', status: 101 },
    used: '{"tokens":11}',
  });
  expect(row?.bytes_in).toBeGreaterThan(200);
  expect(row?.bytes_out).toBeGreaterThan(500);
  await demo.close();
});

test.each([
  ['header', () => ({ token: t.token, protocols: ['realtime'] })],
  ['subprotocol', () => ({ protocols: ['realtime', `openai-insecure-api-key.${t.token}`] })],
])('a token in the %s opens it, and neither upstream nor the answer has it', async (_, options) => {
  const one = await t.open({ ...options(), headers: { cookie: 'a=b', 'openai-beta': 'realtime=v1' } });
  const { headers } = await one.opened;
  expect(one.ws.protocol).toBe('realtime');
  expect(JSON.stringify(headers)).not.toContain(t.token);
  expect(t.seen?.url).toBe('/v1/realtime?model=gpt-realtime');
  expect(t.seen?.headers).toMatchObject({
    authorization: `Bearer ${KEY}`,
    'openai-beta': 'realtime=v1',
    'sec-websocket-protocol': 'realtime',
    'x-request-id': headers['x-request-id'],
  });
  expect(t.seen?.headers.cookie).toBeUndefined();
  expect(t.seen?.headers['sec-websocket-extensions']).toBeUndefined();
  expect(JSON.stringify(t.seen)).not.toContain(t.token);
  one.ws.close();
  expect(JSON.stringify(await t.last())).not.toContain(t.token);
});

test('without a subprotocol none is selected', async () => {
  const one = await t.open();
  expect(one.ws.protocol).toBe('');
  expect(t.seen?.headers['sec-websocket-protocol']).toBeUndefined();
  one.ws.close();
});

test('no token and a wrong one: 401, whichever way it came', async () => {
  await refused(shake({ headers: { authorization: null } }), 401, 'token_missing');
  await refused(shake({ headers: { authorization: 'Bearer x' } }), 401, 'token_invalid');
  const protocols = { authorization: null, 'sec-websocket-protocol': 'realtime, openai-insecure-api-key.x' };
  await refused(shake({ headers: protocols }), 401, 'token_invalid');
});

test('a model that the policy does not allow: 403', async () => {
  const answer = shake({ headers: { authorization: `Bearer ${t.narrow}` } });
  await refused(answer, 403, 'model_not_allowed');
});

test('a socket takes its place among the concurrent calls, and gives it back', async () => {
  const options = { token: t.narrow, path: '/v1/realtime?model=gpt-realtime-mini' };
  const one = await t.open(options);
  expect((await t.dial(options).opened).status).toBe(429);
  one.ws.close();
  await t.last();
  (await t.open(options)).ws.close();
});

test.each<[string, Shake]>([
  ['two credentials', { headers: { 'sec-websocket-protocol': 'openai-insecure-api-key.x' } }],
  ['a subprotocol twice', { headers: { 'sec-websocket-protocol': 'realtime, realtime' } }],
  ['a key that is none', { headers: { 'sec-websocket-key': 'short' } }],
  ['another version', { headers: { 'sec-websocket-version': '8' } }],
  ['h2c', { headers: { upgrade: 'h2c' } }],
  ['two protocols to upgrade to', { headers: { upgrade: 'websocket, h2c' } }],
  ['an upgrade of another route', { target: '/v1/models' }],
  ['no model', { target: '/v1/realtime' }],
  ['two models', { target: '/v1/realtime?model=gpt-realtime&model=gpt-4o' }],
  ['an escaped second model', { target: '/v1/realtime?model=gpt-realtime&%6dodel=gpt-4o' }],
  ['a call to join', { target: '/v1/realtime?call_id=rtc_1' }],
  ['an unknown parameter', { target: '/v1/realtime?model=gpt-realtime&intent=transcription' }],
])('%s: 400', async (_, how) => {
  await refused(shake(how), 400, 'invalid_request');
});

test('bytes behind the head are a body, and a body is refused', async () => {
  await refused(shake({ tail: 'abc' }), 400, 'body_not_expected');
  await refused(shake({ headers: { 'content-length': '3' }, tail: 'abc' }), 400, 'body_not_expected');
});

test('an upgrade behind a call that has no answer yet breaks the connection off, and is not dialled', async () => {
  const before = t.upstream.seen.length;
  const models = `GET /v1/models HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${t.token}\r\n\r\n`;
  expect(await raw(t.gate.url, models + request({}))).toBe('');
  expect(await t.last()).toMatchObject({ operation: 'models.list', outcome: 'client-gone' });
  expect(t.upstream.seen.length).toBe(before);
});

test('another method does not open it', async () => {
  await refused(shake({ method: 'POST' }), 400, 'invalid_request');
});

test('a plain call says that it is a WebSocket: 426', async () => {
  const plain = { connection: null, upgrade: null, 'sec-websocket-key': null, 'sec-websocket-version': null };
  const answer = await refused(shake({ headers: plain }), 426, 'upgrade_required');
  expect(answer).toMatch(/\r\nupgrade: websocket\r\n/);
});

test('secrets that would go past the gate are not handed out', async () => {
  const call = raw(
    t.gate.url,
    `POST /v1/realtime/client_secrets HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${t.token}\r\n\r\n`,
  );
  await refused(call, 404, 'route_unknown');
});

test.each([
  [401, 502, 'upstream_refused_us'],
  [302, 502, 'upstream_answer_refused'],
  [404, 404, 'upstream_answer_refused'],
  [429, 429, 'upstream_answer_refused'],
])('an upstream that answers %i: %i, and its words stay behind', async (status, told, code) => {
  t.upstream.refusal = `HTTP/1.1 ${status} No\r\nlocation: http://169.254.169.254/\r\nretry-after: 7\r\ncontent-length: ${KEY.length}\r\n\r\n${KEY}`;
  const answer = await t.dial({ token: t.token }).opened;
  expect([answer.status, JSON.parse(answer.body).error.code]).toEqual([told, code]);
  expect(JSON.stringify(answer)).not.toContain(KEY);
  expect(await t.last()).toMatchObject({ outcome: code, status: told, upstream_status: status });
  expect(answer.headers['retry-after']).toBe(told < 500 ? '7' : undefined);
});

test('an upstream that never answers the handshake: 504', async () => {
  t.upstream.refusal = '';
  expect((await t.dial({ token: t.token }).opened).status).toBe(504);
  expect(await t.last()).toMatchObject({ outcome: 'upstream_timeout' });
});

test('our key in a header of a refused handshake comes neither down nor into the log', async () => {
  t.upstream.refusal = `HTTP/1.1 403 No\r\nx-request-id: ${KEY}\r\ncontent-length: 0\r\n\r\n`;
  const answer = await t.dial({ token: t.token }).opened;
  const row = await t.last();
  expect(JSON.stringify([answer, row])).not.toContain(KEY);
  expect([answer.status, row?.outcome, row?.detail]).toEqual([502, 'upstream_answer_refused', 'key-echoed']);
});

test('an upstream that cannot be reached: 502', async () => {
  const away = await startGate('http://127.0.0.1:9');
  const one = dial(away.url, { token: await away.tester('ada') });
  expect((await one.opened).status).toBe(502);
  expect((await away.settled()).at(-1)).toMatchObject({ outcome: 'upstream_unreachable', status: 502 });
  await away.close();
});

test('a stop while upstream is still dialled: 403, and the dial is broken off', async () => {
  t.upstream.refusal = '';
  const before = t.upstream.seen.length;
  const one = t.dial({ token: t.token });
  await until(() => t.upstream.seen.length > before);
  await t.stop('tester:ada', 'Not now.');
  const answer = await one.opened;
  expect([answer.status, answer.body.includes('Not now.')]).toEqual([403, true]);
  expect(await t.last()).toMatchObject({ outcome: 'access_suspended', status: 403 });
  await t.release('tester:ada');
});

test('a client that leaves, or talks before it is answered, is broken off and holds nothing', async () => {
  t.upstream.refusal = '';
  const { hostname, port } = new URL(t.gate.url);
  for (const act of [(socket: Socket) => socket.end(), (socket: Socket) => socket.write('x'.repeat(1e6))]) {
    const before = t.upstream.seen.length;
    const socket = connect(Number(port), hostname, () => socket.write(request({})));
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('error', () => {}).resume();
    await until(() => t.upstream.seen.length > before);
    act(socket);
    await closed;
    expect(await t.last()).toMatchObject({ outcome: 'client-gone', status: null });
  }
});
