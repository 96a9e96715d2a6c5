/** What the core guarantees on every engine: written once, run where the engine lives. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { Finder } from '../../src/log/find.ts';
import { firstIdOf } from '../../src/log/id.ts';
import { Indexer } from '../../src/log/indexer.ts';
import { objects, requests } from '../../src/store/schema.ts';
import { type Core, type Engine, openCore } from './core.ts';

import { SEAMS } from './seams.ts';

/** Whose log is verified from outside. */
export const SIGNED = 'the log is signed over calls, stops and acts';

type Granted = Parameters<typeof openCore>[1];
/** @returns text of the key that signed the log */
export type Case = (engine: Engine) => Promise<string | undefined>;

const withCore = (granted: Granted, check: (core: Core) => Promise<void>): Case =>
  async function run(engine) {
    const core = await openCore(engine, granted);
    await core.tester('ada');
    await core.tester('grace');
    try {
      await check(core);
      return core.keyText;
    } finally {
      await core.close();
    }
  };
const times = <T>(n: number, act: (i: number) => Promise<T>) =>
  Promise.all(Array.from({ length: n }, (_, i) => act(i)));
const passed = (codes: (string | null)[]) => codes.filter((code) => code === null).length;
/** One block of the index, and some that are in none. */
const ROWS = 4_100;
const named = (id: string) => ({ named: [{ id, param: 'id' }] });

export const CASES: Readonly<Record<string, Case>> = {
  ...SEAMS,

  'of 200 calls at once exactly as many pass as the limit has room for': withCore(
    { limits: { requestsPerDay: 30 } },
    async ({ refusal, rows }) => {
      const codes = await times(200, () => refusal('ada'));
      equal(passed(codes), 30);
      deepEqual(new Set(codes), new Set([null, 'rate_limited']));
      equal(rows().length, 200);
      equal(await refusal('grace'), null);
    },
  ),

  'values have names, written in either way, and one may stand in several places': withCore(
    {},
    async ({ db }) => {
      const of = { a: 1, b: 'x' };
      for (const text of ['select :a as n, :b as t, :a as again', 'select @a as n, @b as t, @a as again'])
        deepEqual(db.$client.prepare(text).get(of), { n: 1, t: 'x', again: 1 });
    },
  ),

  'a quota is exact under calls at once, and what was set aside and not used is free again': withCore(
    { quotas: { tokens: { total: 100 } } },
    async ({ admit, refusal, settle }) => {
      const units = { units: { tokens: 30 } };
      const permits = await times(10, () => admit('ada', units).catch(() => null));
      const held = permits.filter((permit) => permit !== null);
      equal(held.length, 3);
      equal(await refusal('ada', units), 'quota_exceeded');
      for (const permit of held) await settle(permit, { used: { tokens: 1 } });
      equal(await refusal('ada', units), null);
    },
  ),

  'slots are exact, and a settled call gives its own back': withCore(
    { limits: { concurrent: 2 } },
    async ({ admit, refusal, settle }) => {
      const [first] = [await admit('ada'), await admit('ada')];
      equal(await refusal('ada'), 'concurrency_limited');
      await settle(first);
      equal(await refusal('ada'), null);
    },
  ),

  'a refused call uses up nothing, and leaves one row': withCore(
    { limits: { requestsPerDay: 1 } },
    async ({ refusal, stop, release, rows }) => {
      await stop('tester:ada');
      for (let i = 0; i < 3; i++) equal(await refusal('ada'), 'access_suspended');
      await release('tester:ada');
      equal(await refusal('ada'), null);
      deepEqual(
        rows().map(({ decision }) => decision),
        ['refused', 'refused', 'refused', 'allowed'],
      );
    },
  ),

  'a stop revokes every permit in its scope and no other, and lets nobody in before its release': withCore(
    {},
    async ({ admit, refusal, stop, release }) => {
      const [ada, grace] = [await admit('ada'), await admit('grace')];
      const told: string[] = [];
      ada.onRevoked(({ scope }) => told.push(scope));
      ok(ada.begin());
      const { nodes, durable } = await stop('tester:ada');
      deepEqual(told, ['tester:ada']);
      ok(durable && ada.revoked && !grace.revoked);
      deepEqual(
        nodes.map(({ streamsCut, callsRefusedInFlight }) => [streamsCut, callsRefusedInFlight]),
        [[1, 0]],
      );
      deepEqual([await refusal('ada'), await refusal('grace')], ['access_suspended', null]);
      await release('tester:ada');
      equal(await refusal('ada'), null);
    },
  ),

  'a stop among many calls at once finds each that was let through before it': withCore(
    {},
    async ({ admit, stop }) => {
      const before = times(50, () => admit('ada').catch(() => null));
      const stopped = stop('global');
      const after = times(50, () => admit('ada').catch(() => null));
      const permits = await before;
      await stopped;
      ok(permits.every((permit) => permit === null || permit.revoked !== null));
      ok((await after).every((permit) => permit === null || permit.revoked !== null));
      ok(permits.some((permit) => permit !== null));
    },
  ),

  'whom a stop lets through may call, and nobody else': withCore({}, async ({ refusal, stop, readmit }) => {
    const { id } = await stop('global');
    await readmit(id ?? 0, ['tester:grace']);
    deepEqual([await refusal('ada'), await refusal('grace')], ['programme_stopped', null]);
  }),

  'a revocation kills what was issued before it, for good': withCore(
    {},
    async ({ refusal, stop, release }) => {
      await stop('tester:ada', { effect: 'revoke' });
      await release('tester:ada');
      equal(await refusal('ada'), 'token_revoked');
      equal(await refusal('grace'), null);
    },
  ),

  'a switch that is written past the warden holds from the next call on': withCore(
    {},
    async ({ db, refusal }) => {
      db.$client.prepare("insert into switches (scope) values ('global')").run();
      equal(await refusal('ada'), 'programme_stopped');
    },
  ),

  'what one tester made does not exist for another': withCore({}, async ({ admit, refusal, settle }) => {
    const made = { id: 'video_1', kind: 'videos', upstreamAt: 1, seconds: 4, isRunning: false };
    await settle(await admit('ada'), { made: [made] });
    deepEqual(
      [await refusal('ada', named('video_1')), await refusal('grace', named('video_1'))],
      [null, 'object_unknown'],
    );
    equal(await refusal('ada', named('video_2')), 'object_unknown');
    const other = await admit('grace');
    await rejects(other.claim([made]), { code: 'upstream_answer_refused' });
  }),

  'no such tester, no such token, no rules: refused, with a row': withCore(
    {},
    async ({ refusal, rows, tester }) => {
      await tester('eve', 'strangers');
      deepEqual([await refusal('nobody'), await refusal('eve')], ['tester_unknown', 'cohort_unknown']);
      equal(rows("decision = 'refused'").length, 2);
    },
  ),

  'a job that breaks a constraint is undone alone; the others of its transaction are committed': withCore(
    {},
    async ({ db, writer }) => {
      const add = (id: string) => () => {
        db.insert(objects).values({ id, tester: 'ada', kind: 'files', at: 1 }).run();
        if (id === 'odd') throw new Error('the job itself');
      };
      const jobs = ['a', 'a', 'odd', 'b'].map((id) => writer.write(add(id)));
      const told = await Promise.allSettled(jobs);
      deepEqual(
        told.map(({ status }) => status),
        ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
      );
      const [, , odd] = told;
      ok(odd?.status === 'rejected' && odd.reason.message === 'the job itself');
      const ids = db.select({ id: objects.id }).from(objects).orderBy(objects.id).all();
      deepEqual(ids, [{ id: 'a' }, { id: 'b' }]);
    },
  ),

  'after a restart what was open is settled as lost, and stops, limits and owners hold': async (engine) => {
    const limits = { limits: { requestsPerDay: 2 } };
    const first = await openCore(engine, limits);
    await first.tester('ada');
    await first.tester('grace');
    await first.admit('ada');
    equal(await first.refusal('ada'), null);
    await first.stop('tester:grace');
    await first.close();
    const second = await openCore(engine, limits);
    equal(await second.warden.settleLost(), 1);
    deepEqual(
      second.rows().map(({ outcome }) => outcome),
      ['lost', 'complete'],
    );
    deepEqual(
      [await second.refusal('ada'), await second.refusal('grace')],
      ['rate_limited', 'access_suspended'],
    );
    await second.close();
    return second.keyText;
  },

  'the index of the log finds what the rows say': withCore({}, async ({ db, writer }) => {
    const old = {
      cohort: 'artists',
      method: 'POST',
      path: '/v1/videos',
      decision: 'allowed',
      outcome: 'complete',
    } as const;
    const from = Date.UTC(2026, 0, 1);
    const insert = (i: number) => {
      const id = firstIdOf(from + i);
      const tester = i % 10 === 0 ? 'grace' : 'ada';
      db.insert(requests)
        .values({ ...old, id, at: from + i, tester })
        .run();
    };
    await writer.write(() => {
      for (let i = 0; i < ROWS; i++) insert(i);
    });
    const indexer = new Indexer({ db, reader: db, writer, now: () => from + 86_400_000, quietMs: 60_000 });
    equal(await indexer.run(), 1);
    const asked = { filters: { tester: 'grace' }, since: null, until: null };
    const found = new Finder(db).page(asked, ROWS, 'id');
    equal(found.length, Math.ceil(ROWS / 10));
    equal(found.at(-1)?.id, firstIdOf(from));
  }),

  [SIGNED]: withCore(
    { limits: { requestsPerDay: 400 } },
    async ({ admit, refusal, stop, release, sealer, warden }) => {
      await times(500, () => refusal('ada'));
      await admit('grace');
      await stop('global');
      await release('global');
      await warden.settleLost();
      await sealer.close();
    },
  ),
};
