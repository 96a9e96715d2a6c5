/** What one decision under a policy of ten rules costs: `npm run bench:policy`. */
import { cpus } from 'node:os';
import { askedOf } from '../src/admission/asked.ts';
import { OPERATIONS } from '../src/gateway/routes.ts';
import { judge } from '../src/policy/judge.ts';
import { readPolicy } from '../src/policy/policy.ts';

const WARM_UP = 200_000;
const ROUNDS = 9;
const DECISIONS = 200_000;

const CHECKS = [
  'request.seconds <= 10',
  'request.width <= 1280 && request.height <= 1280',
  'request.n == 1',
  'request.promptLength <= 2000',
  "!fold(request.prompt).contains('volcano')",
  '!["war", "gore", "likeness"].exists(word, request.prompt.contains(word))',
  "now - tester.joined > duration('24h')",
  'usage.today.videoSeconds + request.seconds <= 120',
  '!request.has_file || tester.cohort == "artists"',
  'client.address.startsWith("192.0.2.") || tester.terms >= 0',
];
const PATTERN = '!request.prompt.matches("(?i)\\\\b(war|gore|likeness)\\\\b")';

function measured(checks: readonly string[]): { median: number; least: number; most: number } {
  const rules = checks.map((check, i) => ({ name: `rule-${i}`, on: 'videos.create', check, message: 'No.' }));
  const allow = [{ operations: ['videos.*'], models: ['sora-*'] }];
  const text = JSON.stringify({
    cohorts: { artists: { allow, caps: { seconds: 12, size: '1920x1080' }, rules } },
  });
  const grant = readPolicy(text, OPERATIONS).cohort('artists');
  if (!grant) throw new Error('no cohort');
  const used = { videoSeconds: 12, images: 0, tokens: 0, bytes: 0 };
  const texts = Array.from({ length: 1_000 }, (_, i) => `A heron at dawn over a quiet lake, number ${i}`);
  const wordsOf = (i: number) => {
    const words = { text: texts[i % 1_000] ?? '', isWhole: true, hasFile: false };
    return () => words;
  };
  const asker = { id: 'ada', cohort: 'artists', terms: 3, joined: 1_750_000_000_000 };
  const usage = () => ({ today: used, total: used });
  const decide = (i: number) => {
    const call = {
      operation: 'videos.create',
      takesModel: true,
      model: 'sora-2',
      seconds: 8,
      size: '1280x720',
      n: 1,
      named: [],
      clip: 'new',
      socket: false,
      words: wordsOf(i),
    } as const;
    const at = 1_764_115_200_000 + i;
    return judge(grant, askedOf(call, { asker, source: null, address: '192.0.2.7', at, usage })).allow;
  };
  for (let i = 0; i < WARM_UP; i++) if (!decide(i)) throw new Error('refused');
  const rounds = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    for (let i = 0; i < DECISIONS; i++) decide(i);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / DECISIONS;
  }).sort((a, b) => a - b);
  return { median: rounds[ROUNDS >> 1] ?? 0, least: rounds[0] ?? 0, most: rounds.at(-1) ?? 0 };
}

console.log(`${cpus().length} cores, ${cpus()[0]?.model}, Node ${process.versions.node}`);
console.log(
  `Method: the judge over ${DECISIONS} different calls, ${ROUNDS} rounds after ${WARM_UP} to warm up; CPU (user and system) of the process.`,
);
for (const [name, checks] of [
  ['no rules', []],
  ['10 rules', CHECKS],
  ['10 rules, and one pattern (RE2)', [...CHECKS, PATTERN]],
] as const) {
  const { median, least, most } = measured(checks);
  console.log(
    `${name.padEnd(32)} ${median.toFixed(2)} µs a decision (least ${least.toFixed(2)}, most ${most.toFixed(2)})`,
  );
}
