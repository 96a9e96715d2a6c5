/** The codes that are burnt into clips: one for each download, and whose it is. */
import type { Sha256 } from '../log/merkle.ts';
import { Refusal } from '../refusal.ts';
import type { Db } from '../store/db.node.ts';
import { type AskedOutput, outletOf } from './holding.ts';

/** No two of them look alike in small letters: of those that do, one is taken. */
const ALPHABET = 'ABCDEFHJKMNPRSTUWXYZ3479';
/** What they are taken for. */
const READ_AS: Readonly<Record<string, string>> = {
  8: 'B',
  G: 'C',
  6: 'C',
  O: 'D',
  0: 'D',
  Q: 'D',
  5: 'S',
  V: 'U',
  2: 'Z',
};
export const CODE_CHARS = 8;
/** The largest multiple of its length in a byte: behind it some characters would come up more often. */
const FAIR = 256 - (256 % ALPHABET.length);
const LEAST_CHARS = 3;
const MOST_FOUND = 50;

/** A download that was marked. */
export interface Mark {
  readonly code: string;
  /** The call, in the request log. */
  readonly request: string;
  /** Whose the clip was then. */
  readonly tester: string;
  readonly object: string;
  /** Unix milliseconds. */
  readonly at: number;
}

/**
 * It follows from the call's id, which stands in the log's tree: a code that somebody moved to another call is no longer
 * the one that its id gives. @param nth beyond 0 where an older call has that code
 */
export function codeOf(request: string, nth: number, sha256: Sha256): string {
  const bytes = sha256(new TextEncoder().encode(`portcullis mark ${nth} ${request}`));
  return [...bytes]
    .filter((byte) => byte < FAIR)
    .slice(0, CODE_CHARS)
    .map((byte) => ALPHABET[byte % ALPHABET.length])
    .join('');
}

/** Enters the code of a call, within the transaction that admits it. @returns the code */
export type Marks = (mark: Omit<Mark, 'code'>) => string;

export function marksIn({ $client: db }: Db, sha256: Sha256): Marks {
  const insert = db.prepare(
    'insert or ignore into marks (code, request, tester, object, at) values (?, ?, ?, ?, ?)',
  );
  return ({ request, tester, object, at }) => {
    for (let nth = 0; ; nth++) {
      const code = codeOf(request, nth, sha256);
      if (insert.run(code, request, tester, object, at).changes > 0) return code;
    }
  };
}

/** How a code was read: its first characters or all of them, `?` for one that cannot be read. Null: it is none. */
export function readCode(text: string): string | null {
  if (!/^[A-Za-z0-9? -]+$/.test(text)) return null;
  const read = [...text.toUpperCase().replaceAll(/[ -]/g, '')].map((char) => READ_AS[char] ?? char);
  const code = read.map((char) => (ALPHABET.includes(char) ? char : '?')).join('');
  const known = code.replaceAll('?', '').length;
  return known >= LEAST_CHARS && code.length <= CODE_CHARS ? code : null;
}

/** @param code as `readCode` gives it @returns in the order of the codes */
export function marksLike({ $client: db }: Db, code: string): Mark[] {
  const pattern = code.padEnd(CODE_CHARS, '?');
  return db
    .prepare<[string, number], Mark>(
      'select code, request, tester, object, at from marks where code glob ? order by code limit ?',
    )
    .all(pattern, MOST_FOUND);
}

/** The refusal of a call that would give outputs without a mark; null: it gives a clip, or nothing that a model made. */
export function unmarkable(operation: string, output: AskedOutput | null): Refusal | null {
  const outlet = outletOf(operation);
  if (outlet === 'none' || (outlet === 'object' && output?.variant === 'video')) return null;
  return unmarked(`${operation} ${output?.variant ?? ''}`.trim(), `"${operation}" would give another.`);
}

/** @param what for the log */
export function unmarked(what: string, message: string): Refusal {
  return new Refusal('output_unmarked', what, { message, rule: 'watermark' });
}
