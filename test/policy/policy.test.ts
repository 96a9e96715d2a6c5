/** A policy is read as a whole or refused as a whole, and each fault says where it is and how to mend it. */
import { expect, test } from 'vitest';
import { OPERATIONS } from '../../src/gateway/routes.ts';
import { type Asked, fold } from '../../src/policy/environment.ts';
import { judge } from '../../src/policy/judge.ts';
import { ALL_NAMES } from '../../src/policy/names.ts';
import { type CohortPolicy, PolicyError, readPolicy } from '../../src/policy/policy.ts';
import { nearest } from '../../src/policy/suggest.ts';

function faults(text: string): string {
  try {
    readPolicy(text, OPERATIONS);
  } catch (fault) {
    if (fault instanceof PolicyError) return fault.message;
    throw fault;
  }
  return '';
}

const ALLOW = 'allow: [{ operations: ["*"], models: ["*"] }]';
/** With one rule, whose check stands in quotes as YAML has them. */
const rule = (check: string, more = '') => `cohorts:
  artists:
    ${ALLOW}
    rules:
      - name: it
        on: videos.*
        check: ${check}
        message: Not so.${more}
`;
function cohort(text: string, name = 'artists'): CohortPolicy {
  const found = readPolicy(text, OPERATIONS).cohort(name);
  if (!found) throw new Error(`no cohort ${name}`);
  return found;
}

const USED = { videoSeconds: 0, images: 0, tokens: 0, bytes: 0 };
const CALL: Asked = {
  ...{ operation: 'videos.create', takesModel: true, model: 'sora-2', seconds: 8, size: '1280x720', n: 1 },
  ...{ prompt: 'A heron at dawn', hasFile: false, references: 0, at: Date.parse('2026-11-25T12:00:00Z') },
  tester: { id: 'ada', cohort: 'artists', terms: 3, joined: Date.parse('2026-11-01T00:00:00Z') },
  usage: { today: { ...USED, videoSeconds: 20 }, total: { ...USED, videoSeconds: 200 } },
  address: '192.0.2.7',
};

/** What becomes of a call under one rule. */
function verdict(check: string, call: Partial<Asked> = {}) {
  const found = judge(cohort(rule(JSON.stringify(check))), { ...CALL, ...call });
  return found.allow ? 'allowed' : found.code;
}

test.each([
  [
    'a misspelt member',
    rule('request.secnds <= 10'),
    '7:24: rule it: there is no request.secnds; did you mean request.seconds?',
  ],
  [
    'a misspelt name',
    rule('"reqest.seconds <= 10"'),
    '7:17: rule it: there is no reqest; did you mean request?',
  ],
  [
    'a misspelt unit',
    rule('usage.today.videoSecs < 3.0'),
    '7:28: rule it: there is no usage.today.videoSecs; did you mean usage.today.videoSeconds?',
  ],
  [
    'one in the second line of a folded text',
    rule('>\n          request.n < 3 &&\n          request.widht < 3'),
    '9:19: rule it: there is no request.widht; did you mean request.width?',
  ],
  [
    'one behind escapes',
    rule('"request.model == \\"a\\" || request.modl == \\"b\\""'),
    '7:51: rule it: there is no request.modl; did you mean request.model?',
  ],
  [
    'types that do not go together',
    rule('request.model > 3'),
    '7:16: rule it: no such overload: string > int',
  ],
  [
    'what is neither true nor false',
    rule('request.n'),
    '7:16: rule it: gives int; a check is true or false, for example by "=="',
  ],
  ['what is no expression', rule('request.n <'), '7:27: rule it: Unexpected token: EOF'],
  [
    'a pattern that is not known',
    rule('request.prompt.matches(request.model)'),
    '7:39: rule it: write the pattern of "matches" as a text in quotes',
  ],
  [
    'a pattern that RE2 does not take',
    rule("request.prompt.matches('(?=a)')"),
    '7:39: rule it: the pattern is not RE2: error parsing regexp: invalid or unsupported Perl syntax: `(?=`',
  ],
  [
    'an operation that is none',
    rule('"true"').replace('videos.*', 'videos.creat'),
    '6:13: no operation is called "videos.creat"; did you mean videos.create?',
  ],
  [
    'a key that is none',
    rule('"true"', '\n        mod: shadow'),
    '9:9: cohorts.artists.rules.0: no such key "mod"; did you mean mode?',
  ],
  ['a key that stands twice', rule('"true"', '\n        check: true'), '9:9: Map keys must be unique'],
  [
    'a value that is none',
    rule('"true"', '\n        mode: shadwo'),
    '9:15: cohorts.artists.rules.0.mode: Invalid option: expected one of "enforce"|"shadow"',
  ],
  [
    'clips that are to be marked, and are given freely',
    'cohorts:\n  artists: { allow: [] }\n  partners:\n    allow: []\n    watermark: true\n',
    '5:16: clips are marked only where outputs are held; add "outputs: held" (or reviewed-before-download), or leave "watermark" out',
  ],
  [
    'a zone that is none',
    rule('"true"', '\n        when: { zone: Europe/Berln }'),
    '9:23: cohorts.artists.rules.0.when.zone: write a time zone as "Europe/Berlin" or "UTC"',
  ],
])('the fault is told with line, column and mend: %s', (_, text, told) => {
  expect(faults(text)).toBe(told);
});

test('every fault is told, not only the first', () => {
  const two = rule(
    'request.secnds <= 10',
    '\n      - { name: it, on: videos.create, check: request.x, message: No. }',
  );
  expect(faults(two).split('\n')).toEqual([
    expect.stringMatching(/^7:24: rule it: there is no request.secnds/),
    expect.stringMatching(/^9:\d+: "it" stands twice/),
    expect.stringMatching(/^9:\d+: rule it: there is no request.x/),
  ]);
});

test.each(['- 1', 'cohorts: 3', '&a [*a]', '%', 'terms: -1\ncohorts: {}'])(
  'no policy at all is refused: %s',
  (text) => expect(faults(text)).toMatch(/^\d+:\d+: /),
);

test('a bomb of aliases is refused, and quickly', () => {
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghi'
    .split('')
    .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`)
    .join('\n')}`;
  expect(faults(bomb)).not.toBe('');
});

test.each([
  ['request.seconds <= 10', 'allowed'],
  ['request.seconds <= 6', 'rule_broken'],
  ['request.seconds == 8', 'allowed'],
  ['request.seconds + 1 <= 9', 'allowed'],
  ['usage.today.videoSeconds + request.seconds <= 28', 'allowed'],
  ['usage.total.videoSeconds < 200', 'rule_broken'],
  ['request.width * request.height <= 1280 * 720', 'allowed'],
  ['tester.terms >= 3 && tester.cohort == "artists" && tester.id != "bob"', 'allowed'],
  ['now - tester.joined > duration("240h")', 'allowed'],
  ['now.getHours("Europe/Berlin") == 13', 'allowed'],
  ['client.address.startsWith("192.0.2.")', 'allowed'],
  ['!["volcano", "war"].exists(word, fold(request.prompt).contains(word))', 'allowed'],
  ['!request.prompt.matches("(?i)\\\\bHERON\\\\b")', 'rule_broken'],
  ['request.promptLength == 15 && !request.has_file && request.references == 0 && request.n == 1', 'allowed'],
])('%s: %s', (check, becomes) => expect(verdict(check)).toBe(becomes));

test.each<[string, string, Partial<Asked>]>([
  ['a length that is not known', 'request.seconds <= 10', { seconds: null }],
  ['a size that is not named', 'request.width <= 1280', { size: null }],
  ['a size that is no size', 'request.height <= 1280', { size: 'auto' }],
  ['a model that is not known', 'request.model == "sora-2"', { model: null }],
  ['words that were not read', '!request.prompt.contains("war")', { prompt: null }],
  ['how many words were not read', 'request.promptLength < 100', { prompt: null }],
  ['an address that is not known', 'client.address != "192.0.2.1"', { address: null }],
  ['a number that is not whole', 'request.n < 3', { n: 1.5 }],
  ['a division by zero', '10 / (request.n - 1) > 1', {}],
])('an expression that fails denies: %s', (_, check, call) => {
  expect(verdict(check, call)).toBe('rule_broken');
});

test('an expression may ask whether something can be read', () => {
  expect(verdict('!has(request.width) || request.width <= 1280', { size: null })).toBe('allowed');
});

test('a pattern of a rule cannot be held up by what a tester writes', () => {
  const evil = { prompt: `${'a'.repeat(20_000)}!` };
  // JavaScript's own would take longer than the universe is old.
  expect(verdict('!request.prompt.matches("(a+)+$")', evil)).toBe('allowed');
});

test.each([
  ['Ｖｏｌｃａｎｏ', 'volcano'],
  ['vol\u200bca\u00adno', 'volcano'],
  ['VOLCANO  \n eruption', 'volcano eruption'],
  ['volcan\u{e0041}o', 'volcano'],
])('what reads alike is folded alike: %j', (written, folded) => expect(fold(written)).toBe(folded));

test('usage is looked up only where a rule asks for it', () => {
  let looked = 0;
  const call = {
    ...CALL,
    get usage() {
      looked++;
      return CALL.usage;
    },
  };
  judge(cohort(rule('request.seconds <= 10')), call);
  expect(looked).toBe(0);
  judge(cohort(rule('usage.today.videoSeconds < 100')), call);
  expect(looked).toBe(1);
});

test('every broken rule is named, caps among them, and rules in shadow are only noted', () => {
  const text = `cohorts:
  artists:
    ${ALLOW}
    caps: { seconds: 5 }
    rules:
      - { name: short, on: videos.create, check: request.seconds <= 6, message: At most 6 seconds. }
      - { name: quiet, on: "*", check: "!request.prompt.contains('heron')", message: No herons. }
      - { name: later, on: "*", check: "false", message: Soon., mode: shadow }
      - { name: fine, on: "*", check: "true", message: Never. }
`;
  expect(judge(cohort(text), CALL)).toMatchObject({
    ...{ allow: false, code: 'seconds_over_cap', by: 'caps.seconds', shadow: ['later'] },
    rules: [{ name: 'caps.seconds' }, { name: 'short', message: 'At most 6 seconds.' }, { name: 'quiet' }],
  });
});

test('a rule on new clips holds for clips that are made out of others', () => {
  const text = rule('request.seconds <= 10').replace('videos.*', 'videos.create');
  for (const operation of ['videos.create', 'videos.remix', 'videos.edit', 'videos.extend'])
    expect(judge(cohort(text), { ...CALL, operation, seconds: 16 }).allow).toBe(false);
  expect(judge(cohort(text), { ...CALL, operation: 'videos.list', seconds: 0 }).allow).toBe(true);
});

test('a rule for some models is for a call whose model is not known too', () => {
  const text = rule('"false"', '\n        models: ["sora-*"]');
  expect(judge(cohort(text), { ...CALL, model: 'veo-3' }).allow).toBe(true);
  expect(judge(cohort(text), { ...CALL, model: 'sora-2-pro' }).allow).toBe(false);
  expect(judge(cohort(text), { ...CALL, model: null }).allow).toBe(false);
});

test.each([
  ['days: [wed], hours: "09:00-18:00", zone: Europe/Berlin', '2026-11-25T07:59:59Z', false],
  ['days: [wed], hours: "09:00-18:00", zone: Europe/Berlin', '2026-11-25T08:00:00Z', true],
  ['days: [wed], hours: "09:00-18:00", zone: Europe/Berlin', '2026-11-25T17:00:00Z', false],
  // Summer time: the same hours, an hour earlier.
  ['days: [wed], hours: "09:00-18:00", zone: Europe/Berlin', '2026-07-01T07:00:00Z', true],
  ['days: [tue], hours: "09:00-18:00"', '2026-11-25T12:00:00Z', false],
  ['days: [tue], hours: "22:00-06:00"', '2026-11-25T05:59:00Z', true],
  ['days: [wed], hours: "22:00-06:00"', '2026-11-25T05:59:00Z', false],
  ['hours: "18:00-24:00"', '2026-11-25T23:59:59Z', true],
  ['from: 2026-11-25, until: 2026-11-25', '2026-11-25T00:00:00Z', true],
  ['from: 2026-11-25, until: 2026-11-25', '2026-11-25T23:59:59Z', true],
  ['from: 2026-11-25, until: 2026-11-25', '2026-11-26T00:00:00Z', false],
])('a line that is good for a time is good then only: %s at %s', (when, at, good) => {
  const text = `cohorts:\n  artists:\n    allow: [{ operations: ["videos.*"], models: ["*"], when: { ${when} } }]\n`;
  const found = judge(cohort(text), { ...CALL, at: Date.parse(at) });
  expect(found.allow ? 'allowed' : found.code).toBe(good ? 'allowed' : 'not_at_this_time');
});

test('a cohort that is not named gets nothing, unless the policy says what all others get', () => {
  expect(readPolicy(rule('"true"'), OPERATIONS).cohort('others')).toBeNull();
  expect(readPolicy(`cohorts: { "*": { ${ALLOW} } }`, OPERATIONS).cohort('others')).not.toBeNull();
});

test('how outputs are given out, and which terms hold, is read', () => {
  const text = `terms: 3\ncohorts: { artists: { ${ALLOW}, outputs: reviewed-before-download } }`;
  expect(readPolicy(text, OPERATIONS).terms).toBe(3);
  expect(cohort(text).outputs).toBe('reviewed-before-download');
  expect(cohort(rule('"true"')).outputs).toBe('open');
});

test('nothing is suggested for what is like nothing', () => {
  expect(nearest('request.colour', ALL_NAMES)).toBeNull();
  expect(nearest('request.senocds', ALL_NAMES)).toBe('request.seconds');
});
