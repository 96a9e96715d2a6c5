/** However many addresses a flood comes from, it writes a bounded number of rows, and every call is counted in one. */
import { expect, test } from 'vitest';
import type { RefusedCall } from '../../src/admission/admission.ts';
import { Folds } from '../../src/admission/folds.ts';
import { Refusal, type RefusalCode } from '../../src/refusal.ts';

let n = 0;
function flood(addresses: readonly string[], calls: number, code: RefusalCode, now = 0, folds = new Folds()) {
  const rows = new Map<string, number>();
  for (let i = 0; i < calls; i++) {
    const address = addresses[i % addresses.length] ?? '';
    const arrival = { id: `r${n++}`, at: now, method: 'GET', path: '/', agent: null, clientRequestId: null };
    const call: RefusedCall = {
      arrival: { ...arrival, address },
      who: null,
      operation: null,
      refusal: new Refusal(code),
    };
    const into = folds.into(call, now);
    const id = into ?? call.arrival.id;
    if (into !== null) expect(rows.has(into)).toBe(true);
    rows.set(id, (rows.get(id) ?? 0) + 1);
  }
  const counted = [...rows.values()].reduce((sum, one) => sum + one, 0);
  return { rows: rows.size, counted, folds };
}

test('the addresses of one IPv6 /64 are one client', () => {
  const addresses = Array.from({ length: 5_000 }, (_, i) => `2001:db8::${(i + 1).toString(16)}`);
  expect(flood(addresses, 20_000, 'invalid_request')).toMatchObject({ rows: 1_000, counted: 20_000 });
});

test('many addresses together write no more than their share, and one row each', () => {
  const addresses = Array.from({ length: 60 }, (_, i) => `10.0.0.${i}`);
  const { rows, counted } = flood(addresses, 90_000, 'invalid_request');
  expect([rows <= 20_060, rows >= 20_000, counted]).toEqual([true, true, 90_000]);
});

test('more addresses than are remembered share one row for each kind of refusal', () => {
  const addresses = Array.from({ length: 100_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  const { rows, counted } = flood(addresses, 200_000, 'token_invalid');
  expect([rows <= 30_001, counted]).toEqual([true, 200_000]);
});

test('beyond the limit of an address one row is written, and a minute later another', () => {
  const { folds, ...first } = flood(['1.2.3.4'], 500, 'address_limited');
  expect(first).toEqual({ rows: 1, counted: 500 });
  expect(flood(['1.2.3.4'], 500, 'address_limited', 60_000, folds)).toMatchObject({ rows: 1, counted: 500 });
});
