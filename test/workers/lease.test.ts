/** What a tester's object tells the gate of a stop, whichever way the stop came to it. */
import { expect, test } from 'vitest';
import { Lease } from '../../src/worker/lease.worker.ts';
import type { Leased, Update } from '../../src/worker/leased.worker.ts';

const ISSUER = { issuer: 'portcullis', keys: { keys: [] } };
const update = (since: number, seq: number): Update => ({
  since,
  seq,
  changes: [],
  more: false,
  issuer: ISSUER,
});
const leased = (since: number, seq: number): Leased => ({ ...update(since, seq), ms: 1000, linkKey: '' });

/** Changes 5 and 6 are stops of everything; four streams are open before. @param answers of the gate, in their order */
function setUp(...answers: readonly Leased[]) {
  let [known, streams] = [4, 4];
  const rest = [...answers];
  let time = 1_000_000;
  let asked = 0;
  const look = () => {
    const cut = { callsRefusedInFlight: 0, streamsCut: streams };
    if (known < 5 || streams === 0) return new Map();
    streams = 0;
    return new Map([[5, cut]]);
  };
  const lease = new Lease({
    ask: async () => {
      asked++;
      return rest.shift() ?? leased(known, known);
    },
    known: () => known,
    apply: async ({ seq }, cut) => {
      await Promise.resolve();
      known = Math.max(known, seq);
      cut(look());
    },
    lapse: () => {},
    openCalls: () => streams,
    now: () => time,
  });
  return {
    lease,
    asked: () => asked,
    later: (ms: number) => {
      time += ms;
    },
  };
}
const ALL = [{ switch: 5, callsRefusedInFlight: 0, streamsCut: 4 }];

test('a stop that a renewed lease brings first is confirmed with what it cut', async () => {
  const { lease } = setUp(leased(4, 5));
  await lease.renew();
  expect(await lease.obey(update(4, 5))).toMatchObject({ cuts: ALL });
});

test('and so is one that is told while that lease is on its way', async () => {
  const { lease } = setUp(leased(4, 5));
  const [, told] = await Promise.all([lease.renew(), lease.obey(update(4, 5))]);
  expect(told).toMatchObject({ cuts: ALL });
});

test('of two stops at once each hears which of them cut, however they come', async () => {
  const { lease } = setUp(leased(4, 6));
  await lease.renew();
  for (const seq of [5, 6]) expect(await lease.obey(update(4, seq))).toMatchObject({ cuts: ALL });
});

test('the gate is not told again of what it knows to be known', async () => {
  const { lease } = setUp(leased(4, 5));
  await lease.renew();
  expect(await lease.obey(update(5, 6))).toMatchObject({ cuts: [] });
});

test('a gate that has begun anew, and does not know what is known here, hears it too', async () => {
  const { lease } = setUp(leased(4, 5));
  expect(await lease.obey(update(5, 5))).toMatchObject({ cuts: ALL });
});

test('a lease that would end while a call is judged is renewed before', async () => {
  const { lease, asked, later } = setUp();
  const ends: boolean[] = [];
  for (const ms of [0, 870, 10, 870, 4]) {
    later(ms);
    await lease.renew();
    ends.push(lease.holds);
  }
  // Asked for at first, and with 120 ms of 1,000 left.
  expect([asked(), ends]).toEqual([2, [true, true, true, true, true]]);
  later(10);
  await lease.renew();
  expect(asked()).toBe(3);
});
