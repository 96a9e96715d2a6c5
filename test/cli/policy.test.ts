/** `portcullis policy`: the examples hold, faults have their places, and a replay tells what would change and touches nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ReplayLine } from '../../src/admin/client.ts';
import { DRILL } from '../../src/gateway/drill.ts';
import { policies, requests } from '../../src/store/schema.ts';
import { logCall } from '../admin/with-admin.ts';
import { artists, rule } from '../with-policy.ts';
import { type Gate, run, startGate } from './with-cli.ts';

let dir: string;
let gate: Gate;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-policy-cli-'));
  gate = await startGate();
});
afterAll(() => {
  gate.close();
  rmSync(dir, { recursive: true });
});
beforeEach(() => void gate.db.writer.delete(requests).run());
const write = (name: string, text: string) => {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
};
const TEN = artists(rule('clip-length', 'videos.create', 'request.seconds <= 10'));

test.each(['artists', 'red-team', 'partners'])(
  'every case of the example %s comes out as it says',
  async (name) => {
    const { code, stdout } = await run(['policy', 'test', `examples/${name}.yaml`], {});
    expect([code, stdout.match(/^FAILED.*$/gm)]).toEqual([0, null]);
    expect(stdout.match(/^ok/gm)?.length).toBeGreaterThan(5);
  },
);

test('a case that comes out otherwise is told, with what it is', async () => {
  const file = write('wrong.yaml', TEN);
  write(
    'wrong.cases.yaml',
    `cases:
  - { name: long, cohort: artists, call: { operation: videos.create, model: m, seconds: 12 }, expect: allowed }
  - { name: short, cohort: artists, call: { operation: videos.create, model: m }, expect: refused }
  - { name: other, cohort: artists, call: { operation: videos.create, model: m, seconds: 12 }, expect: refused, rules: [x] }
`,
  );
  const { code, stdout, stderr } = await run(['policy', 'test', file], {});
  expect(stdout).toBe(
    'FAILED  long: refused by clip-length\nFAILED  short: it is allowed\nFAILED  other: by clip-length, and not x\n',
  );
  expect([code, stderr]).toEqual([1, 'portcullis: 3 of 3 cases came out otherwise.\n']);
});

test('faults stand as file, line, column and message, and the code is 2, without any server', async () => {
  const file = write('faulty.yaml', TEN.replace('request.seconds', 'request.secnds'));
  const { code, stdout, stderr } = await run(['policy', 'check', file], {});
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(
    /faulty\.yaml:5:\d+: rule clip-length: there is no request.secnds; did you mean request.seconds\?\n$/,
  );
  expect(stderr.split('\n')).toHaveLength(2);
  const json = await run(['policy', 'check', file, '--json'], {});
  expect([json.code, JSON.parse(json.stdout).faults[0].line]).toEqual([2, 5]);
  expect((await run(['policy', 'check', write('fine.yaml', TEN)], {})).code).toBe(0);
  expect((await run(['policy', 'check', join(dir, 'none.yaml')], {})).code).toBe(2);
});

test('a policy is loaded, shown, and listed', async () => {
  const file = write('ten.yaml', TEN);
  expect((await gate.run('policy', 'load', file, '--dry-run')).stdout).toContain('nothing was changed');
  expect((await gate.run('policy', 'show')).code).toBe(1);
  expect((await gate.run('policy', 'load', file, '--reason', 'from Monday on')).stdout).toContain(
    'LOADED  version 1',
  );
  expect((await gate.run('policy', 'load', file)).stdout).toContain('in force already');
  expect((await gate.run('policy', 'show')).stdout.trim()).toBe(TEN.trim());
  expect(await gate.json('policy', 'show', '--versions')).toMatchObject([{ version: 1, source: 'api' }]);
  expect((await gate.run('policy', 'show', '--version', '1', '--diff')).stdout).toContain('+++ proposed');
  expect((await gate.run('policy', 'load', write('bad.yaml', 'cohorts: 3'))).code).toBe(2);
  const asking = write('asking.yaml', `terms: 3\n${TEN}`);
  expect((await gate.run('policy', 'load', asking, '--dry-run')).stdout).toContain(
    'Nobody is let in under it: terms 3 are not published yet.',
  );
  expect(gate.acts().filter(({ act }) => act === 'policy.load')).toMatchObject([
    { reason: 'from Monday on' },
  ]);
});

const DAY_MS = 86_400_000;
const call = (row: Parameters<typeof logCall>[1], ago = 1) =>
  logCall(gate.db.writer, { cohort: 'artists', model: 'sora-2', at: Date.now() - ago * DAY_MS, ...row });
const broken = { decision: 'refused', outcome: 'rule_broken', rule: 'rule:old', status: 403 } as const;

async function replayed(policy: string, ...more: string[]) {
  const { code, stdout, stderr } = await gate.run(
    'policy',
    'replay',
    write('proposed.yaml', policy),
    '--json',
    ...more,
  );
  expect([code, stderr]).toEqual([0, '']);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ReplayLine);
  const calls = lines.flatMap((line) => ('call' in line ? [line.call] : []));
  const last = lines.at(-1);
  if (!last || !('done' in last)) throw new Error('not done');
  return { calls, done: last.done };
}

test('a replay tells which calls and testers would change, both ways, over many pages', async () => {
  for (let i = 0; i < 2_300; i++) call({ tester: 'ada', seconds: i % 23 === 0 ? 12 : 8 });
  const long = call({ tester: 'bob', seconds: 20 });
  const freed = call({ tester: 'bob', seconds: 8, ...broken });
  call({ tester: 'bob', seconds: 12, ...broken });
  call({ tester: 'carl', seconds: 12, decision: 'refused', outcome: 'rate_limited', rule: 'limit:minute' });
  call({ tester: 'carl', seconds: 12 }, 40);
  // A drill of the gate's own is no call of the programme.
  call({ tester: DRILL, cohort: DRILL, operation: 'chat.completions.create', model: DRILL });
  const { calls, done } = await replayed(TEN, '--since', '30d');
  expect(done).toMatchObject({
    ...{ calls: 2_304, unchanged: 2_201, otherwiseRefused: 1 },
    newlyRefused: {
      calls: 101,
      testers: [
        { tester: 'ada', calls: 100 },
        { tester: 'bob', calls: 1 },
      ],
      rules: [{ rule: 'clip-length', calls: 101 }],
    },
    newlyAllowed: {
      calls: 1,
      testers: [{ tester: 'bob', calls: 1 }],
      rules: [{ rule: 'rule:old', calls: 1 }],
    },
    notJudged: { calls: 0 },
  });
  expect(calls).toHaveLength(102);
  expect(calls.find(({ id }) => id === long)).toMatchObject({
    tester: 'bob',
    was: 'allowed',
    becomes: 'refused',
  });
  expect(calls.find(({ id }) => id === freed)).toMatchObject({ was: 'refused', becomes: 'allowed' });
});

test.each([
  ["!request.prompt.contains('x')", 'the words of the call (`capture: prompt` keeps them)'],
  ['!request.has_file', 'whether the call brought a file'],
  ['usage.today.videoSeconds < 100', 'what the tester had used by then'],
  ['tester.terms >= 3', 'which terms the tester had accepted by then'],
  ["tester.joined < timestamp('2026-01-01T00:00:00Z')", 'when the tester was added'],
])('what the log does not hold is not guessed: %s', async (check, needs) => {
  call({ tester: 'nobody', seconds: 8 });
  const { calls, done } = await replayed(artists(rule('it', '*', check)));
  expect([calls, done.unchanged]).toEqual([[], 0]);
  expect(done.notJudged).toMatchObject({ calls: 1, rules: [{ rule: `it: ${needs}`, calls: 1 }] });
});

test('where another rule decides, what the log does not hold does not matter', async () => {
  call({ tester: 'ada', seconds: 12 });
  const both = artists(
    rule('words', '*', "!request.prompt.contains('x')") + rule('short', '*', 'request.seconds <= 10'),
  );
  expect((await replayed(both)).done).toMatchObject({ newlyRefused: { calls: 1 }, notJudged: { calls: 0 } });
  const either = artists(rule('one', '*', "request.seconds > 10 || request.prompt.contains('x')"));
  expect((await replayed(either)).done).toMatchObject({ unchanged: 1, notJudged: { calls: 0 } });
  const shadow = artists(rule('words', '*', "!request.prompt.contains('x')", 'shadow'));
  expect((await replayed(shadow)).done).toMatchObject({ unchanged: 1, notJudged: { calls: 0 } });
});

test('a clip that was made out of another one is judged by that, and a rule in shadow is counted', async () => {
  gate.db.writer.$client.exec(
    "insert into objects (id, tester, kind, seconds) values ('video_a', 'ada', 'videos', 12)",
  );
  call({ tester: 'ada', operation: 'videos.remix', objects: '["video_a"]' });
  call({ tester: 'ada', operation: 'videos.extend', seconds: 4, objects: '["video_b"]' });
  const rules =
    rule('length', 'videos.create', 'request.seconds <= 10') + rule('soon', '*', 'false', 'shadow');
  const { done } = await replayed(artists(rules));
  // Of a source that is not known nothing is known: that is refused, as it is at the gate.
  expect(done).toMatchObject({ newlyRefused: { calls: 2 }, shadow: [{ rule: 'soon', calls: 2 }] });
});

test('a replay is written down and touches nothing; people get counts and a few of the calls', async () => {
  call({ tester: 'ada', seconds: 12 });
  const before = [gate.db.reader.select().from(requests).all(), gate.db.reader.select().from(policies).all()];
  const { stdout } = await gate.run('policy', 'replay', write('ten.yaml', TEN), '--since', '7d');
  expect(stdout).toMatch(/newly refused {2}1 call of 1 tester\n.*by .* 1 {2}clip-length\n/);
  expect(stdout).toMatch(/ada {2}videos.create {2}→ refused {2}clip-length/);
  expect(stdout).toContain('Not replayed: limits, quotas, terms');
  expect([
    gate.db.reader.select().from(requests).all(),
    gate.db.reader.select().from(policies).all(),
  ]).toEqual(before);
  expect(gate.acts().at(-1)).toMatchObject({
    act: 'policy.replay',
    subject: expect.stringMatching(/^since=20/),
  });
});
