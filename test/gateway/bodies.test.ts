/** Bodies: what was judged are the bytes that are sent, and a body that two readers take in two ways is refused. */
import { fc, test as property } from '@fast-check/vitest';
import { parseMultipart } from '@remix-run/multipart-parser';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readMultipart } from '../../src/gateway/multipart.ts';
import { ambiguity } from '../../src/json.ts';
import { startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let upstream: Upstream;
let gate: TestGate;
let token: string;
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url);
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});
beforeEach(() => void upstream.seen.splice(0));

async function send(
  path: string,
  type: string,
  body: string | Buffer,
): Promise<{ status: number; code: string }> {
  const answer = await fetch(gate.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
    body: typeof body === 'string' ? body : new Uint8Array(body),
  });
  const json = (await answer.json()) as { error?: { code: string } };
  return { status: answer.status, code: json.error?.code ?? '' };
}
async function expectRefused(sent: Promise<{ status: number; code: string }>, status: number, code: string) {
  expect(await sent).toEqual({ status, code });
  expect(upstream.seen).toEqual([]);
  expect(gate.rows().at(-1)).toMatchObject({ decision: 'refused', outcome: code, status });
}

const CHAT = '/v1/chat/completions';
describe('JSON', () => {
  test.each([
    ['a member twice', '{"model":"gpt-4o","model":"o3"}'],
    ['a member twice, once escaped', '{"model":"gpt-4o","mod\\u0065l":"o3"}'],
    ['a member twice, deep inside', '{"model":"m","messages":[{"content":[{"type":"a","type":"b"}]}]}'],
    ['a judged member in another case', '{"Model":"o3"}'],
    ['a judged member in two cases', '{"model":"m","MODEL":"o3"}'],
    ['nesting without end', `{"model":"m","x":${'['.repeat(5_000)}${']'.repeat(5_000)}}`],
  ])('that can be read in two ways is refused: %s', (_, body) =>
    expectRefused(send(CHAT, 'application/json', body), 400, 'body_ambiguous'),
  );

  test.each([
    ['not JSON', '{"model":"m"'],
    ['an array', '[]'],
    ['a text', '"model"'],
    ['a comment', '{"model":"m" /* x */}'],
    ['something behind it', '{"model":"m"}{"model":"o3"}'],
    ['a byte order mark', '\u{feff}{"model":"m"}'],
    ['NaN', '{"model":"m","n":NaN}'],
    ['UTF-16', Buffer.from('{"model":"m"}', 'utf16le')],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0x22, 0x6d, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['an overlong encoding', Buffer.from('{"model":"m","x":"\xc0\xaf"}', 'latin1')],
  ])('that is not sound is refused: %s', (_, body) =>
    expectRefused(send(CHAT, 'application/json', body), 400, 'body_malformed'),
  );

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json; charset=utf-16',
    'application/json, text/plain',
    'application/jsonp',
    '',
  ])('under another type is refused: %s', (type) =>
    expectRefused(send(CHAT, type, '{"model":"m"}'), 415, 'media_type_unsupported'),
  );

  test('goes up byte for byte, spaces, order and odd numbers included', async () => {
    const body = '{ "model" : "m",\n "seed":1e400, "x":0.10, "__proto__":{"a":1}, "u":"\\ud83d\\ude00 ü" }';
    expect((await send(CHAT, 'application/json; charset=utf-8', body)).status).toBe(200);
    expect(Buffer.from(upstream.seen[0]?.body ?? '', 'latin1').toString()).toBe(body);
  });

  property.prop([fc.json({ maxDepth: 5 })])(
    'that JSON.stringify writes is never taken for ambiguous',
    (text) => {
      expect(ambiguity(text)).toBeNull();
    },
  );
});

const part = (name: string, value: string, more = '') =>
  `--B\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const TYPE = 'multipart/form-data; boundary=B';
const VIDEO = part('model', 'sora-2') + part('seconds', '4') + part('prompt', 'x');

describe('a form', () => {
  test.each([
    ['a field twice', `${VIDEO}${part('seconds', '12')}--B--\r\n`, 'body_ambiguous'],
    ['a field twice, in two cases', `${VIDEO}${part('Seconds', '12')}--B--\r\n`, 'body_ambiguous'],
    ['words before the first part', `hello\r\n${VIDEO}--B--\r\n`, 'body_malformed'],
    ['a part behind the end', `${VIDEO}--B--\r\n${part('seconds', '12')}--B--\r\n`, 'body_malformed'],
    ['line feeds alone', `${VIDEO}--B--\r\n`.replaceAll('\r\n', '\n'), 'body_malformed'],
    [
      'a boundary inside a field by line feed',
      `${part('prompt', 'x\n--B\nContent-Disposition: form-data; name="seconds"\n\n12')}--B--`,
      null,
    ],
    ['two names in one part', `${part('model', 'sora-2', '; name="seconds"')}--B--\r\n`, 'body_malformed'],
    [
      'an extended name',
      `--B\r\nContent-Disposition: form-data; name*=utf-8''seconds\r\n\r\n12\r\n--B--`,
      'body_malformed',
    ],
    [
      'a name without quotes',
      '--B\r\nContent-Disposition: form-data; name=seconds\r\n\r\n12\r\n--B--',
      'body_malformed',
    ],
    ['a name with an escape', `${part('sec\\onds', '12')}--B--`, 'body_malformed'],
    [
      'two dispositions',
      `--B\r\nContent-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="seconds"\r\n\r\n12\r\n--B--`,
      'body_malformed',
    ],
    [
      'a folded header',
      '--B\r\nContent-Disposition: form-data;\r\n name="seconds"\r\n\r\n12\r\n--B--',
      'body_malformed',
    ],
    [
      'an encoded part',
      '--B\r\nContent-Disposition: form-data; name="seconds"\r\nContent-Transfer-Encoding: base64\r\n\r\nMTI=\r\n--B--',
      'body_malformed',
    ],
    ['no end', VIDEO, 'body_malformed'],
    [
      'too many parts',
      `${Array.from({ length: 300 }, (_, i) => part(`f${i}`, 'x')).join('')}--B--`,
      'body_malformed',
    ],
    ['seconds that are no number', `${part('seconds', '0x4')}--B--`, 'parameter_unreadable'],
  ])('%s', async (_, body, code) => {
    const sent = send('/v1/videos', TYPE, body);
    if (code !== null) return expectRefused(sent, code === 'parameter_unreadable' ? 403 : 400, code);
    await sent;
    expect(upstream.seen[0]?.body).toBe(body);
  });

  test.each([
    'multipart/form-data',
    'multipart/form-data; boundary=B; boundary=C',
    'multipart/form-data; boundary="B',
    'multipart/form-data; charset=x; boundary=B',
  ])('with a boundary that two readers see differently is refused: %s', async (type) => {
    const { status } = await send('/v1/videos', type, `${VIDEO}--B--\r\n`);
    expect([400, 415]).toContain(status);
    expect(upstream.seen).toEqual([]);
  });

  property.prop([
    fc.array(
      fc.record({
        name: fc.stringMatching(/^[a-z_]{1,9}(\[[a-z]{0,5}\])?$/),
        value: fc.oneof(
          fc.string({ unit: 'grapheme' }),
          fc.constantFrom('\r\n--B', '--B--', '\r\n', '\n--B\r\n'),
        ),
        isFile: fc.boolean(),
      }),
      { maxLength: 6 },
    ),
  ])('is read as an independent reader reads it, or is refused', (parts) => {
    const text = `${parts.map(({ name, value, isFile }) => part(name, value, isFile ? '; filename="f"' : '')).join('')}--B--\r\n`;
    const bytes = new TextEncoder().encode(text);
    let fields: ReturnType<typeof readMultipart>;
    try {
      fields = readMultipart(bytes, TYPE);
    } catch {
      return;
    }
    const other = [...parseMultipart(bytes, { boundary: 'B' })];
    expect(Object.values(fields).flat()).toHaveLength(other.length);
    for (const { name, isFile, text: value } of other)
      if (name && !isFile) expect([fields[name]].flat()).toContain(value);
  });
});
