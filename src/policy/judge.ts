/** Step 4: may this cohort do this? Pure; anything that no line allows is refused by name. */

/** What one cohort may do, as in the configuration. */
export interface Programme {
  readonly allow: readonly { readonly operations: readonly string[]; readonly models?: readonly string[] }[];
  readonly caps?: { readonly seconds?: number; readonly size?: string };
}

/** What the judge looks at. */
export interface Asked {
  readonly operation: string;
  readonly takesModel: boolean;
  readonly model: string | null;
  readonly seconds: number | null;
  readonly size: string | null;
}

export type Verdict =
  | { readonly allow: true; readonly by: string }
  | {
      readonly allow: false;
      readonly by: string;
      readonly code:
        | 'operation_not_allowed'
        | 'model_not_allowed'
        | 'seconds_over_cap'
        | 'size_over_cap'
        | 'parameter_unreadable';
      readonly message: string;
      readonly param?: string;
    };

export function judge(programme: Programme, asked: Asked): Verdict {
  const lines = programme.allow.filter((line) => line.operations.some((p) => matches(p, asked.operation)));
  if (lines.length === 0)
    return {
      allow: false,
      by: 'allow',
      code: 'operation_not_allowed',
      message: `It is "${asked.operation}".`,
    };
  if (asked.takesModel && !lines.some((line) => allowsModel(line.models ?? [], asked.model)))
    return {
      allow: false,
      by: 'allow',
      code: 'model_not_allowed',
      message: asked.model === null ? 'Name a model in the request.' : `It is "${asked.model}".`,
      param: 'model',
    };
  return overCaps(programme.caps ?? {}, asked) ?? { allow: true, by: 'allow' };
}

/** A call that names no model takes upstream's default, which only a line for every model covers. */
function allowsModel(patterns: readonly string[], model: string | null): boolean {
  return patterns.some((pattern) => (model === null ? pattern === '*' : matches(pattern, model)));
}

/** `*` stands for any run of characters at the end of a pattern. */
export function matches(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function overCaps(caps: NonNullable<Programme['caps']>, { seconds, size, operation }: Asked): Verdict | null {
  if (caps.seconds !== undefined && seconds !== null && seconds > caps.seconds)
    return {
      allow: false,
      by: 'caps.seconds',
      code: 'seconds_over_cap',
      message: `${seconds} seconds were asked for; at most ${caps.seconds} are allowed.`,
      param: 'seconds',
    };
  if (caps.size === undefined || size === null || !operation.startsWith('videos.')) return null;
  const asked = pixels(size);
  const most = pixels(caps.size);
  if (asked === null || most === null)
    return {
      allow: false,
      by: 'caps.size',
      code: 'parameter_unreadable',
      message: 'Write "size" as WIDTHxHEIGHT.',
      param: 'size',
    };
  if (asked.long <= most.long && asked.short <= most.short) return null;
  return {
    allow: false,
    by: 'caps.size',
    code: 'size_over_cap',
    message: `${size} was asked for; at most ${caps.size} is allowed.`,
    param: 'size',
  };
}

/** Long and short side, so that a cap on 1920x1080 allows 1080x1920 too. */
export function pixels(size: string): { long: number; short: number } | null {
  const match = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(size);
  if (!match) return null;
  const sides = [Number(match[1]), Number(match[2])];
  return { long: Math.max(...sides), short: Math.min(...sides) };
}
