/** JSON that every reader reads alike (RFC 8259 section 4 leaves repeated names to the reader's taste). */

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const MAX_DEPTH = 64;

/** Why a body cannot be judged. `ambiguous`: two readers could take two meanings from it. */
export class JsonFault extends Error {
  readonly ambiguous: boolean;
  constructor(message: string, ambiguous: boolean) {
    super(message);
    this.ambiguous = ambiguous;
  }
}

/** The members of a JSON object in UTF-8; a byte order mark is not allowed. @throws JsonFault */
export function parseObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const { text, value } = parse(bytes);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new JsonFault('not a JSON object', false);
  const doubt = ambiguity(text);
  if (doubt) throw new JsonFault(doubt, true);
  return value as Record<string, unknown>;
}

function parse(bytes: Uint8Array): { text: string; value: unknown } {
  try {
    const text = UTF8.decode(bytes);
    return { text, value: JSON.parse(text) };
  } catch (fault) {
    throw new JsonFault(fault instanceof Error ? fault.message.slice(0, 120) : 'not JSON', false);
  }
}

const QUOTE = 34;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const OPEN_ARRAY = 91;
const CLOSE_ARRAY = 93;

/**
 * What two readers could read in two ways: a name that stands twice in one object, or nesting that some give up on.
 * @param text valid JSON
 */
export function ambiguity(text: string): string | null {
  const open: Set<string>[] = [];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      if (open.length === MAX_DEPTH) return `nested deeper than ${MAX_DEPTH}`;
      open.push(new Set());
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) open.pop();
    else if (code === QUOTE) {
      const end = endOfString(text, i);
      if (isName(text, end)) {
        const name = unescaped(text.slice(i, end + 1));
        const names = open.at(-1);
        if (names?.has(name)) return `"${name.slice(0, 64)}" twice`;
        names?.add(name);
      }
      i = end;
    }
  }
  return null;
}

/** The index of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end > 0; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
  }
  return text.length;
}

/** In valid JSON only the name of a member has a colon behind it. */
function isName(text: string, end: number): boolean {
  let next = end + 1;
  while (text.charCodeAt(next) <= 32) next++;
  return text.charCodeAt(next) === COLON;
}

function unescaped(quoted: string): string {
  return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
}
