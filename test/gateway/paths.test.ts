/** Whatever is asked for: it is refused, or the path in the row is byte for byte the path that upstream saw. */
import { fc, test } from '@fast-check/vitest';
import { afterAll, beforeAll, expect } from 'vitest';
import { send } from '../with-attack.ts';
import { startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let gate: TestGate;
let upstream: Upstream;
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

const odd = fc.constantFrom(
  ...[
    '..',
    '.',
    '',
    '%2e%2e',
    '%2f',
    '%5c',
    '\\',
    ';',
    ';a=b',
    '%00',
    '%252e',
    '..;',
    'a%20b',
    '%c0%af',
    '%e2%80%ae',
  ],
);
const segment = fc.oneof(
  odd,
  fc.constantFrom('v1', 'models', 'videos', 'admin', 'm', 'V1', 'Models'),
  fc.string({
    maxLength: 4,
    unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)),
  }),
);
const target = fc
  .tuple(
    fc.constantFrom('/', '//', '', '/v1/', '/v1/models/', 'http://x/v1/'),
    fc.array(segment, { maxLength: 4 }),
    fc.constantFrom('', '/', '?a=1', '?../x', '#x'),
  )
  .map(([start, parts, end]) => start + parts.join('/') + end)
  .filter((text) => !/[\r\n ]/.test(text) && text !== '');

test.prop([target], { numRuns: 300 })('any target, as any client may write it', async (asked) => {
  const [seen, rows] = [upstream.seen.length, gate.rows().length];
  const head = `GET ${asked} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`;
  const [answer] = await send(gate.url, head);
  const [row, ...more] = gate.rows().slice(rows);
  const sent = upstream.seen.slice(seen);
  if (answer?.status === 200 && sent.length === 0) {
    // Our own pages: nothing of them is a call.
    expect(asked.split('?')[0]).toMatch(/^\/(?:healthz|readyz|\.well-known\/.*)$/);
    return;
  }
  expect(more).toEqual([]);
  if (sent.length === 0) {
    expect([400, 404, 405]).toContain(answer?.status);
    expect(row?.decision).toBe('refused');
    return;
  }
  expect(sent.map(({ url }) => url.split('?')[0])).toEqual([row?.path]);
  expect(row?.path).toBe(asked.split('?')[0]);
  expect(sent[0]?.url).toBe(asked);
});
