/** What goes upstream, what comes back, and how a call can end. */
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post, sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const KEY = 'sk-upstream-canary-key';
let answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void;
let gate: TestGate;
let upstream: Upstream;
let token: string;
beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => answer(incoming, outgoing));
  gate = await startGate(upstream.url, undefined, 'upstream: { firstByteSeconds: 1, idleSeconds: 1 }');
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const ok = (_: IncomingMessage, outgoing: ServerResponse) =>
  outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
const last = async () => (await gate.settled()).at(-1);

test('the judged bytes go up under our key and our id; nothing of the tester goes with them', async () => {
  answer = ok;
  const body = '{"model" : "gpt-4o-mini",\n "messages":[]}';
  const response = await fetch(`${gate.url}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      cookie: 'a=b',
      'x-forwarded-for': '1.2.3.4',
      forwarded: 'for=1.2.3.4',
      'openai-organization': 'org',
      'x-stainless-os': 'Linux',
      'x-http-method-override': 'DELETE',
      'x-request-id': 'mine',
    },
    body,
  });
  const seen = upstream.seen.at(-1);
  expect(seen?.body).toBe(body);
  expect(seen?.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(seen?.headers['x-request-id']).toBe(response.headers.get('x-request-id'));
  const passed = Object.keys(seen?.headers ?? {}).sort();
  expect(passed.filter((name) => /cookie|forwarded|openai-org|stainless|override/.test(name))).toEqual([]);
  expect(JSON.stringify(seen)).not.toContain(token);
});

test('cookies, rate limits, organisation and hop-by-hop headers of upstream stay behind; nothing is to be stored', async () => {
  answer = (_, outgoing) =>
    outgoing
      .writeHead(200, {
        'content-type': 'application/json',
        'set-cookie': 'a=b',
        'openai-organization': 'secret-org',
        'x-ratelimit-limit-tokens': '5',
        connection: 'keep-alive, etag',
        etag: '"x"',
        'cache-control': 'public',
      })
      .end('{}');
  const { headers } = await post(gate.url, token, CHAT);
  for (const name of ['set-cookie', 'openai-organization', 'x-ratelimit-limit-tokens', 'etag'])
    expect(headers.get(name)).toBeNull();
  expect(headers.get('cache-control')).toBe('no-store');
});

test.each([
  [401, { error: `Incorrect API key provided: ${KEY}` }, 502, 'upstream_refused_us'],
  [302, {}, 502, 'upstream_answer_refused'],
])('an upstream %i is our own fault, and quotes nothing', async (status, body, told, code) => {
  answer = (_, outgoing) =>
    outgoing.writeHead(status, { location: 'http://169.254.169.254/' }).end(JSON.stringify(body));
  const response = await post(gate.url, token, CHAT);
  expect(response.status).toBe(told);
  const text = await response.text();
  expect(text).not.toContain(KEY);
  expect(await last()).toMatchObject({ outcome: code, status: told });
});

test("upstream's other errors pass as they are", async () => {
  answer = (_, outgoing) =>
    outgoing
      .writeHead(429, { 'retry-after': '7', 'content-type': 'application/json' })
      .end('{"error":{"code":"slow"}}');
  const response = await post(gate.url, token, CHAT);
  expect([response.status, response.headers.get('retry-after'), await response.json()]).toEqual([
    429,
    '7',
    { error: { code: 'slow' } },
  ]);
});

test('an upstream that dies inside a body breaks the connection, and the row says so', async () => {
  answer = (_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'application/json' });
    outgoing.write('{"half":');
    setTimeout(() => outgoing.destroy(), 50);
  };
  const response = await post(gate.url, token, CHAT);
  await expect(response.text()).rejects.toThrow();
  expect(await last()).toMatchObject({ outcome: 'upstream-error' });
});

test('an upstream that does not answer in time: 504', async () => {
  answer = () => {};
  const response = await post(gate.url, token, CHAT);
  expect(response.status).toBe(504);
  expect(await last()).toMatchObject({ outcome: 'upstream_timeout' });
});

test('a stream that moves is not cut by time', async () => {
  answer = (_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    let n = 0;
    const timer = setInterval(() => {
      outgoing.write(`data: ${++n}\n\n`);
      if (n < 12) return;
      clearInterval(timer);
      outgoing.end('data: [DONE]\n\n');
    }, 200);
  };
  const response = await post(gate.url, token, CHAT);
  expect((await response.text()).endsWith('data: 12\n\ndata: [DONE]\n\n')).toBe(true);
});

test('a client that leaves ends the upstream call, and the row says client-gone', async () => {
  let closed = false;
  answer = (_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    outgoing.write('data: 1\n\n');
    outgoing.on('close', () => {
      closed = true;
    });
  };
  const { hostname, port } = new URL(gate.url);
  const body = JSON.stringify(CHAT);
  await new Promise<void>((resolve) => {
    const call = request(
      {
        hostname,
        port,
        path: '/v1/chat/completions',
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'content-length': body.length,
        },
      },
      (incoming) => {
        incoming.on('error', () => {});
        incoming.once('data', () => {
          call.socket?.resetAndDestroy();
          resolve();
        });
      },
    );
    call.on('error', () => {});
    call.end(body);
  });
  expect(await last()).toMatchObject({ outcome: 'client-gone' });
  for (let i = 0; i < 40 && !closed; i++) await sleep(25);
  expect(closed).toBe(true);
});

test('a cut of a body that is no event stream breaks the connection', async () => {
  answer = (_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'video/mp4', 'content-length': '1000' });
    outgoing.write('x'.repeat(10));
  };
  const response = await post(gate.url, token, CHAT);
  const reading = expect(response.arrayBuffer()).rejects.toThrow();
  const stopped = await gate.admin('POST', 'switches', { scope: 'tester:ada', reason: 'test' });
  await reading;
  expect(JSON.stringify(stopped)).toContain('"streamsCut":1');
  expect(await last()).toMatchObject({ outcome: 'cut' });
  await gate.admin('POST', 'switches/release', { scope: 'tester:ada', reason: 'test' });
});

test('an upstream that cannot be reached: 502, and the call has its row', async () => {
  const away = await startGate('http://127.0.0.1:9');
  const response = await post(away.url, await away.tester('ada'), CHAT);
  expect(response.status).toBe(502);
  expect((await away.settled()).at(-1)).toMatchObject({ outcome: 'upstream_unreachable' });
  await away.close();
});
