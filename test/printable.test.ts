/** What callers wrote is masked as far as it holds credentials, and in time that grows with its length only. */
import { fc, test } from '@fast-check/vitest';
import { expect } from 'vitest';
import { masked, printable } from '../src/printable.ts';

/** What is meant, in the shortest way to say it; too slow for what strangers write. */
const meant = (text: string) =>
  text.replace(/eyJ[\w-]{8,}\.[\w.-]*/g, '[credential]').replace(/pc[osl]_[\w-]{20,}/g, '[credential]');
const pieces = fc.array(
  fc.constantFrom(
    'eyJ',
    'eyJhbGciOiJF',
    '.',
    '..',
    '-',
    'a',
    'pco_',
    'pcs_',
    'pcl_',
    'x'.repeat(19),
    ' ',
    '/',
    '=',
    'é',
    '"',
  ),
  { maxLength: 24 },
);

test.prop([pieces], { numRuns: 5_000 })('every credential is masked, and nothing else', (all) => {
  const text = all.join('');
  expect(masked(text)).toBe(meant(text));
});

test.each(['eyJ', 'eyJ.', 'eyJa-', 'pco_', 'eyJpco_', 'pco_eyJ.', '//', '//a', '@//', 'a.eyJ'])(
  'a long text of %s again and again is looked through at once',
  (piece) => {
    const text = `${piece.repeat(1_000_000 / piece.length)}pco_`;
    const began = performance.now();
    masked(text);
    printable(text);
    expect(performance.now() - began).toBeLessThan(500);
  },
);
