/** What the core guarantees where it is one of many: it obeys an authority elsewhere, and can be without it. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import type { Made, Settlement } from '../../src/admission/admission.ts';
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

/** Another tester's, in a store of that tester's own. */
const GRACES = 'video_of_grace';
const made = (id: string): Made => ({ id, kind: 'videos', upstreamAt: 1, seconds: 4, isRunning: false });
const suspected = (...ids: string[]) => ({ suspected: ids.map((id) => ({ id, param: 'input' })) });
const named = (id: string) => ({ named: [{ id, param: 'id' }] });

/** The others' objects lie elsewhere; only this can tell. */
const apart = (
  check: (core: Core, elsewhere: { fails: boolean; asked: string[]; reserved: string[] }) => Promise<void>,
): Case =>
  async function run(engine) {
    const elsewhere = { fails: false, asked: [] as string[], reserved: [] as string[] };
    const answer = () => {
      if (elsewhere.fails) throw new Error('test: no answer');
    };
    const reserve: WardenOptions['reserve'] = async (_, objects) => {
      answer();
      if (objects.some(({ id }) => id === GRACES))
        throw new Refusal('upstream_answer_refused', 'grace has it');
      elsewhere.reserved.push(...objects.map(({ id }) => id));
    };
    const foreign: WardenOptions['foreign'] = async (ids) => {
      elsewhere.asked.push(...ids);
      answer();
      return new Map(ids.filter((id) => id === GRACES).map((id) => [id, 'grace']));
    };
    return withFollower({ reserve, foreign }, (core) => check(core, elsewhere))(engine);
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
      deepEqual([...warden.look()], [[1, { callsRefusedInFlight: 1, streamsCut: 1 }]]);
      deepEqual([...warden.look()], []);
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
    const cut: string[] = [];
    for (const permit of [streams, asked]) permit.onRevoked(({ refusal: { code } }) => cut.push(code));
    warden.lapse(LOST);
    warden.lapse(LOST);
    deepEqual(cut, ['authority_unreachable', 'authority_unreachable']);
    equal(await refusal('ada'), null);
  }),

  "what another tester made in a store elsewhere is made nobody else's, by whatever way": apart(
    async ({ admit, refusal, settle, rows, db }, elsewhere) => {
      const [claims, sends, settles] = [await admit('ada'), await admit('ada'), await admit('ada')];
      const taken = { code: 'upstream_answer_refused' };
      await rejects(claims.claim([made(GRACES)]), taken);
      let sent = 0;
      await rejects(
        sends.settleThen({ ...COMPLETE, made: [made(GRACES)] }, () => sent++),
        taken,
      );
      await settle(settles, { made: [made('video_mine'), made(GRACES)] });
      deepEqual([sent, db.$client.prepare('select id from objects').all()], [0, []]);
      deepEqual(
        rows('outcome is not null').map(({ id }) => id),
        [settles.id],
      );
      const { detail } = db.$client.prepare('select detail from requests where id = ?').get(settles.id) as {
        detail: string;
      };
      ok(detail.includes(GRACES) && detail.includes('grace has it'), detail);
      equal(await refusal('ada', named(GRACES)), 'object_unknown');
      // The permits go on: what is theirs they still get.
      await sends.settleThen({ ...COMPLETE, made: [made('video_1')] }, () => sent++);
      await claims.claim([made('video_2')]);
      await settle(claims, { made: [made('video_3')] });
      deepEqual([sent, elsewhere.reserved], [1, ['video_1', 'video_2', 'video_3']]);
      for (const id of elsewhere.reserved) equal(await refusal('ada', named(id)), null);
    },
  ),

  "what could not be reserved is nobody's, and its row is settled all the same": apart(
    async ({ admit, refusal, settle, rows }, elsewhere) => {
      elsewhere.fails = true;
      const [claims, settles] = [await admit('ada'), await admit('ada')];
      await rejects(claims.claim([made('video_1')]), { code: 'authority_unreachable' });
      await settle(settles, { made: [made('video_1')] });
      equal(rows('outcome is not null').length, 1);
      equal(await refusal('ada', named('video_1')), 'object_unknown');
    },
  ),

  "a text that may name another tester's object is asked about, and only where it is not known here": apart(
    async ({ admit, refusal, settle, stop, db }, elsewhere) => {
      await settle(await admit('ada'), { made: [made('video_mine')] });
      deepEqual(
        [await refusal('ada', suspected('video_mine')), await refusal('ada'), elsewhere.asked],
        [null, null, []],
      );
      equal(await refusal('ada', suspected('video_mine', GRACES)), 'object_unknown');
      equal(await refusal('ada', suspected('video_of_nobody')), null);
      deepEqual(elsewhere.asked, [GRACES, 'video_of_nobody']);
      elsewhere.fails = true;
      equal(await refusal('ada', suspected('video_of_nobody')), 'authority_unreachable');
      const shut = JSON.stringify({
        cohorts: { artists: { allow: [{ operations: ['*'], models: ['none'] }] } },
      });
      const load = "insert into policies (by, source, sha256, text, diff) values ('test', 'api', '', ?, '')";
      db.$client.prepare(load).run(shut);
      equal(await refusal('ada', suspected('video_of_nobody')), 'model_not_allowed');
      await stop('tester:ada');
      equal(await refusal('ada', suspected(GRACES)), 'access_suspended');
      equal(elsewhere.asked.length, 3);
    },
  ),

  'an open socket is held to the same': apart(async ({ admit }, elsewhere) => {
    const permit = await admit('ada');
    const reach = async (...ids: string[]) => (await permit.reach({ named: [], ...suspected(...ids) }))?.code;
    deepEqual([await reach(), elsewhere.asked], [undefined, []]);
    deepEqual([await reach(GRACES), await reach('item_of_session')], ['object_unknown', undefined]);
    elsewhere.fails = true;
    equal(await reach('item_of_session'), 'authority_unreachable');
  }),

  'what a cohort shares is asked of who counts it, for that call and amount, and only when nothing else refuses it':
    async (engine) => {
      const asked: unknown[] = [];
      let says: Refusal | null | Error = null;
      const share: WardenOptions['share'] = async (_, { cohort, units }) => {
        asked.push([cohort, units]);
        if (says instanceof Error) throw says;
        return says;
      };
      const check = async ({ admit, refusal, stop, db }: Core) => {
        const videos = { units: { videoSeconds: 4, tokens: 1 } };
        equal(await refusal('ada', videos), null);
        deepEqual(asked, []);
        const shared = {
          allow: [{ operations: ['*'], models: ['*'] }],
          sharedQuotas: { videoSeconds: { day: 1 } },
        };
        const text = JSON.stringify({ cohorts: { artists: shared } });
        const load =
          "insert into policies (by, source, sha256, text, diff) values ('test', 'api', '', ?, '')";
        db.$client.prepare(load).run(text);
        // What is counted here would not do: it is one tester's.
        ok(await admit('ada', videos));
        equal(await refusal('ada'), null);
        deepEqual(asked, [['artists', { videoSeconds: 4 }]]);
        says = new Refusal('quota_exceeded', 'test', { rule: 'quota:cohort.videoSeconds.day' });
        equal(await refusal('ada', videos), 'quota_exceeded');
        says = new Error('test: no answer');
        equal(await refusal('ada', videos), 'authority_unreachable');
        await stop('tester:ada');
        equal(await refusal('ada', videos), 'access_suspended');
        equal(asked.length, 3);
      };
      return withFollower({ share }, check)(engine);
    },
};
