/** Every line of the threat model names tests that exist. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const text = readFileSync(new URL('../docs/threat-model.md', import.meta.url), 'utf8');
const named = [...text.matchAll(/`((?:gateway|admin|admission|policy)\/[a-z-]+)`/g)].map(([, name]) => name);

test.each(named)('the test %s that the threat model names exists', (name) => {
  expect(existsSync(new URL(`${name}.test.ts`, import.meta.url))).toBe(true);
});
