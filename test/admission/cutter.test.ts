/** Thousands of engaged switches: each stream is held against those that name it, and no others. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cutter } from '../../src/admission/cutter.ts';
import { type Keeper, LivePermit, Permits } from '../../src/admission/permits.ts';
import type { Switch } from '../../src/admission/switches.ts';
import { type Connections, openDatabase } from '../../src/store/db.node.ts';
import { objects } from '../../src/store/schema.ts';

const dir = mkdtempSync(join(tmpdir(), 'portcullis-cutter-'));
let db: Connections;
beforeAll(() => {
  db = openDatabase(join(dir, 'x.sqlite'), 'process');
  db.writer.insert(objects).values({ id: 'video_1', tester: 'ada', kind: 'videos', model: 'sora-2' }).run();
});
afterAll(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

const ISSUED_AT = 1_000_000_000_000;

function live(permits: Permits, tester: string, cohort = 'artists', named: string[] = []): LivePermit {
  const bearer = { tester, cohort, jti: `jti-${tester}`, model: 'gpt-4o-mini' };
  const written = { rule: 'allow', bytesIn: 0, joined: 0, address: null, objects: named, mark: null };
  const grant = {
    ...{ bearer, issuedAt: ISSUED_AT, headers: [], charge: null },
    ...{ withholds: null, marks: false, stands: null, holder: tester },
  };
  const permit = new LivePermit(tester, grant, written, {} as Keeper);
  permit.streaming = true;
  permits.add(permit);
  return permit;
}
const engaged = (
  id: number,
  scope: string,
  more: Partial<Omit<Switch, 'id'>> = {},
): Switch & { readonly id: number } => ({
  ...{ id, scope, effect: 'stop', reason: null, engagedAt: ISSUED_AT + 1 },
  ...more,
});

test('a look costs as many comparisons as there are switches and streams, not one for each pair', () => {
  let reads = 0;
  const permits = new Permits();
  const streams = Array.from({ length: 1_000 }, (_, i) => live(permits, `t${i + 4_500}`));
  const switches = Array.from({ length: 5_000 }, (_, i) => ({
    ...engaged(i + 1, `tester:t${i}`),
    get scope() {
      reads++;
      return `tester:t${i}`;
    },
  }));
  const cuts = new Cutter(db.writer, permits).cutAll(switches);
  expect(streams.filter(({ revoked }) => revoked).map(({ id }) => id)).toEqual(
    streams.slice(0, 500).map(({ id }) => id),
  );
  expect([...cuts.values()]).toEqual(Array(500).fill({ callsRefusedInFlight: 0, streamsCut: 1 }));
  expect(reads).toBeLessThan(5 * (5_000 + 1_000));
});

test.each([
  ['global', true],
  ['cohort:artists', true],
  ['tester:ada', true],
  ['token:jti-ada', true],
  ['model:gpt-4o-mini', true],
  ['cohort:others', false],
  ['tester:ad', false],
  ['tester:artists', false],
  ['model:null', false],
])('%s cuts the stream: %s; one at a time and among all the same', (scope, cuts) => {
  for (const way of ['one', 'all'] as const) {
    const permits = new Permits();
    const permit = live(permits, 'ada');
    const cutter = new Cutter(db.writer, permits);
    if (way === 'one') cutter.cut(engaged(1, scope));
    else cutter.cutAll([engaged(1, scope), engaged(2, 'tester:eve')]);
    expect([way, permit.revoked !== null]).toEqual([way, cuts]);
  }
});

test('of several switches the first engaged one cuts, and whoever it lets through the next one cuts', () => {
  const permits = new Permits();
  const [ada, bob] = [live(permits, 'ada'), live(permits, 'bob')];
  const through = engaged(1, 'global', { readmits: new Set(['tester:ada']) });
  const cuts = new Cutter(db.writer, permits).cutAll([
    through,
    engaged(2, 'cohort:artists'),
    engaged(3, 'tester:bob'),
  ]);
  expect([ada.revoked?.rule, bob.revoked?.rule]).toEqual(['switch:2', 'switch:1']);
  expect([...cuts.keys()].sort()).toEqual([1, 2]);
});

test('a revocation takes tokens of before only, and lets nobody through', () => {
  const permits = new Permits();
  const permit = live(permits, 'ada');
  const cutter = new Cutter(db.writer, permits);
  const revoke = (engagedAt: number) =>
    engaged(1, 'global', { effect: 'revoke', engagedAt, readmits: new Set(['tester:ada']) });
  cutter.cutAll([revoke(ISSUED_AT - 1)]);
  expect(permit.revoked).toBeNull();
  cutter.cutAll([revoke(ISSUED_AT)]);
  expect(permit.revoked?.refusal.code).toBe('token_revoked');
});

test('what was made under a scope whose jobs are cancelled is cut too, where the stop says so', () => {
  for (const [cancels, cut] of [
    [1, true],
    [null, false],
  ] as const) {
    const permits = new Permits();
    const permit = live(permits, 'ada', 'artists', ['video_1']);
    new Cutter(db.writer, permits).cutAll([engaged(1, 'model:sora-2', { cancels })]);
    expect([cancels, permit.revoked !== null]).toEqual([cancels, cut]);
  }
});
