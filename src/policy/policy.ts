/** Reads a policy: the text of its file becomes what the judge decides by, or a list of faults with their places. Pure. */
import type { z } from 'zod';
import { compile, type Expression, isFault } from './expression.ts';
import { type Fault, type Read, readYaml } from './places.ts';
import { CohortShape, Grant, Moderation, PolicyShape, RuleShape, When } from './schema.ts';
import { didYouMean, nearest } from './suggest.ts';
import { type Window, windowOf } from './when.ts';

export interface Rule {
  readonly name: string;
  readonly on: readonly string[];
  /** Null: whatever the model. */
  readonly models: readonly string[] | null;
  readonly when: Window | null;
  readonly message: string;
  /** False: in shadow, recorded and not enforced. */
  readonly enforced: boolean;
  readonly check: Expression;
}

export interface Line {
  readonly operations: readonly string[];
  readonly models?: readonly string[];
  readonly when?: Window | null;
}

type Shape = z.infer<typeof CohortShape>;

export interface CohortPolicy
  extends Pick<Shape, 'caps' | 'capture' | 'limits' | 'quotas' | 'sharedQuotas' | 'outputs' | 'watermark'> {
  readonly allow: readonly Line[];
  readonly rules: readonly Rule[];
  readonly moderation: {
    readonly on: readonly string[];
    readonly categories: readonly string[] | null;
  } | null;
}

export interface Policy {
  /** The version of the terms that testers have to have accepted; 0: none. */
  readonly terms: number;
  /** Names of cohorts; `*`: every other one. */
  readonly cohorts: readonly string[];
  /** Null where nothing is said of it, and so nothing is allowed. */
  cohort(name: string): CohortPolicy | null;
  /** True when some cohort has its calls moderated. */
  readonly moderates: boolean;
  /** True when some cohort's clips are marked. */
  readonly marks: boolean;
  /** True when some cohort has quotas of all its testers together. */
  readonly shares: boolean;
}

/** The policy cannot be used, and is refused as a whole. */
export class PolicyError extends Error {
  readonly faults: readonly Fault[];
  constructor(faults: readonly Fault[]) {
    super(faults.map(({ line, col, message }) => `${line}:${col}: ${message}`).join('\n'));
    this.faults = faults;
  }
}

/** @param operations all that there are: a pattern that fits none of them is a fault @throws PolicyError */
export function readPolicy(text: string, operations: readonly string[]): Policy {
  const read = readYaml(text);
  if (read.faults.length > 0) throw new PolicyError(read.faults);
  const parsed = PolicyShape.safeParse(read.value);
  if (!parsed.success)
    throw new PolicyError(parsed.error.issues.flatMap((issue) => shapeFaults(issue, read)));
  const faults: Fault[] = [];
  const cohorts = new Map(
    Object.entries(parsed.data.cohorts).map(([name, shape]) => [
      name,
      cohortOf(shape, { read, faults, operations, path: ['cohorts', name] }),
    ]),
  );
  if (faults.length > 0) throw new PolicyError(faults);
  return {
    terms: parsed.data.terms,
    cohorts: [...cohorts.keys()],
    cohort: (name) => cohorts.get(name) ?? cohorts.get('*') ?? null,
    moderates: [...cohorts.values()].some(({ moderation }) => moderation !== null),
    marks: [...cohorts.values()].some(({ watermark }) => watermark),
    shares: [...cohorts.values()].some(({ sharedQuotas }) => Object.keys(sharedQuotas).length > 0),
  };
}

interface Reading {
  readonly read: Read;
  readonly faults: Fault[];
  readonly operations: readonly string[];
  readonly path: readonly PropertyKey[];
}

function cohortOf({ allow, rules, moderation, ...shape }: Shape, reading: Reading): CohortPolicy {
  const { path } = reading;
  const names = new Set<string>();
  if (shape.watermark && shape.outputs === 'open') fault(at(reading, 'watermark'), WATERMARK_MEND);
  return {
    ...shape,
    allow: allow.map(({ operations, models, when }, i) => {
      for (const [j, one] of operations.entries())
        checkOperation(one, at(reading, 'allow', i, 'operations', j));
      return { operations, ...(models && { models }), when: when ? windowOf(when) : null };
    }),
    rules: rules.map((rule, i) => {
      if (names.has(rule.name))
        fault(at(reading, 'rules', i, 'name'), `"${rule.name}" stands twice; name each rule once`);
      names.add(rule.name);
      return ruleOf(rule, { ...reading, path: [...path, 'rules', i] });
    }),
    moderation: moderation
      ? {
          on: patternsOf(moderation.on, at(reading, 'moderation')),
          categories: moderation.categories ?? null,
        }
      : null,
  };
}

const WATERMARK_MEND =
  'clips are marked only where outputs are held; add "outputs: held" (or reviewed-before-download), or leave "watermark" out';

function ruleOf(shape: z.infer<typeof RuleShape>, reading: Reading): Rule {
  const { name, on, models = null, when, message, mode, check } = shape;
  const compiled = compile(check);
  if (isFault(compiled)) {
    const place = reading.read.placeWithin([...reading.path, 'check'], compiled.at);
    reading.faults.push({ ...place, message: `rule ${name}: ${compiled.message}` });
  }
  return {
    ...{ name, models, message },
    on: patternsOf(on, reading),
    when: when ? windowOf(when) : null,
    enforced: mode === 'enforce',
    check: isFault(compiled) ? NEVER : compiled,
  };
}

/** Stands where a fault was found; the policy is refused then. */
const NEVER: Expression = { readsUsage: false, evaluate: () => ({ is: 'false' }) };

function patternsOf(on: string | readonly string[], reading: Reading): readonly string[] {
  if (typeof on === 'string') {
    checkOperation(on, at(reading, 'on'));
    return [on];
  }
  for (const [i, one] of on.entries()) checkOperation(one, at(reading, 'on', i));
  return on;
}

/** A name that nothing has would be a rule that never binds. */
function checkOperation(pattern: string, reading: Reading): void {
  if (reading.operations.some((one) => matches(pattern, one))) return;
  const written = pattern.replace(/\.?\*$/, '');
  const meant = nearest(written, reading.operations);
  fault(reading, `no operation is called "${pattern}"${didYouMean(meant)}`);
}

/** `*` stands for any run of characters at the end of a pattern. */
export function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function at(reading: Reading, ...more: PropertyKey[]): Reading {
  return { ...reading, path: [...reading.path, ...more] };
}

function fault({ read, faults, path }: Reading, message: string): void {
  faults.push({ ...read.placeOf(path), message });
}

const KEYS: readonly string[] = [
  ...[PolicyShape, CohortShape, RuleShape, Moderation, When].flatMap((one) => Object.keys(one.shape)),
  ...Object.keys(Grant.shape.allow.element.shape),
];

function shapeFaults(issue: z.core.$ZodIssue, read: Read): Fault[] {
  const where = issue.path.map(String).join('.') || 'the policy';
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      ...read.placeOfKey([...issue.path, key]),
      message: `${where}: no such key "${key}"${didYouMean(nearest(key, KEYS))}`,
    }));
  return [{ ...read.placeOf(issue.path), message: `${where}: ${issue.message}` }];
}
