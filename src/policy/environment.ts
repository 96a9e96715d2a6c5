/** What expressions see: each name with its type and meaning, and the values behind them, read only when asked for. Pure. */
import { Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { NAMES, UNITS } from './names.ts';

/** Units by name, as quotas count them. */
export interface Used {
  readonly videoSeconds: number;
  readonly images: number;
  readonly tokens: number;
  readonly bytes: number;
}

/**
 * One call, as the judge sees it. Null stands for what could not be read: an expression that needs it fails, and so denies.
 * A member may throw `NotKept`, where a call is judged from the log.
 */
export interface Asked {
  readonly operation: string;
  /** True when an upstream is to choose a model for it, so that a line has to allow one. */
  readonly takesModel: boolean;
  readonly model: string | null;
  /** Of the clip that comes of it; 0 where none does. */
  readonly seconds: number | null;
  /** `WIDTHxHEIGHT`, or what upstream calls it. */
  readonly size: string | null;
  readonly n: number;
  /** Its words; '' where it has none. */
  readonly prompt: string | null;
  readonly hasFile: boolean;
  /** How many objects it names. */
  readonly references: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly tester: Person;
  /** Asked for only where a rule says `usage`. */
  readonly usage: { readonly today: Used; readonly total: Used };
  readonly address: string | null;
}

export interface Person {
  readonly id: string;
  readonly cohort: string;
  /** The version of the terms that was accepted last; 0: none. */
  readonly terms: number;
  /** Unix milliseconds. */
  readonly joined: number | null;
}

/** The log does not hold what an expression asks for. */
export class NotKept extends Error {
  readonly what: string;
  constructor(what: string) {
    super(`the log does not hold ${what}`);
    this.what = what;
  }
}

/** Undefined is "no such key" to CEL: an error where it is needed, false for `has(…)`. */
class Request {
  readonly #asked: Asked;
  constructor(asked: Asked) {
    this.#asked = asked;
  }
  get operation() {
    return this.#asked.operation;
  }
  get model() {
    return this.#asked.model ?? undefined;
  }
  get seconds() {
    return this.#asked.seconds ?? undefined;
  }
  get width() {
    return sideOf(this.#asked.size, 0);
  }
  get height() {
    return sideOf(this.#asked.size, 1);
  }
  get n() {
    return BigInt(this.#asked.n);
  }
  get prompt() {
    return this.#asked.prompt ?? undefined;
  }
  get promptLength() {
    const { prompt } = this.#asked;
    return prompt === null ? undefined : BigInt(lengthOf(prompt));
  }
  get has_file() {
    return this.#asked.hasFile;
  }
  get references() {
    return BigInt(this.#asked.references);
  }
}

class Tester {
  readonly #asked: Asked;
  constructor(asked: Asked) {
    this.#asked = asked;
  }
  get id() {
    return this.#asked.tester.id;
  }
  get cohort() {
    return this.#asked.tester.cohort;
  }
  get terms() {
    return BigInt(this.#asked.tester.terms);
  }
  get joined() {
    const { joined } = this.#asked.tester;
    return joined === null ? undefined : new Date(joined);
  }
}

class Units {
  readonly #used: Used;
  constructor(used: Used) {
    this.#used = used;
  }
  get videoSeconds() {
    return this.#used.videoSeconds;
  }
  get images() {
    return this.#used.images;
  }
  get tokens() {
    return this.#used.tokens;
  }
  get bytes() {
    return this.#used.bytes;
  }
}

class Usage {
  readonly #asked: Asked;
  constructor(asked: Asked) {
    this.#asked = asked;
  }
  get today() {
    return new Units(this.#asked.usage.today);
  }
  get total() {
    return new Units(this.#asked.usage.total);
  }
}

class Client {
  readonly #asked: Asked;
  constructor(asked: Asked) {
    this.#asked = asked;
  }
  get address() {
    return this.#asked.address ?? undefined;
  }
}

function sideOf(size: string | null, side: 0 | 1): bigint | undefined {
  const match = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(size ?? '');
  return match ? BigInt(match[side + 1] ?? 0) : undefined;
}

const ROOTS = { request: Request, tester: Tester, usage: Usage, client: Client } as const;

function fieldsOf(root: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(NAMES).flatMap(([name, [type]]) =>
      name.startsWith(`${root}.`) ? [[name.slice(root.length + 1), type]] : [],
    ),
  );
}

/** A policy is read by people: no expression needs more. */
const LIMITS = { maxAstNodes: 2_000, maxDepth: 60, maxListElements: 1_000, maxMapEntries: 100 };

/** `matches` under this name is linear in its text (RE2): the one of JavaScript can be held up by a prompt for ever. */
export const LINEAR_MATCHES = 'matchesLinearly';
const MOST_PATTERNS = 1_000;

export function newEnvironment(): Environment {
  const patterns = new Map<string, RE2JS>();
  const environment = new Environment({ limits: LIMITS })
    .registerType('Units', { ctor: Units, fields: Object.fromEntries(UNITS.map((unit) => [unit, 'double'])) })
    .registerFunction(`string.${LINEAR_MATCHES}(string): bool`, (text: string, pattern: string) => {
      const known = patterns.get(pattern) ?? RE2JS.compile(pattern);
      if (patterns.size < MOST_PATTERNS) patterns.set(pattern, known);
      return known.matcher(text).find();
    })
    .registerFunction('fold(string): string', fold)
    .registerVariable('now', 'google.protobuf.Timestamp');
  for (const [root, ctor] of Object.entries(ROOTS)) {
    const type = ctor.name;
    environment.registerType(type, { ctor, fields: fieldsOf(root) }).registerVariable(root, type);
  }
  // CEL has no sums of the two; people write `request.seconds == 8`, and mean it.
  for (const [operator, of] of Object.entries(ARITHMETIC)) {
    environment.registerOperator(`double ${operator} int`, (a: number, b: bigint) => of(a, Number(b)));
    environment.registerOperator(`int ${operator} double`, (a: bigint, b: number) => of(Number(a), b));
  }
  return environment.registerOperator('double == int', (a: number, b: bigint) => a === Number(b));
}

const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

/** What reads alike is written alike: compatibility forms, case, invisible characters and runs of space are gone. */
export function fold(text: string): string {
  if (PLAIN.test(text)) return text.toLowerCase();
  return text
    .normalize('NFKC')
    .replace(/\p{Default_Ignorable_Code_Point}|\p{Cf}/gu, '')
    .toLowerCase()
    .replace(/\s+/gu, ' ')
    .trim();
}

/** Words that are folded already, but for their case. */
const PLAIN = /^(?:[\x21-\x7e]+(?: [\x21-\x7e]+)*)?$/;
const SURROGATE = /[\ud800-\udfff]/;

/** In code points. */
function lengthOf(text: string): number {
  return SURROGATE.test(text) ? [...text].length : text.length;
}

export function contextOf(asked: Asked) {
  return {
    request: new Request(asked),
    tester: new Tester(asked),
    usage: new Usage(asked),
    client: new Client(asked),
    now: new Date(asked.at),
  };
}

export type Context = ReturnType<typeof contextOf>;
