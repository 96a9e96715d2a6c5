/** What the core guarantees where it is one of many: it obeys an authority elsewhere, and can be without it. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { Settlement } from '../../src/admission/admission.ts';
import type { WardenOptions } from '../../src/admission/warden.ts';
import { Refusal } from '../../src/refusal.ts';
import type { Case } from './cases.ts';
import { type Core, openCore } from './core.ts';

const withFollower = (options: Partial<WardenOptions>, check: (core: Core) => Promise<void>): Case =>
  async function run(engine) {
    const core = await openCore(engine, {}, { obeysOnly: true, watchMs: 0, ...options });
    await core.tester('ada');
    await core.tester('grace');
    try {
      await check(core);
      return core.keyText;
    } finally {
      await core.close();
    }
  };

const LOST = { scope: 'lease', rule: 'lease', refusal: new Refusal('authority_unreachable', 'test') };
const COMPLETE: Settlement = {
  ...{ outcome: 'complete', detail: null, status: 200, upstreamStatus: 200, upstreamRequestId: null },
  ...{ firstByteMs: 1, durationMs: 2, bytesOut: 3 },
};
/** Longer than a timed stop, or the file that stops everything, would take to be seen. */
const SEEN_MS = 400;

const leased = (check: (core: Core, lose: () => void) => Promise<void>): Case =>
  async function run(engine) {
    let isLost = false;
    const standing = () => (isLost ? LOST : null);
    const lose = () => {
      isLost = true;
    };
    return withFollower({ standing }, (core) => check(core, lose))(engine);
  };

export const SEAMS: Readonly<Record<string, Case>> = {
  'whoever obeys only cuts what a row says when it is told to look, and tells what it cut': withFollower(
    {},
    async ({ db, admit, warden }) => {
      const [asked, streams, others] = [await admit('ada'), await admit('ada'), await admit('grace')];
      ok(streams.begin());
      db.$client.prepare("insert into switches (scope) values ('tester:ada')").run();
      deepEqual(warden.look(), { callsRefusedInFlight: 1, streamsCut: 1 });
      deepEqual(warden.look(), { callsRefusedInFlight: 0, streamsCut: 0 });
      ok(asked.revoked && streams.revoked && !others.revoked);
    },
  ),

  'whoever obeys only ends no stop whose time is over, and writes none for a file': withFollower(
    { watchMs: 10, stopFile: () => true },
    async ({ db, refusal }) => {
      db.$client.prepare("insert into switches (scope, until) values ('tester:ada', 1)").run();
      await new Promise((resolve) => setTimeout(resolve, SEEN_MS));
      deepEqual([await refusal('ada'), await refusal('grace')], ['access_suspended', null]);
    },
  ),

  'without its lease nothing is dispatched, and no answer begins': leased(async ({ admit }, lose) => {
    const told: string[] = [];
    const tell =
      (what: string) =>
      ({ refusal }: typeof LOST) =>
        void told.push(`${what}: ${refusal.code}`);
    const [dispatched, admitted] = [await admit('ada'), await admit('ada')];
    dispatched.onRevoked(tell('the dispatched'));
    deepEqual(told, []);
    lose();
    admitted.onRevoked(tell('the admitted'));
    ok(!dispatched.begin() && !admitted.begin());
    deepEqual(told, ['the admitted: authority_unreachable', 'the dispatched: authority_unreachable']);
  }),

  'an answer that was read to its end is not given without the lease': leased(async ({ admit }, lose) => {
    const permit = await admit('ada');
    const given: string[] = [];
    permit.onRevoked(({ refusal }) => {
      given.push(refusal.code);
      void permit.settle({ ...COMPLETE, outcome: refusal.code });
    });
    const settled = permit.settleThen(COMPLETE, () => given.push('the answer'));
    lose();
    await settled;
    deepEqual(given, ['authority_unreachable']);
  }),

  'when the lease ends everything in flight is cut, once': leased(async ({ admit, warden, refusal }) => {
    const [streams, asked] = [await admit('ada'), await admit('grace')];
    ok(streams.begin());
    deepEqual(warden.lapse(LOST), { callsRefusedInFlight: 1, streamsCut: 1 });
    deepEqual(warden.lapse(LOST), { callsRefusedInFlight: 0, streamsCut: 0 });
    equal(asked.revoked?.refusal.code, 'authority_unreachable');
    equal(await refusal('ada'), null);
  }),
};
