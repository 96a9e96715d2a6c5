/** When what waits is delivered, and when the alarm is set. */
import { expect, test } from 'vitest';
import { Outbound } from '../../src/worker/outbox.worker.ts';

/** A feed of numbers, and a receiver whose next answers the test gives. */
function setUp() {
  let [last, taken, time] = [0, 0, 1_000_000];
  const deliveries: number[] = [];
  const alarms: number[] = [];
  const setAtCommit: number[] = [];
  const open: { taken: () => void; refused: () => void }[] = [];
  const outbound = new Outbound({
    ...{ object: 'ada', now: () => time, failed: () => {} },
    feed: {
      since: (_, __, most) => {
        const seq = Math.min(last, taken + most);
        const changes = Array.from({ length: seq - taken }, (_, i) => ({ table: 't', key: [i], row: null }));
        return { seq, changes, more: seq < last };
      },
      forget: (upTo) => {
        taken = upTo;
      },
    },
    deliver: ({ seq }) => {
      deliveries.push(seq);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      open.push({ taken: resolve, refused: () => reject(new Error('no')) });
      return promise;
    },
    setAlarm: async (at) => void alarms.push(at - time),
  });
  const settle = async (how: 'taken' | 'refused') => {
    open.shift()?.[how]();
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  return {
    ...{ outbound, deliveries, alarms, setAtCommit, settle },
    commit: (n = 1) => {
      const commits = outbound.around({
        run: async (_, committed) => {
          setAtCommit.push(alarms.length);
          last += n;
          committed();
        },
        isJobFault: () => false,
      });
      return commits.run(
        async () => {},
        () => {},
      );
    },
    pass: (ms: number) => {
      time += ms;
    },
  };
}

test('one delivery at a time; what comes meanwhile goes with the next', async () => {
  const { commit, settle, deliveries } = setUp();
  for (let i = 0; i < 3; i++) await commit();
  expect(deliveries).toEqual([1]);
  await settle('taken');
  expect(deliveries).toEqual([1, 3]);
  await settle('taken');
  expect(deliveries).toEqual([1, 3]);
  await commit();
  expect(deliveries).toEqual([1, 3, 4]);
});

test.each([0, 1, 2, 3, 4, 5, 6])(
  'what comes while a delivery ends, %i steps after it was taken, does not wait for the alarm',
  async (steps) => {
    const { commit, settle, deliveries } = setUp();
    await commit();
    const ended = settle('taken');
    for (let i = 0; i < steps; i++) await Promise.resolve();
    await commit();
    await ended;
    expect(deliveries).toEqual([1, 2]);
  },
);

test('much goes in pieces', async () => {
  const { commit, settle, deliveries } = setUp();
  await commit(1_200);
  for (let i = 0; i < 3; i++) await settle('taken');
  expect(deliveries).toEqual([500, 1_000, 1_200]);
});

test('the alarm is set before the commit, and once for many', async () => {
  const { commit, settle, alarms, setAtCommit, pass } = setUp();
  for (let i = 0; i < 5; i++) {
    await commit();
    await settle('taken');
  }
  expect(alarms).toEqual([10_000]);
  pass(10_001);
  await commit();
  expect(alarms).toEqual([10_000, 10_000]);
  expect(setAtCommit).toEqual([1, 1, 1, 1, 1, 2]);
});

test('what is not taken stays, and is tried again after 1 s, 2 s, … 60 s; commits do not hurry it', async () => {
  const { commit, settle, deliveries, alarms, outbound, pass } = setUp();
  await commit();
  await settle('refused');
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    waits.push(alarms.at(-1) ?? 0);
    await commit();
    pass(alarms.at(-1) ?? 0);
    const rang = outbound.alarm();
    await settle('refused');
    await rang;
  }
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  expect(deliveries).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const rang = outbound.alarm();
  await settle('taken');
  await rang;
  await commit();
  expect(deliveries.slice(9)).toEqual([9, 10]);
});

test('an alarm with nothing to deliver sets no other', async () => {
  const { commit, settle, alarms, outbound } = setUp();
  await commit();
  await settle('taken');
  await outbound.alarm();
  expect(alarms).toEqual([10_000]);
});
