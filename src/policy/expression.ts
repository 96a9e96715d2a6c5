/** Compiles one expression (CEL), once: type-checked, its faults with their place and the name that was meant. Pure. */
import { ParseError } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import { type Context, LINEAR_MATCHES, NotKept, newEnvironment } from './environment.ts';
import { ALL_NAMES } from './names.ts';
import { didYouMean, nearest } from './suggest.ts';

/** `unknown`: it needs what the log does not hold. */
export type Said =
  | { readonly is: 'true' | 'false' }
  | { readonly is: 'error' | 'unknown'; readonly about: string };

export interface Expression {
  /** True when it reads what the tester used, which costs a look into the store. */
  readonly readsUsage: boolean;
  evaluate(context: Context): Said;
}

export interface ExpressionFault {
  /** Index into the text. */
  readonly at: number;
  readonly message: string;
}

interface Node {
  readonly op: string;
  args: unknown;
  readonly start: number;
  readonly end: number;
}

const TRUE: Said = { is: 'true' };
const FALSE: Said = { is: 'false' };
const environment = newEnvironment();

export function compile(text: string): Expression | ExpressionFault {
  try {
    const program = environment.parse(text);
    const ast = program.ast as unknown as Node;
    const nodes = [...nodesOf(ast)];
    const regexp = linear(nodes);
    if (regexp) return regexp;
    const { valid, type, error } = program.check();
    if (!valid) return faultOf(error, text);
    if (String(type) !== 'bool')
      return { at: 0, message: `gives ${String(type)}; a check is true or false, for example by "=="` };
    return {
      readsUsage: nodes.some(({ op, args }) => op === 'id' && args === 'usage'),
      evaluate: (context) => said(program as (context: object) => unknown, context),
    };
  } catch (fault) {
    return faultOf(fault, text);
  }
}

export function isFault(one: Expression | ExpressionFault): one is ExpressionFault {
  return 'message' in one;
}

/** Nothing but true is a yes. */
function said(program: (context: object) => unknown, context: Context): Said {
  try {
    const value = program(context);
    if (typeof value === 'boolean') return value ? TRUE : FALSE;
    return { is: 'error', about: 'it gave neither true nor false' };
  } catch (fault) {
    if (fault instanceof NotKept) return { is: 'unknown', about: fault.what };
    const message = fault instanceof Error ? (fault.message.split('\n', 1)[0] ?? '') : 'it failed';
    const missing = /^No such key: (\w+)$/.exec(message)?.[1];
    return { is: 'error', about: missing ? `"${missing}" could not be read` : message };
  }
}

function* nodesOf(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const one of value) yield* nodesOf(one);
  else if (typeof value === 'object' && value !== null && 'op' in value) {
    yield value as Node;
    yield* nodesOf((value as Node).args);
  }
}

/** Every pattern is known when the policy is loaded, and is matched in linear time. */
function linear(nodes: readonly Node[]): ExpressionFault | null {
  for (const node of nodes) {
    if (node.op !== 'rcall' || !Array.isArray(node.args)) continue;
    const [method, , [pattern]] = node.args as [string, Node, Node[]];
    if (method === LINEAR_MATCHES) return { at: node.start, message: 'write "matches"' };
    if (method !== 'matches') continue;
    if (pattern?.op !== 'value' || typeof pattern.args !== 'string')
      return {
        at: pattern?.start ?? node.start,
        message: 'write the pattern of "matches" as a text in quotes',
      };
    try {
      RE2JS.compile(pattern.args);
    } catch (fault) {
      const why = fault instanceof Error ? fault.message : 'it cannot be read';
      return { at: pattern.start, message: `the pattern is not RE2: ${why}` };
    }
    (node.args as unknown[])[0] = LINEAR_MATCHES;
  }
  return null;
}

function faultOf(fault: unknown, text: string): ExpressionFault {
  const error = fault as { summary?: string; message?: string; range?: { start: number; end: number } };
  const said = (error.summary ?? error.message ?? 'cannot be read').split('\n', 1)[0] ?? '';
  const { start, end } = error.range ?? { start: 0, end: 0 };
  const missing = /^(?:Unknown variable|No such key): (\w+)$/.exec(said)?.[1];
  if (missing !== undefined) {
    const written = `${ownerOf(text, start)}${missing}`;
    return { at: start, message: `there is no ${written}${didYouMean(meant(written))}` };
  }
  if (/^no such overload: double == |^no such overload: int == double/.test(said))
    return { at: start, message: `${said}; write both as numbers of one kind, for example 8.0` };
  const at = fault instanceof ParseError && start >= text.length ? text.length : start;
  return { at: end < start ? start : at, message: said };
}

/** What stands before a member, with its dot. */
function ownerOf(text: string, at: number): string {
  return /(?:[A-Za-z_]\w*\s*\.\s*)+$/.exec(text.slice(0, at))?.[0].replaceAll(/\s/g, '') ?? '';
}

function meant(written: string): string | null {
  const roots = [...new Set(ALL_NAMES.map((name) => name.split('.', 1)[0] ?? ''))];
  if (!written.includes('.')) return nearest(written, [...roots, ...ALL_NAMES]);
  return nearest(written, ALL_NAMES);
}
