/** The gate reads finished clips for itself; a stop holds that as well. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PERMISSIVE, sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

let upstream: Upstream;
let gate: TestGate;
let cutByGate = 0;

beforeAll(async () => {
  // A clip that never ends.
  upstream = await startUpstream((_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'video/mp4', 'content-length': '1000000' });
    outgoing.write('begun');
    outgoing.on('close', () => cutByGate++);
  });
  gate = await startGate(upstream.url, `artists: { ${PERMISSIVE} }`, 'trace: { clips: true }');
  await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

/** As the answer of upstream that it was completed leaves it. */
const finished = (id: string) =>
  gate.sql(`insert into objects (id, tester, kind, model) values ('${id}', 'ada', 'videos', 'sora-2');
    insert into inspections (object, state, at) values ('${id}', 'waiting', 0)`);
async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(20);
}

test.each(['global', 'cohort:artists', 'tester:ada', 'model:sora-2'])(
  'while %s is stopped no clip is asked for, one that is being read is broken off, and it is read afterwards',
  async (scope) => {
    const [seen, cut] = [upstream.seen.length, cutByGate];
    await finished(`video_${scope.replace(':', '_')}`);
    await until(() => upstream.seen.length === seen + 1);
    await gate.admin('POST', 'switches', { scope, reason: 'a leak' });
    await until(() => cutByGate === cut + 1);
    await sleep(1_500);
    expect(upstream.seen.length).toBe(seen + 1);
    await gate.admin('POST', 'switches/release', { scope, reason: 'over' });
    await until(() => upstream.seen.length === seen + 2);
    await gate.sql('delete from inspections');
    await gate.admin('POST', 'switches', { scope, reason: 'so that the next begins with none' });
    await until(() => cutByGate === cut + 2);
    await gate.admin('POST', 'switches/release', { scope, reason: 'over' });
  },
);
