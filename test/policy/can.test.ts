/** A policy that asks for what this gate cannot do is refused, and says the mend. */
import { expect, test } from 'vitest';
import { type Can, checkPolicy } from '../../src/control-policy.ts';

const ALL: Can = { moderate: true, mark: true };
const ASKS = {
  moderate: 'moderation: { on: ["*"] }',
  mark: 'outputs: held, watermark: true',
} as const;
const MENDS = {
  moderate: 'moderation.url',
  mark: 'install them',
} as const;
const policy = (grant: string) => `cohorts: { artists: { allow: [], ${grant} }, partners: { allow: [] } }`;

test.each(['moderate', 'mark'] as const)('%s', (what) => {
  expect(() => checkPolicy(policy(ASKS[what]), ALL)).not.toThrow();
  expect(() => checkPolicy(policy(ASKS[what]), { ...ALL, [what]: false })).toThrow(MENDS[what]);
  expect(() =>
    checkPolicy(policy('quotas: { tokens: { day: 1000 } }'), { ...ALL, [what]: false }),
  ).not.toThrow();
});
