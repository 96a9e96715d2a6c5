/** Which jobs a stop cancels that became known only behind it, where rows come in behind the fact. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Canceller } from '../../src/admission/cancellations.ts';
import type { Upstream } from '../../src/deps.ts';
import { type Connections, openDatabase } from '../../src/store/db.node.ts';
import { cancellations, objects, readmissions, requests, switches } from '../../src/store/schema.ts';
import { Writer } from '../../src/store/writer.ts';

const STOPPED_AT = 1_000_000_000_000;
const LATE_MS = 5_000;
/** Index of the stop's entry; of what is written before it and behind it. */
const [BEFORE, STOP, BEHIND] = [10, 20, 30];
const UPSTREAM = { send: () => ({ abort: () => {}, resume: () => {} }) } as unknown as Upstream;

let dir: string;
let db: Connections;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-cancel-'));
  db = openDatabase(join(dir, 'x.sqlite'), 'process');
});
afterEach(() => {
  db.close();
  rmSync(dir, { recursive: true, force: true });
});

function stop(scope: string): void {
  db.writer.insert(switches).values({ scope, engagedAt: STOPPED_AT, cancels: 1, leaf: STOP }).run();
}

/** A running job of a call that was let through `ms` after the stop (before it, when negative). */
function job(id: string, ms: number, leaf: number, tester = 'ada'): void {
  const call = {
    tester,
    cohort: 'artists',
    method: 'POST',
    path: '/v1/videos',
    decision: 'allowed',
  } as const;
  db.writer
    .insert(requests)
    .values({ id, at: STOPPED_AT + ms, leaf, ...call })
    .run();
  db.writer
    .insert(objects)
    .values({ id: `video_${id}`, tester, kind: 'videos', request: id, pending: '{}' })
    .run();
}

async function cancelled(lateMs: number): Promise<string[]> {
  const writer = new Writer(
    {
      run: async (work, committed) => {
        await work();
        committed();
      },
      isJobFault: () => false,
    },
    (flush) => void setImmediate(flush),
  );
  const faults: unknown[] = [];
  const failed = (fault: unknown) => void faults.push(fault);
  const canceller = new Canceller({
    ...{ db: db.writer, writer, upstream: UPSTREAM, now: Date.now, lateMs, failed },
  });
  await canceller.look();
  canceller.close();
  await writer.drain();
  expect(faults).toEqual([]);
  const rows = db.writer.select().from(cancellations).orderBy(cancellations.object).all();
  return rows.map(({ object }) => object);
}

test('where rows are written in their order, that order decides, and no clock', async () => {
  stop('global');
  job('before', 1, BEFORE);
  job('behind', -1, BEHIND);
  expect(await cancelled(0)).toEqual(['video_before']);
});

test('where they come in later, so do calls from before the stop was heard everywhere', async () => {
  stop('cohort:artists');
  job('before', -60_000, BEHIND);
  job('unheard', LATE_MS - 1, BEHIND);
  job('later', LATE_MS, BEHIND);
  expect(await cancelled(LATE_MS)).toEqual(['video_before', 'video_unheard']);
});

test.each(['tester:ada', 'cohort:artists'])(
  'a call of whoever had been let back in (%s) goes on; one from before that does not',
  async (scope) => {
    stop('global');
    db.writer
      .insert(readmissions)
      .values({ switch: 1, scope, at: STOPPED_AT + 1_000 })
      .run();
    db.writer.insert(readmissions).values({ switch: 2, scope: 'tester:bob', at: STOPPED_AT }).run();
    job('before', 999, BEHIND);
    job('back', 1_001, BEHIND);
    job('bob', 1_001, BEHIND, 'bob');
    expect(await cancelled(LATE_MS)).toEqual(
      scope === 'tester:ada' ? ['video_before', 'video_bob'] : ['video_before'],
    );
  },
);
