/** Example calls with what a policy should say of them: the tests that its people write. Pure. */
import { z } from 'zod';
import type { Asked, Used } from './environment.ts';
import { concerns, judge, KIN } from './judge.ts';
import { readYaml } from './places.ts';
import { type Policy, PolicyError } from './policy.ts';

const amount = z.number().nonnegative();
const Units = z.strictObject({
  videoSeconds: amount.default(0),
  images: amount.default(0),
  tokens: amount.default(0),
  bytes: amount.default(0),
});

const Case = z.strictObject({
  name: z.string().min(1),
  cohort: z.string().min(1),
  call: z.strictObject({
    operation: z.string().min(1),
    model: z.string().min(1).optional(),
    /** Null: it cannot be known. */
    seconds: amount.nullable().optional(),
    size: z.string().optional(),
    n: z.int().positive().default(1),
    /** Null: it could not be read. */
    prompt: z.string().nullable().default(''),
    has_file: z.boolean().default(false),
    references: z.int().nonnegative().default(0),
  }),
  tester: z
    .strictObject({
      id: z.string().default('ada'),
      terms: z.int().nonnegative().default(0),
      joined: z.iso.datetime({ offset: true }).default('2026-01-01T00:00:00Z'),
    })
    .prefault({}),
  usage: z.strictObject({ today: Units.prefault({}), total: Units.prefault({}) }).prefault({}),
  address: z.string().default('192.0.2.1'),
  at: z.iso.datetime({ offset: true }).default('2026-01-15T12:00:00Z'),
  expect: z.enum(['allowed', 'refused']),
  /** Exactly these: rules and caps by name, or the code of a refusal by no rule. */
  rules: z.array(z.string()).optional(),
  shadow: z.array(z.string()).optional(),
  /** Whether its words are moderated, once it is allowed. */
  moderated: z.boolean().optional(),
});
const Cases = z.strictObject({ cases: z.array(Case).min(1) });

export type Case = z.infer<typeof Case>;

/** @throws PolicyError with the faults of the cases */
export function readCases(text: string): Case[] {
  const read = readYaml(text);
  if (read.faults.length > 0) throw new PolicyError(read.faults);
  const parsed = Cases.safeParse(read.value);
  if (parsed.success) return parsed.data.cases;
  throw new PolicyError(
    parsed.error.issues.map(({ path, message }) => ({
      ...read.placeOf(path),
      message: `${path.join('.')}: ${message}`,
    })),
  );
}

export interface Outcome {
  readonly name: string;
  /** Null: as expected. */
  readonly wrong: string | null;
}

/** @param takesModel whether an operation takes a model */
export function runCase(policy: Policy, one: Case, takesModel: (operation: string) => boolean): Outcome {
  const { name, expect } = one;
  const grant = policy.cohort(one.cohort);
  const verdict = grant && judge(grant, askedIn(one, takesModel));
  const allowed = verdict?.allow === true;
  const rules = rulesOf(verdict);
  const wrong = [
    expect === (allowed ? 'allowed' : 'refused')
      ? null
      : allowed
        ? 'it is allowed'
        : `refused by ${rules.join(', ')}`,
    differs('by', rules, one.rules),
    differs('in shadow', verdict?.shadow ?? [], one.shadow),
    one.moderated === undefined || one.moderated === isModerated(grant, one.call.operation)
      ? null
      : `it is ${one.moderated ? 'not ' : ''}moderated`,
  ];
  return { name, wrong: wrong.filter((text) => text !== null).join('; ') || null };
}

function rulesOf(verdict: ReturnType<typeof judge> | null): readonly string[] {
  if (!verdict) return ['cohort_unknown'];
  if (verdict.allow) return [];
  return verdict.rules.length > 0 ? verdict.rules.map((rule) => rule.name) : [verdict.code];
}

function isModerated(grant: ReturnType<Policy['cohort']>, operation: string): boolean {
  return grant?.moderation != null && concerns(grant.moderation.on, operation);
}

function differs(
  what: string,
  found: readonly string[],
  expected: readonly string[] | undefined,
): string | null {
  if (expected === undefined || [...found].sort().join() === [...expected].sort().join()) return null;
  return `${what} ${found.join(', ') || 'none'}, and not ${expected.join(', ') || 'none'}`;
}

function askedIn(
  { cohort, call, tester, usage, address, at }: Case,
  takesModel: (operation: string) => boolean,
): Asked {
  const { operation, model = null, seconds, size = null, n, prompt, has_file, references } = call;
  return {
    ...{ operation, model, size, n, prompt, references, address },
    takesModel: takesModel(operation) || model !== null,
    seconds: seconds === undefined ? usualSeconds(operation) : seconds,
    hasFile: has_file,
    at: Date.parse(at),
    tester: { id: tester.id, cohort, terms: tester.terms, joined: Date.parse(tester.joined) },
    usage: usage as { today: Used; total: Used },
  };
}

/** What a call that names no length makes; of a clip that is made out of another one that cannot be said here. */
function usualSeconds(operation: string): number | null {
  if (operation === 'videos.create') return 4;
  return KIN[operation] === 'videos.create' ? null : 0;
}
