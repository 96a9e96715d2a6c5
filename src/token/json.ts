/** JSON that can be read in one way only. */

/** A JSON string, or a sign of the structure; in a text that `JSON.parse` took. */
const PIECE = /"(?:[^"\\]|\\.)*"|[{}[\]]/g;

/** @throws SyntaxError when it is no JSON, or an object at any depth has a member twice: readers differ on which counts. */
export function parseStrict(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (hasDuplicate(text)) throw new SyntaxError('a member stands twice');
  return value;
}

function hasDuplicate(text: string): boolean {
  // Null stands for an array, which has no names.
  const open: (Set<unknown> | null)[] = [];
  for (const { 0: piece, index } of text.matchAll(PIECE)) {
    if (piece === '{') open.push(new Set());
    else if (piece === '[') open.push(null);
    else if (piece === '}' || piece === ']') open.pop();
    else if (isName(text, index + piece.length)) {
      const names = open.at(-1);
      // As it reads, not as it is written: "sub" and "\u0073ub" are one name.
      const name: unknown = JSON.parse(piece);
      if (names?.has(name)) return true;
      names?.add(name);
    }
  }
  return false;
}

function isName(text: string, from: number): boolean {
  let at = from;
  while (' \t\r\n'.includes(text[at] ?? '.')) at++;
  return text[at] === ':';
}
