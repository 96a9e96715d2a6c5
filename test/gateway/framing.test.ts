/** A request whose frame two readers could read in two ways is refused, whole, with one row; nothing of it goes upstream. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attacks, send } from '../with-attack.ts';
import { sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
let token: string;
const attack = attacks(
  () => gate,
  () => upstream,
);
const refused = async (...request: Parameters<typeof attack.refused>): Promise<void> => {
  await attack.refused(...request);
};
const passed = async (...request: Parameters<typeof attack.passed>): Promise<void> => {
  await attack.passed(...request);
};
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url, undefined, 'requests: { unknownPerMinute: 1000 }');
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const JSON_BODY = '{"model":"m","input":"a"}';
const CHUNKED = `19\r\n${JSON_BODY}\r\n0\r\n\r\n`;
const POST = '/v1/embeddings';
const write = (lines: string, body: string, version = '1.1') =>
  `POST ${POST} HTTP/${version}\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n${lines}\r\n${body}`;
const read = (lines = '', method = 'GET', line = '') =>
  `${line || `${method} /v1/models HTTP/1.1`}\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${lines}\r\n`;
const INVALID = { status: 400, outcome: 'invalid_request' };
const MALFORMED = { status: 400, outcome: 'body_malformed' };

describe('the length of a body', () => {
  test.each([
    ['both framings', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', CHUNKED],
    ['both framings, the other way round', 'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', CHUNKED],
    ['two lengths that are equal', 'Content-Length: 25\r\nContent-Length: 25\r\n', JSON_BODY],
    ['two lengths that differ', 'Content-Length: 25\r\ncontent-length: 0\r\n', JSON_BODY],
    ['a list of lengths', 'Content-Length: 25, 25\r\n', JSON_BODY],
    ['a plus sign', 'Content-Length: +25\r\n', JSON_BODY],
    ['a minus sign', 'Content-Length: -1\r\n', JSON_BODY],
    ['a hexadecimal length', 'Content-Length: 0x19\r\n', JSON_BODY],
    ['an empty length', 'Content-Length: \r\n', JSON_BODY],
    ['a length with a space inside', 'Content-Length: 2 5\r\n', JSON_BODY],
    ['a length beyond 64 bits', 'Content-Length: 99999999999999999999999\r\n', JSON_BODY],
    ['a space before the colon', 'Content-Length : 25\r\n', JSON_BODY],
  ])('%s: 400', (_, lines, body) => refused(write(lines, body), INVALID));
});

describe('a transfer coding', () => {
  test.each([
    ['xchunked', 'Transfer-Encoding: xchunked\r\n'],
    ['identity', 'Transfer-Encoding: identity\r\n'],
    ['chunked, identity', 'Transfer-Encoding: chunked, identity\r\n'],
    ['gzip, chunked', 'Transfer-Encoding: gzip, chunked\r\n'],
    ['chunked, chunked', 'Transfer-Encoding: chunked, chunked\r\n'],
    ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'],
    ['chunked and identity in two lines', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n'],
    ['with a parameter', 'Transfer-Encoding: chunked;q=1\r\n'],
    ['in quotes', 'Transfer-Encoding: "chunked"\r\n'],
    ['empty', 'Transfer-Encoding: \r\n'],
    ['behind a vertical tab', 'Transfer-Encoding: \x0bchunked\r\n'],
    ['behind a NUL', 'Transfer-Encoding: \0chunked\r\n'],
    ['a space before its colon', 'Transfer-Encoding : chunked\r\n'],
    ['a tab before its colon', 'Transfer-Encoding\t: chunked\r\n'],
    ['folded', 'Transfer-Encoding:\r\n chunked\r\n'],
  ])('%s: 400', (_, lines) => refused(write(lines, CHUNKED), INVALID));

  test('on HTTP/1.0: 400', () => refused(write('Transfer-Encoding: chunked\r\n', CHUNKED, '1.0'), INVALID));

  test('CHUNKED in capitals is chunked, and goes up as a body of known length', async () => {
    const seen = await attack.passed(write('Transfer-Encoding: CHUNKED\r\n', CHUNKED));
    expect(seen.body).toBe(JSON_BODY);
    expect([seen.headers['content-length'], seen.headers['transfer-encoding']]).toEqual(['25', undefined]);
  });
});

describe('a chunked body', () => {
  const chunked = (body: string) => write('Transfer-Encoding: chunked\r\n', body);
  test.each([
    ['a chunk size that is no number', 'zz\r\n'],
    ['a chunk size with a sign', '-2\r\n{}\r\n0\r\n\r\n'],
    ['a chunk size with 0x', `0x19\r\n${JSON_BODY}\r\n0\r\n\r\n`],
    ['a chunk size with a space behind it', `19 \r\n${JSON_BODY}\r\n0\r\n\r\n`],
    ['a chunk size beyond 64 bits', `10000000000000019\r\n${JSON_BODY}\r\n0\r\n\r\n`],
    ['an extension that ends in a bare line feed', `19;a\n${JSON_BODY}\r\n0\r\n\r\n`],
    ['a control character in an extension', `19;a=\x01\r\n${JSON_BODY}\r\n0\r\n\r\n`],
    ['bytes behind a chunk', `19\r\n${JSON_BODY}XX\r\n0\r\n\r\n`],
    ['a bare line feed behind a size', `19\n${JSON_BODY}\r\n0\r\n\r\n`],
    ['a bare line feed behind a chunk', `19\r\n${JSON_BODY}\n0\r\n\r\n`],
  ])('with %s: 400', (_, body) => refused(chunked(body), MALFORMED));

  test('an extension in good form is dropped', async () => {
    const seen = await attack.passed(chunked(`19;a=b\r\n${JSON_BODY}\r\n0\r\n\r\n`));
    expect(seen.body).toBe(JSON_BODY);
  });

  test('trailers are dropped, whatever they are called', async () => {
    const trailers = 'Authorization: Bearer evil\r\nX-Evil: 1\r\n';
    const seen = await attack.passed(chunked(`19\r\n${JSON_BODY}\r\n0\r\n${trailers}\r\n`));
    expect(seen.headers['x-evil']).toBeUndefined();
    expect(seen.headers.authorization).toBe('Bearer sk-upstream-canary-key');
    expect(seen.headers['content-length']).toBe('25');
  });

  test('that breaks after its call was refused adds no second row', async () => {
    const before = gate.rows().length;
    const { hostname, port } = new URL(gate.url);
    const head = `POST ${POST} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const socket = connect(Number(port), hostname, () => socket.write(head));
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('data', resolve));
    socket.write('zz\r\n');
    await sleep(150);
    expect(gate.rows().slice(before)).toMatchObject([{ outcome: 'token_missing' }]);
    socket.destroy();
  });
});

describe('a head', () => {
  test.each([
    ['line feeds alone', () => read().replaceAll('\r\n', '\n')],
    ['one bare line feed', () => read().replace('Host: x\r\n', 'Host: x\n')],
    ['a bare line feed at its end', () => `${read().slice(0, -2)}\n`],
    ['a bare carriage return in a value', () => read('Accept: a\rb\r\n')],
    ['a bare carriage return before a name', () => read('\rAccept: a\r\n')],
    ['a folded header', () => read('Accept: a\r\n b\r\n')],
    ['a header folded with a tab', () => read('Accept: a\r\n\tb\r\n')],
    ['white space before the first header', () => read().replace('Host', ' Host')],
    ['a NUL in a value', () => read('Accept: a\0b\r\n')],
    ['a NUL in a name', () => read('Acc\0ept: a\r\n')],
    ['a space in a name', () => read('Acc ept: a\r\n')],
    ['a line without a colon', () => read('Accept\r\n')],
    ['an empty name', () => read(': a\r\n')],
    ['a DEL in a value', () => read('Accept: \x7f\r\n')],
    ['words behind the version', () => read('', '', 'GET /v1/models HTTP/1.1 x')],
    ['a tab in the request line', () => read('', '', 'GET\t/v1/models HTTP/1.1')],
    ['a space in the target', () => read('', '', 'GET /v1/mod els HTTP/1.1')],
    ['a space before the method', () => read('', '', ' GET /v1/models HTTP/1.1')],
    ['no target', () => read('', '', 'GET HTTP/1.1')],
    ['the version 0.9', () => read('', '', 'GET /v1/models HTTP/0.9')],
    ['the version 1.2', () => read('', '', 'GET /v1/models HTTP/1.2')],
    ['the version 2.0', () => read('', '', 'GET /v1/models HTTP/2.0')],
    ['the version 1.00', () => read('', '', 'GET /v1/models HTTP/1.00')],
    ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a greeting of TLS', () => '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
    ['a method in lower case', () => read('', 'get')],
    ['a method that nobody knows', () => read('', 'FOO')],
    ['no Host', () => read().replace('Host: x\r\n', '')],
    ['no Host, on HTTP/1.0', () => read('', '', 'GET /v1/models HTTP/1.0').replace('Host: x\r\n', '')],
    ['a second Host', () => read('Host: x\r\n')],
    ['a second host in another case', () => read('hOST: y\r\n')],
  ])('with %s: 400', (_, text) => refused(text(), INVALID));

  test.each([
    '',
    'a@x',
    'x/y',
    'x y',
    'x?y',
    'x#y',
    'x:',
    'x:99999',
    'x:1:2',
    '[::',
    '[:::::]',
    '1.2.3.4.5',
    'é',
    'x,y',
  ])('with the Host "%s": 400', (host) =>
    refused(read().replace('Host: x', `Host: ${host}`), { ...INVALID, detail: 'host' }),
  );

  test.each(['X.Example', '127.1', 'x:80', '[::1]:8787', '0x7f.1', 'localhost'])(
    'with the Host %s passes, and upstream hears its own name',
    async (host) => {
      const seen = await attack.passed(read().replace('Host: x', `Host: ${host}`));
      expect(seen.headers.host).toBe(new URL(upstream.url).host);
    },
  );

  test('of HTTP/1.0 with a Host passes', () => passed(read('', '', 'GET /v1/models HTTP/1.0')));

  test.each(['TRACE', 'PUT', 'OPTIONS', 'PATCH', 'PURGE', 'PROPFIND', 'QUERY'])(
    'with the method %s: 405',
    (method) => refused(read('', method), { status: 405, outcome: 'method_not_allowed', detail: method }),
  );

  test.each([
    ['h2c', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAAAA\r\n'],
    ['a WebSocket on a route that has none', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'],
  ])('that asks for %s: 400', (_, lines) => refused(read(lines), INVALID));
});

describe('a body where none belongs', () => {
  const none = { status: 400, outcome: 'body_not_expected' };
  test.each([
    ['GET', 'Content-Length: 3\r\n', 'abc'],
    ['HEAD', 'Content-Length: 3\r\n', 'abc'],
    ['DELETE', 'Content-Length: 2\r\n', '{}'],
    ['GET', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n'],
    ['DELETE', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n'],
    ['GET', 'Content-Length: 00\r\n', ''],
  ])('%s with %s: 400', (method, lines, body) => refused(read(lines, method) + body, none));

  test.each(['GET', 'HEAD'])('%s with a length of 0 passes', (method) =>
    passed(read('Content-Length: 0\r\n', method)),
  );
});

describe('Expect', () => {
  const length = `Content-Length: ${JSON_BODY.length}\r\n`;
  const expecting = (value: string, version = '1.1') => write(`${length}Expect: ${value}\r\n`, '', version);
  test.each(['200-maybe', 'x100-continue', '100-continue, 100-continue', ''])('"%s": 400', (value) =>
    refused(expecting(value), INVALID),
  );

  test('100-continue with a bad token: refused before the body is asked for', () =>
    refused(expecting('100-continue').replace(token, 'a.b.c'), {
      status: 401,
      outcome: 'token_invalid',
    }));

  test('100-continue with a body that is too large: refused before it is asked for', () =>
    refused(expecting('100-continue').replace(length, 'Content-Length: 99999999\r\n'), {
      status: 413,
      outcome: 'body_too_large',
    }));

  test('100-continue with a good token: 100, then the answer', async () => {
    await attack.passed(expecting('100-continue') + JSON_BODY);
    const answers = await send(gate.url, expecting('100-continue'), 1, 400);
    expect(answers.map(({ status }) => status)).toEqual([100]);
    await gate.settled();
  });

  test('100-continue on HTTP/1.0: no 100, which would pass for the answer', async () => {
    const answers = await send(gate.url, expecting('100-continue', '1.0') + JSON_BODY);
    expect(answers.map(({ status }) => status)).toEqual([200]);
  });
});

describe('several requests on one connection', () => {
  const outcomes = (from: number) =>
    gate
      .rows()
      .slice(from)
      .map(({ outcome }) => outcome);

  test('one behind a refused one is judged for itself', async () => {
    const [before, seen] = [gate.rows().length, upstream.seen.length];
    const answers = await send(gate.url, read('', 'PUT') + read(), 2);
    expect(answers.map(({ status }) => status)).toEqual([405, 200]);
    await gate.settled();
    expect(outcomes(before)).toEqual(['method_not_allowed', 'complete']);
    expect(upstream.seen.length).toBe(seen + 1);
  });

  test('one in the body of a refused one is a body, and never a request', async () => {
    const [before, seen] = [gate.rows().length, upstream.seen.length];
    const inner = read();
    const answers = await send(gate.url, read(`Content-Length: ${inner.length}\r\n`) + inner, 2, 400);
    expect(answers.map(({ status }) => status)).toEqual([400]);
    expect(outcomes(before)).toEqual(['body_not_expected']);
    expect(upstream.seen.length).toBe(seen);
  });

  test('garbage behind a good one leaves a row of its own, and the good one its answer', async () => {
    const before = gate.rows().length;
    const answers = await send(gate.url, `${read()}\x01\x02`, 2, 400);
    expect(answers.map(({ status }) => status)).toEqual([200]);
    await gate.settled();
    expect(outcomes(before)).toEqual(['complete', 'invalid_request']);
  });

  test('what follows "Connection: close" is no request', async () => {
    const [before, seen] = [gate.rows().length, upstream.seen.length];
    const answers = await send(gate.url, read('Connection: close\r\n') + read(), 2, 400);
    expect(answers.map(({ status }) => status)).toEqual([200]);
    await gate.settled();
    expect(outcomes(before)).toEqual(['complete']);
    expect(upstream.seen.length).toBe(seen + 1);
  });
});

describe('CONNECT', () => {
  test('is refused, with a row that says where it wanted to go', async () => {
    const row = await attack.refused('CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n', {
      status: 405,
      outcome: 'method_not_allowed',
    });
    expect(row.path).toBe('example.com:443');
  });

  test('from clients that reset the connection at once does not end the process', async () => {
    const { hostname, port } = new URL(gate.url);
    const before = gate.rows().length;
    for (let i = 0; i < 10; i++) {
      const socket = connect(Number(port), hostname, () =>
        socket.write('CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n', () => socket.resetAndDestroy()),
      );
      socket.on('error', () => {});
    }
    for (let i = 0; i < 80 && gate.rows().length < before + 10; i++) await sleep(25);
    expect(gate.rows().length).toBe(before + 10);
    await attack.passed(read());
  });
});

describe('our own pages', () => {
  const pages = ['/healthz', '/readyz', '/.well-known/jwks.json'];
  const ask = (path: string, lines: string, body = '', method = 'GET') =>
    `${method} ${path} HTTP/1.1\r\nHost: x\r\n${lines}\r\n${body}`;

  test.each(pages)('%s is told, and makes no row', async (path) => {
    const before = gate.rows().length;
    const [answer] = await send(gate.url, ask(path, ''));
    expect([answer?.status, answer?.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(JSON.parse(answer?.body ?? '')).toBeTruthy();
    const [head] = await send(gate.url, ask(path, '', '', 'HEAD'));
    expect([head?.status, head?.headers.get('content-length')]).toEqual([200, String(answer?.body.length)]);
    expect(gate.rows().length).toBe(before);
  });

  test.each(pages)('%s is no way around the frame', async (path) => {
    await attack.refused(ask(path, 'Host: y\r\n'), INVALID);
    await attack.refused(ask(path, 'Upgrade: websocket\r\nConnection: Upgrade\r\n'), INVALID);
    const none = { status: 400, outcome: 'body_not_expected' };
    await attack.refused(ask(path, 'Content-Length: 5\r\n', 'hello'), none);
    await attack.refused(ask(path, 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n'), none);
  });
});

test.each(['?x=1;after=file-of-bob', '?limit=1;limit=2', '?x=%00', '?a=1%00&b=2'])(
  'the query %s, which some readers would split or end elsewhere: 400',
  (query) => refused(read('', '', `GET /v1/files${query} HTTP/1.1`), { ...INVALID, detail: 'query' }),
);

test('a connection that never says anything makes no row', async () => {
  const { hostname, port } = new URL(gate.url);
  const before = gate.rows().length;
  const socket = connect(Number(port), hostname, () => socket.end());
  await new Promise((resolve) => socket.on('close', resolve));
  await sleep(100);
  expect(gate.rows().length).toBe(before);
});
