/** A token has one spelling: whatever is changed in its text, it is another token, and none of ours. */
import { fc, test } from '@fast-check/vitest';
import { afterAll, beforeAll, expect } from 'vitest';
import { Refusal } from '../../src/refusal.ts';
import { readToken } from '../../src/token/text.ts';
import { send } from '../with-attack.ts';
import { startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
let token: string;
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url, undefined, 'requests: { unknownPerMinute: 100000 }');
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

interface Edit {
  readonly at: number;
  readonly cut: number;
  readonly put: string;
}
/** What somebody would put into a token, and anything else that a header can hold. */
const piece = fc.oneof(
  fc.constantFrom(
    '',
    '=',
    '==',
    '.',
    '..',
    '-',
    '_',
    '+',
    '/',
    ' ',
    '\t',
    'A',
    'Q',
    'g',
    'w',
    '%2e',
    ',',
    ';',
  ),
  fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,3}$/),
);
const edits = fc.array(fc.record({ at: fc.nat(600), cut: fc.nat(2), put: piece }), {
  minLength: 1,
  maxLength: 3,
});
const edited = (text: string, all: readonly Edit[]) =>
  all.reduce((now, { at, cut, put }) => {
    const from = at % (now.length + 1);
    return now.slice(0, from) + put + now.slice(from + cut);
  }, text);
const parts = (text: string) => text.split('.').map((part) => Buffer.from(part, 'base64url'));

test.prop([edits], { numRuns: 5_000 })('what is read of a text is all that it says', (changes) => {
  const text = edited(token, changes);
  try {
    readToken(text);
  } catch (fault) {
    expect(fault).toBeInstanceOf(Refusal);
    expect(fault).toMatchObject({ code: 'token_invalid' });
    return;
  }
  const bytes = parts(text);
  expect(bytes.map((part) => part.toString('base64url')).join('.')).toBe(text);
  const { header, claims } = readToken(text);
  expect(header).toEqual(JSON.parse(String(bytes[0])));
  expect(claims).toEqual(JSON.parse(String(bytes[1])));
});

test.prop([edits], { numRuns: 150 })(
  'and no other text than the issued one opens the gate',
  async (changes) => {
    const text = edited(token, changes);
    fc.pre(text.trim() !== token && text !== '');
    const [seen, rows] = [upstream.seen.length, gate.rows().length];
    const head = `GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${text}\r\nConnection: close\r\n\r\n`;
    const [answer] = await send(gate.url, head);
    expect([400, 401]).toContain(answer?.status);
    expect(upstream.seen.length).toBe(seen);
    expect(gate.rows().slice(rows)).toMatchObject([{ decision: 'refused', status: answer?.status }]);
    expect(answer?.body).not.toContain(text);
  },
);
