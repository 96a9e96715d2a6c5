/** A month of calls, and a stricter policy: its replay names exactly the calls and testers that would change, both ways. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReplayLine } from '../src/admin/client.ts';
import { run } from './cli/with-cli.ts';
import { startGate, type TestGate } from './with-gate.ts';
import { type PastCall, seed } from './with-month.ts';

const LONG_MS = 120_000;
const DAY_MS = 86_400_000;
const TESTERS = ['ada', 'bob', 'cleo', 'dora', 'eli', 'finn'] as const;
const LONG = { name: 'clip-length', on: 'videos.create', message: 'Shorter, please.' };
const WORDS = { name: 'no-volcanoes', on: 'videos.create', message: 'No volcanoes.' };
/** YAML reads JSON. */
const programme = (models: string, rules: readonly object[]) =>
  JSON.stringify({
    cohorts: {
      artists: { capture: 'prompt', allow: [{ operations: ['videos.*'], models: [models] }], rules },
    },
  });
const MONTHS = programme('sora-2', [{ ...LONG, check: 'request.seconds <= 16' }]);
const STRICTER = programme('sora-*', [
  { ...LONG, check: 'request.seconds <= 10' },
  { ...WORDS, check: '!fold(request.prompt).contains("volcano")' },
]);

/** What the n-th call of a tester asks for beyond a short clip of a heron, and what the stricter policy makes of it. */
function oddity(tester: string, n: number): { readonly asks?: Partial<PastCall>; readonly becomes?: string } {
  if (tester === 'bob' && n % 50 === 7) return { asks: { seconds: 12 }, becomes: 'refused' };
  if (tester === 'cleo' && n % 100 === 3) return { asks: { prompt: 'A Ｖolcano' }, becomes: 'refused' };
  if (tester === 'cleo' && n % 250 === 9)
    return { asks: { prompt: 'Volcanoes', seconds: 12 }, becomes: 'refused' };
  if (tester === 'dora' && n % 25 === 1) return { asks: { model: 'sora-2-pro' }, becomes: 'allowed' };
  // Refused then, and refused still.
  if (tester === 'eli' && n % 50 === 2) return { asks: { seconds: 20 } };
  if (tester === 'finn' && n % 125 === 5) return { asks: { model: 'sora-2-pro', seconds: 12 } };
  return {};
}

let gate: TestGate;
let dir: string;
const changes = new Map<string, string>();
const env = () => ({ PORTCULLIS_CONTROL_URL: gate.control, PORTCULLIS_DATA_DIR: gate.dir });

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-month-'));
  writeFileSync(join(dir, 'month.yaml'), MONTHS);
  writeFileSync(join(dir, 'stricter.yaml'), STRICTER);
  gate = await startGate('http://127.0.0.1:9', null, `policy: ${join(dir, 'month.yaml')}`);
  for (const tester of TESTERS) await gate.tester(tester);
  await gate.stop();
  const from = Date.now() - 29.5 * DAY_MS;
  const usual = { model: 'sora-2', seconds: 8, prompt: 'A heron at dawn' };
  const before = Array.from({ length: 200 }, (_, i) => ({
    ...{ ...usual, tester: 'bob', seconds: 12, at: from - 5 * DAY_MS + i * 60_000 },
  }));
  const month = Array.from({ length: 3_000 }, (_, i) => {
    const tester = TESTERS[i % TESTERS.length] ?? '';
    const { asks, becomes } = oddity(tester, Math.floor(i / TESTERS.length));
    return { call: { ...usual, tester, at: Math.floor(from + i * 0.0098 * DAY_MS), ...asks }, becomes };
  });
  const ids = await seed(gate.dir, [...before, ...month.map(({ call }) => call)]);
  for (const [i, { becomes }] of month.entries())
    if (becomes) changes.set(ids[before.length + i] ?? '', becomes);
  await gate.restart();
}, LONG_MS);
afterAll(async () => {
  await gate.close();
  rmSync(dir, { recursive: true });
});

test(
  'exactly the calls and testers are named that would change, both ways',
  async () => {
    const asked = ['policy', 'replay', join(dir, 'stricter.yaml'), '--since', '30d', '--json'];
    const { code, stdout, stderr } = await run(asked, env());
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ReplayLine);
    const named = lines.flatMap((line) =>
      'call' in line ? [[line.call.id, line.call.becomes] as const] : [],
    );
    expect(new Map(named)).toEqual(changes);
    expect(lines.at(-1)).toMatchObject({
      done: {
        ...{ calls: 3_000, unchanged: 2_963, otherwiseRefused: 0, notJudged: { calls: 0 } },
        newlyRefused: {
          calls: 17,
          testers: [
            { tester: 'bob', calls: 10 },
            { tester: 'cleo', calls: 7 },
          ],
          rules: [
            { rule: 'clip-length', calls: 12 },
            { rule: 'no-volcanoes', calls: 7 },
          ],
        },
        newlyAllowed: { calls: 20, testers: [{ tester: 'dora', calls: 20 }] },
      },
    });
  },
  LONG_MS,
);

test(
  'the log of that month holds, and the replay stands in it as an act',
  async () => {
    const { code, stderr } = await run(['log', 'verify'], env());
    expect([code, stderr]).toEqual([0, '']);
    const { acts } = (await gate.admin('GET', 'acts?limit=1')) as { acts: object[] };
    expect(acts).toMatchObject([{ act: 'policy.replay' }]);
  },
  LONG_MS,
);
