/** An open realtime socket: what passes, what does not, and how it can end. */
import { expect, test } from 'vitest';
import { WebSocket as Socket, type WebSocket } from 'ws';
import { sleep, streamsCut } from '../with-gate.ts';
import { until, withSocketUpstream } from '../with-socket-upstream.ts';

const KEY = 'sk-upstream-canary-key';
const t = withSocketUpstream('upstream: { idleSeconds: 2 }');
const MIB = 1_048_576;

test('frames pass as they are, both ways, in their order', async () => {
  t.upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  };
  const one = await t.open();
  const sent = Array.from({ length: 500 }, (_, i) => `{"type" : "input_audio_buffer.append", "n":${i}}`);
  for (const frame of sent) one.ws.send(frame);
  await until(() => one.events.length === 501);
  expect(t.seen?.frames).toEqual(sent);
  expect(one.events.slice(1).map(({ n }) => n)).toEqual(sent.map((_, i) => i));
  one.ws.close(4001, 'enough');
  await until(() => t.seen?.closed === 4001);
  const bytes = sent.join('').length;
  expect(await t.last()).toMatchObject({ outcome: 'complete', bytes_in: bytes, bytes_out: bytes + 26 });
});

test.each([
  ['session.model', '{"type":"session.update","session":{"model":"gpt-4o"}}'],
  ['response.model', '{"type":"response.create","response":{"model":"gpt-4o"}}'],
  ['model', '{"type":"response.create","model":null}'],
])(
  'a frame that names another model as %s is not forwarded, and ends the connection',
  async (path, frame) => {
    const one = await t.open();
    const fine = '{"type":"session.update","session":{"model":"gpt-realtime"}}';
    one.ws.send(fine);
    one.ws.send(frame);
    one.ws.send('{"type":"response.create"}');
    const { code, reason } = await one.closed;
    expect([code, reason]).toEqual([1008, expect.stringContaining(path)]);
    expect(one.events.at(-1)).toMatchObject({
      type: 'error',
      error: { code: 'model_not_allowed', param: path },
    });
    // What was on its way when the connection ended may be lost with it.
    expect(t.seen?.frames.filter((one) => one !== fine)).toEqual([]);
    const row = await t.last();
    expect(row).toMatchObject({ outcome: 'cut', status: 101 });
    expect(row?.detail).toContain(`model_not_allowed: ${path}`);
  },
);

test.each<[string, (ws: WebSocket) => void]>([
  ['an event', (ws) => ws.send(`{"type":"x","text":"${KEY}"}`)],
  ['a binary frame', (ws) => ws.send(Buffer.from(`\0${KEY}\0`))],
  ['the reason of its close', (ws) => ws.close(4000, `bye ${KEY.slice(3)} ${KEY}`)],
])('our key in %s of upstream never comes down', async (what, say) => {
  t.upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    ws.on('message', () => say(ws));
  };
  const one = await t.open();
  one.send({ type: 'response.create' });
  const { reason } = await one.closed;
  expect(JSON.stringify([reason, one.events])).not.toContain(KEY);
  const row = await t.last();
  expect(JSON.stringify(row)).not.toContain(KEY);
  if (!what.includes('close'))
    expect(row).toMatchObject({ outcome: 'upstream_answer_refused', detail: 'key-echoed' });
});

const TRANSCRIBE =
  '{"type":"session.update","session":{"audio":{"input":{"transcription":{"model":"whisper-1"}}}}}';

test('a model for transcripts passes where the rules allow transcriptions with it, and nowhere else', async () => {
  const one = await t.open();
  one.ws.send(TRANSCRIBE);
  await until(() => t.seen?.frames.length === 1);
  one.ws.close();
  await one.closed;
  const two = await t.open({ token: t.narrow, path: '/v1/realtime?model=gpt-realtime-mini' });
  two.ws.send(TRANSCRIBE);
  expect((await two.closed).code).toBe(1008);
  expect(two.events.at(-1)).toMatchObject({ error: { code: 'operation_not_allowed' } });
  expect(t.seen?.frames).toEqual([]);
});

test.each([
  ['a file', '{"type":"x","item":{"content":[{"type":"input_image","file_id":"file-of-somebody"}]}}'],
  ['a stored prompt', '{"type":"session.update","session":{"prompt":{"id":"pmpt_of_somebody"}}}'],
  ['a vector store', '{"session":{"tools":[{"vector_store_ids":["vs_of_somebody"]}]}}'],
])("an event that names %s which is not the tester's is not forwarded", async (_, frame) => {
  const one = await t.open();
  one.ws.send('{"type":"conversation.item.create","previous_item_id":"item_1","item":{"id":"item_2"}}');
  one.ws.send(frame);
  expect((await one.closed).code).toBe(1008);
  expect(one.events.at(-1)).toMatchObject({ error: { code: 'object_unknown' } });
  expect(t.seen?.frames).toHaveLength(1);
});

test.each<[string, string | Buffer, string]>([
  ['no JSON', 'hello', 'body_malformed'],
  ['no object', '[1]', 'body_malformed'],
  ['a member twice', '{"session":{"model":"gpt-realtime","model":"gpt-4o"}}', 'body_ambiguous'],
  ['binary that is no event', Buffer.from([0, 255]), 'body_malformed'],
  ['another model in binary', Buffer.from('{"model":"gpt-4o"}'), 'model_not_allowed'],
])('a frame with %s is not forwarded', async (_, frame, code) => {
  const one = await t.open();
  one.ws.send(frame);
  expect((await one.closed).code).toBe(1008);
  expect(one.events.at(-1)).toMatchObject({ type: 'error', error: { code } });
  expect(t.seen?.frames).toEqual([]);
  expect((await t.last())?.detail).toContain(code);
});

test('a message beyond the bound is refused, and upstream hears that the client is away', async () => {
  const one = await t.open();
  one.ws.send(Buffer.alloc(17 * MIB, 0x20));
  expect((await one.closed).code).toBe(1009);
  await until(() => t.seen?.closed === 1001);
  expect(await t.last()).toMatchObject({
    outcome: 'cut',
    detail: 'invalid_request: Max payload size exceeded',
  });
});

test('a stop closes the socket with its reason, and nothing passes after it', async () => {
  let pouring: ReturnType<typeof setInterval>;
  t.upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    pouring = setInterval(() => ws.send('{"type":"response.output_text.delta"}'), 1);
    ws.on('close', () => clearInterval(pouring));
  };
  const one = await t.open();
  one.send({ type: 'response.create' });
  await one.heard('response.output_text.delta');
  const reason = `The programme is looked at. ${'é'.repeat(100)}`;
  expect(streamsCut(await t.stop('cohort:artists', reason))).toBe(1);
  one.send({ type: 'response.create' });
  const closed = await one.closed;
  expect(closed.code).toBe(1008);
  expect(closed.reason).toContain('The programme is looked at.');
  expect(Buffer.byteLength(closed.reason)).toBeLessThanOrEqual(123);
  expect(one.events.at(-1)).toMatchObject({
    type: 'error',
    error: { code: 'access_suspended', message: expect.stringContaining(reason) },
  });
  await until(() => t.seen?.closed === 1006);
  expect(t.seen?.frames).toHaveLength(1);
  const row = await t.last();
  expect(row).toMatchObject({ outcome: 'cut', detail: 'cohort:artists', status: 101, bytes_in: 26 });
  expect(row?.rule).toMatch(/^switch:\d+$/);
  expect(row?.bytes_out).toBeGreaterThan(50);
  await t.release('cohort:artists');
});

test('a global stop cuts 50 open sockets', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, () => t.open()));
  expect(streamsCut(await t.stop('global', 'Drill.'))).toBe(50);
  const codes = await Promise.all(all.map(async ({ closed }) => (await closed).code));
  expect(new Set(codes)).toEqual(new Set([1008]));
  const cut = (await t.gate.settled()).slice(-50);
  expect(new Set(cut.map(({ outcome }) => outcome))).toEqual(new Set(['cut']));
  await t.release('global');
});

test('a client that vanishes is settled as gone, and upstream is let go', async () => {
  const one = await t.open();
  one.ws.terminate();
  await until(() => t.seen?.closed !== null);
  expect(await t.last()).toMatchObject({ outcome: 'client-gone', status: 101 });
});

test.each<[string, (ws: WebSocket) => void, number, string, string | null]>([
  ['ends the session', (ws) => ws.close(1000, 'done'), 1000, 'complete', 'close 1000'],
  ['fails', (ws) => ws.close(1011, 'oops'), 1011, 'upstream-error', 'close 1011'],
  ['speaks of our key', (ws) => ws.close(1008, `bad ${KEY}`), 1008, 'upstream-error', 'close 1008'],
  ['breaks off', (ws) => ws.terminate(), 1011, 'upstream-error', 'connection lost'],
  ['refuses our key', (ws) => ws.close(3000, KEY), 1011, 'upstream_refused_us', 'close 3000'],
  [
    'refuses our key in an event',
    (ws) => ws.send(`{"type":"error","error":{"code":"invalid_api_key","message":"${KEY}"}}`),
    1011,
    'upstream_refused_us',
    'invalid_api_key',
  ],
])('an upstream that %s midway', async (_, act, code, outcome, detail) => {
  t.upstream.serve = (ws) => {
    ws.send('{"type":"session.created"}');
    setTimeout(() => act(ws), 30);
  };
  const one = await t.open();
  const closed = await one.closed;
  expect(closed.code).toBe(code);
  expect(JSON.stringify([closed, one.events])).not.toContain(KEY);
  expect(await t.last()).toMatchObject({ outcome, detail });
});

test('a client that does not read holds no memory: upstream is not read either', async () => {
  const frame = JSON.stringify({ type: 'response.output_audio.delta', delta: 'A'.repeat(64 * 1024) });
  let sent = 0;
  let upstreamEnd: WebSocket | undefined;
  t.upstream.serve = (ws) => {
    upstreamEnd = ws;
    ws.send('{"type":"session.created"}');
    for (let i = 0; i < 320; i++) ws.send(frame, () => sent++);
  };
  const one = t.dial({ token: t.token });
  await one.opened;
  one.ws.pause();
  await sleep(500);
  const stuck = sent;
  await sleep(200);
  expect(sent).toBe(stuck);
  // What is not in the buffers of the kernels waits at upstream, not with us.
  expect(upstreamEnd?.bufferedAmount).toBeGreaterThan(8 * MIB);
  one.ws.resume();
  await until(() => one.events.length === 321);
  one.ws.close();
  expect(await t.last()).toMatchObject({ outcome: 'complete', bytes_out: 320 * frame.length + 26 });
});

test('a client that neither reads nor answers pings is let go', async () => {
  const one = await t.open();
  one.ws.pause();
  await until(() => t.seen?.closed === 1001);
  expect(await t.last()).toMatchObject({ outcome: 'client-gone', detail: 'idle' });
  one.ws.terminate();
});

test('a quiet socket whose peers answer pings stays open', async () => {
  const one = await t.open();
  await sleep(2_500);
  expect(one.ws.readyState).toBe(Socket.OPEN);
  one.ws.close();
});

test('a socket does not outlive its token', async () => {
  const lifetimeDays = 2.5 / 86_400;
  const { token } = await t.gate.admin('POST', 'tokens', { tester: 'ada', lifetimeDays });
  const one = await t.open({ token: String(token) });
  expect((await one.closed).code).toBe(1008);
  expect(one.events.at(-1)).toMatchObject({ type: 'error', error: { code: 'token_expired' } });
  expect(await t.last()).toMatchObject({ outcome: 'cut', detail: 'token_expired: while it was open' });
});

test('when the gate goes, sockets are closed as going away, and their rows are settled', async () => {
  const one = await t.open();
  const { id } = (await t.gate.rows()).at(-1) ?? {};
  await t.gate.restart();
  expect((await one.closed).code).toBe(1001);
  expect(t.gate.rows(`id = '${id}'`)).toMatchObject([{ outcome: 'cut', detail: 'shutdown' }]);
});
