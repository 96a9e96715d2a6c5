/** Whole events only, however upstream cuts its chunks. */
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { WholeEvents } from '../../src/gateway/sse.ts';

const line = fc.string({ unit: fc.constantFrom('a', ':', ' ', 'é'), maxLength: 6 });
const event = fc.tuple(fc.array(line, { minLength: 1, maxLength: 3 }), fc.constantFrom('\n', '\r\n', '\r'));

test.prop([fc.array(event, { maxLength: 6 }), fc.array(fc.nat(12), { maxLength: 20 })])(
  'every byte goes out once, in order, and never half an event',
  (events, cuts) => {
    const text = events.map(([lines, end]) => lines.map((one) => `d${one}${end}`).join('') + end).join('');
    const bytes = new TextEncoder().encode(text);
    const stream = new WholeEvents();
    let sent = '';
    let at = 0;
    for (const size of [...cuts, bytes.length]) {
      const out = Buffer.from(stream.push(bytes.subarray(at, at + size))).toString('latin1');
      at += Math.min(size, bytes.length - at);
      sent += out;
      expect(sent === '' || /(?:\n\n|\r\r|\r\n\r\n)$/.test(sent)).toBe(true);
    }
    expect(sent + Buffer.from(stream.rest()).toString('latin1')).toBe(Buffer.from(bytes).toString('latin1'));
  },
);
