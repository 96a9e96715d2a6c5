/** Step 4: may this cohort do this? Pure; anything that no line allows is refused by name, and every broken rule is named. */
import { type Asked, contextOf } from './environment.ts';
import { type CohortPolicy, type Line, matches, type Rule } from './policy.ts';

/** What one cohort may do. */
export type Programme = Pick<CohortPolicy, 'allow'> & Partial<Pick<CohortPolicy, 'caps' | 'rules'>>;

/** A rule that the call breaks, as testers are told. */
export interface Broken {
  readonly name: string;
  readonly message: string;
}

export type RuleCode = 'seconds_over_cap' | 'size_over_cap' | 'parameter_unreadable' | 'rule_broken';
type LineCode = 'operation_not_allowed' | 'model_not_allowed' | 'not_at_this_time';

interface Shadows {
  /** Rules in shadow that would have refused it. */
  readonly shadow: readonly string[];
  /** Rules that need what the log does not hold, and what that is. */
  readonly unknown: readonly { readonly rule: string; readonly needs: string }[];
}

export type Verdict = Shadows &
  (
    | { readonly allow: true; readonly by: string }
    | {
        readonly allow: false;
        readonly by: string;
        readonly code: LineCode | RuleCode;
        readonly message: string;
        readonly param?: string;
        readonly rules: readonly Broken[];
        /** What went wrong inside a rule, for operators. */
        readonly detail?: string;
      }
  );

const NOTHING: Shadows = { shadow: [], unknown: [] };

/**
 * Operations that make the same out of something that is there already: a rule on the first would be walked around through
 * them, so it holds for them too.
 */
export const KIN: Readonly<Record<string, string>> = {
  'videos.edit': 'videos.create',
  'videos.extend': 'videos.create',
  'videos.remix': 'videos.create',
  'images.edit': 'images.generate',
  'images.variation': 'images.generate',
};

export function judge(programme: Programme, asked: Asked): Verdict {
  const refused = noLine(programme.allow, asked);
  if (refused) return { ...NOTHING, allow: false, by: 'allow', rules: [], ...refused };
  const capped = overCaps(programme.caps ?? {}, asked);
  const rules = programme.rules ?? [];
  if (capped === null && rules.length === 0) return { ...NOTHING, allow: true, by: 'allow' };
  const { broken, shadow, unknown, detail } = judgeRules(rules, asked);
  const all = capped ? [{ name: capped.by, message: capped.message }, ...broken] : broken;
  const [first] = all;
  if (first === undefined) return { allow: true, by: 'allow', shadow, unknown };
  const { code, param, by } = capped ?? {
    code: 'rule_broken' as const,
    param: undefined,
    by: `rule:${first.name}`,
  };
  const message = all.map((one) => one.message).join(' ');
  const told = { ...(param && { param }), ...(detail && { detail }) };
  return { allow: false, by, code, message, rules: all, shadow, unknown, ...told };
}

interface Refused {
  readonly code: LineCode;
  readonly message: string;
  readonly param?: string;
}

function noLine(allow: readonly Line[], { operation, takesModel, model, at }: Asked): Refused | null {
  const lines = allow.filter((line) => line.operations.some((one) => matches(one, operation)));
  if (lines.length === 0) return { code: 'operation_not_allowed', message: `It is "${operation}".` };
  const named = takesModel ? lines.filter((line) => allowsModel(line.models ?? [], model)) : lines;
  if (named.length === 0)
    return {
      code: 'model_not_allowed',
      message: model === null ? 'Name a model in the request.' : `It is "${model}".`,
      param: 'model',
    };
  if (named.some(({ when }) => !when || when.includes(at))) return null;
  const windows = [...new Set(named.map(({ when }) => when?.text))].join('; or ');
  return { code: 'not_at_this_time', message: `It is allowed ${windows}.` };
}

/** A call that names no model takes upstream's default, which only a line for every model covers. */
function allowsModel(patterns: readonly string[], model: string | null): boolean {
  return patterns.some((pattern) => (model === null ? pattern === '*' : matches(pattern, model)));
}

/** True when a rule on these patterns is asked about this operation. */
export function concerns(patterns: readonly string[], operation: string): boolean {
  const kin = KIN[operation];
  return patterns.some((one) => matches(one, operation) || (kin !== undefined && matches(one, kin)));
}

/** What cannot be decided for sure binds: a rule is for whatever model, where the model is not known. */
function binds({ on, models, when }: Rule, { operation, model, at }: Asked): boolean {
  return (
    concerns(on, operation) &&
    (models === null || model === null || models.some((one) => matches(one, model))) &&
    (when === null || when.includes(at))
  );
}

/** An expression that fails denies. */
function judgeRules(rules: readonly Rule[], asked: Asked) {
  const broken: Broken[] = [];
  const shadow: string[] = [];
  const unknown: { rule: string; needs: string }[] = [];
  let detail = '';
  let context: ReturnType<typeof contextOf> | null = null;
  for (const rule of rules) {
    if (!binds(rule, asked)) continue;
    context ??= contextOf(asked);
    const said = rule.check.evaluate(context);
    if (said.is === 'true') continue;
    if (said.is === 'unknown') {
      // A rule in shadow decides nothing, so what it needs does not matter.
      if (rule.enforced) unknown.push({ rule: rule.name, needs: said.about });
      continue;
    }
    if (said.is === 'error') detail += `${detail && '; '}${rule.name}: ${said.about}`;
    if (!rule.enforced) shadow.push(rule.name);
    else
      broken.push({
        name: rule.name,
        message: said.is === 'error' ? unread(rule, said.about) : rule.message,
      });
  }
  return { broken, shadow, unknown, detail };
}

/** A tester can mend what the request does not say; anything else is for the operators. */
function unread({ message }: Rule, about: string): string {
  return /could not be read$/.test(about) ? `${message} (${about} from the request.)` : message;
}

interface Capped {
  readonly code: RuleCode;
  readonly by: string;
  readonly message: string;
  readonly param: string;
}

function overCaps(caps: NonNullable<Programme['caps']>, asked: Asked): Capped | null {
  if (caps.seconds !== undefined) {
    const { seconds } = asked;
    if (seconds === null)
      return {
        ...{ code: 'parameter_unreadable', by: 'caps.seconds', param: 'seconds' },
        message: 'How long the clip would be is not known.',
      };
    if (seconds > caps.seconds)
      return {
        ...{ code: 'seconds_over_cap', by: 'caps.seconds', param: 'seconds' },
        message: `${seconds} seconds were asked for; at most ${caps.seconds} are allowed.`,
      };
  }
  if (caps.size === undefined || !asked.operation.startsWith('videos.')) return null;
  return overSize(caps.size, asked.size);
}

function overSize(cap: string, size: string | null): Capped | null {
  if (size === null) return null;
  const asked = pixels(size);
  const most = pixels(cap);
  if (asked === null || most === null)
    return {
      ...{ code: 'parameter_unreadable', by: 'caps.size', param: 'size' },
      message: 'Write "size" as WIDTHxHEIGHT.',
    };
  if (asked.long <= most.long && asked.short <= most.short) return null;
  return {
    ...{ code: 'size_over_cap', by: 'caps.size', param: 'size' },
    message: `${size} was asked for; at most ${cap} is allowed.`,
  };
}

/** Long and short side, so that a cap on 1920x1080 allows 1080x1920 too. */
export function pixels(size: string): { long: number; short: number } | null {
  const match = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(size);
  if (!match) return null;
  const sides = [Number(match[1]), Number(match[2])];
  return { long: Math.max(...sides), short: Math.min(...sides) };
}
