/** A YAML text and where in it everything stands, so that each fault has its line and column. Pure. */
import { isMap, isScalar, LineCounter, type ParsedNode, parseDocument, type Scalar } from 'yaml';

export interface Place {
  /** Both count from 1. */
  readonly line: number;
  readonly col: number;
}

export interface Fault extends Place {
  /** Says what is wrong, and the mend. */
  readonly message: string;
}

export interface Read {
  readonly value: unknown;
  readonly faults: readonly Fault[];
  /** Of the value at this path, or of what holds it. */
  placeOf(path: readonly PropertyKey[]): Place;
  /** Of the key itself, for a key that should not be there. */
  placeOfKey(path: readonly PropertyKey[]): Place;
  /** Of one character of the text at this path, however YAML quotes and folds it. */
  placeWithin(path: readonly PropertyKey[], index: number): Place;
}

/** Aliases let few bytes stand for many; nobody needs so many in a policy. */
const MOST_ALIASES = 20;

export function readYaml(text: string): Read {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const place = (offset: number): Place => lines.linePos(offset);
  const faults = document.errors.map(({ message, pos }) => ({
    ...place(pos[0]),
    message: (message.split('\n', 1)[0] ?? 'not YAML').replace(/ at line \d+, column \d+:?$/, ''),
  }));
  const nodeAt = (path: readonly PropertyKey[]) => document.getIn(path, true) as ParsedNode | undefined;
  const placeOf = (path: readonly PropertyKey[]): Place => {
    for (let depth = path.length; depth > 0; depth--) {
      const start = nodeAt(path.slice(0, depth))?.range?.[0];
      if (start !== undefined) return place(start);
    }
    return { line: 1, col: 1 };
  };
  return {
    value: faults.length > 0 ? null : plainOf(document),
    faults,
    placeOf,
    placeOfKey(path) {
      const holder = path.length === 1 ? document.contents : nodeAt(path.slice(0, -1));
      const key = isMap(holder)
        ? holder.items.find((pair) => isScalar(pair.key) && pair.key.value === path.at(-1))?.key
        : null;
      const start = (key as Scalar | null | undefined)?.range?.[0];
      return start === undefined ? placeOf(path) : place(start);
    },
    placeWithin(path, index) {
      const node = nodeAt(path);
      if (!isScalar(node) || typeof node.value !== 'string' || !node.range) return placeOf(path);
      return place(offsetIn(text, node.range[0], node.value, index));
    },
  };
}

function plainOf(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES }) ?? {};
  } catch {
    // Nothing has this shape: the fault is named where the whole file is.
    return null;
  }
}

/** Walks the source and what YAML made of it side by side: quotes, escapes and indents stand in one of them only. */
function offsetIn(source: string, start: number, value: string, index: number): number {
  const isBlock = /[|>]/.test(source[start] ?? '');
  let at = isBlock ? source.indexOf('\n', start) + 1 : start;
  for (let i = 0; i <= index && i <= value.length; i++) {
    const char = value[i];
    if (char === undefined) break;
    if (/\s/.test(char)) {
      if (i === index) break;
      while (/\s/.test(source[at] ?? '') && at < source.length) at++;
      while (/\s/.test(value[i + 1] ?? '') && i + 1 < index) i++;
      continue;
    }
    const found = source.indexOf(char, at);
    if (found < 0) break;
    at = found + (i < index ? 1 : 0);
  }
  return at;
}
