/** The acknowledgement of a stop counts everybody, and stays readable however many there are. */
import { expect, test } from 'vitest';
import { MOST_NODES, sumsOf } from '../../src/admission/acknowledgement.ts';
import type { Confirmed } from '../../src/admission/peers.ts';

const AT = 1_000_000;
const OWN = { node: 'own', confirmedAt: AT + 2, lapsedAt: null, callsRefusedInFlight: 1, streamsCut: 0 };

const confirmed = (name: string, ms: number, streamsCut = 0): Confirmed => ({
  ...{ name, lapsedAt: null },
  confirmation: {
    ...{ at: AT + ms, callsRefusedInFlight: 0, streamsCut },
    lastByteAt: streamsCut > 0 ? AT + ms - 1 : null,
  },
});
const silent = (name: string): Confirmed => ({ name, confirmation: null, lapsedAt: AT + 2_000 });
const many = <T>(n: number, one: (i: number) => T) => Array.from({ length: n }, (_, i) => one(i));

test('one alone tells of itself', () => {
  const sums = { confirmed: 1, lapsed: 0, cut: 1, ms: 2, lastByteMs: null };
  expect(sumsOf(OWN, null, [], AT)).toEqual({ nodes: [OWN], ...sums });
});

test('the sums take in everybody, and the slowest says how long it took', () => {
  const sums = sumsOf(OWN, 5, [confirmed('a', 7, 3), silent('b'), confirmed('c', 40)], AT);
  expect(sums).toMatchObject({ confirmed: 3, lapsed: 1, cut: 4, ms: 40, lastByteMs: 6 });
  expect(sums.nodes.map(({ node }) => node)).toEqual(['own', 'a', 'b', 'c']);
  expect(sums.nodes[2]).toMatchObject({ confirmedAt: null, lapsedAt: AT + 2_000 });
});

test('of thousands it names itself, the silent ones first, and those that cut something', () => {
  const quiet = many(3_000, (i) => confirmed(`quiet${i}`, 9));
  const few = sumsOf(OWN, null, [...quiet, confirmed('busy', 60, 2), silent('gone')], AT);
  expect(few.nodes.map(({ node }) => node)).toEqual(['own', 'gone', 'busy']);
  expect(few).toMatchObject({ confirmed: 3_002, lapsed: 1, cut: 3, ms: 60, lastByteMs: 59 });
  const busy = many(200_000, (i) => confirmed(`busy${i}`, 9, 1));
  const all = sumsOf(OWN, null, [...busy, silent('gone')], AT);
  expect(all.nodes.map(({ node }) => node).slice(0, 3)).toEqual(['own', 'gone', 'busy0']);
  expect([all.nodes.length, all.cut, all.confirmed]).toEqual([MOST_NODES, 200_001, 200_001]);
});

test('a clock that is set back meanwhile makes no time negative', () => {
  expect(sumsOf({ ...OWN, confirmedAt: AT - 50 }, null, [], AT).ms).toBe(0);
});
