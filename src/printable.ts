/** What callers wrote, as it may stand in the log. */

/** As long as the longest target. */
const MAX_READ_CHARS = 4_096;
const MAX_LOGGED_CHARS = 256;

/** Access tokens (`eyJ…`, a dot, more) and operator credentials: people put them where they do not belong. */
const WORD = /[\w.-]+/g;
const BEGINNING = /eyJ|pco_[\w-]{20,}/g;
/** Of the first part of a token, `eyJ` included. */
const MIN_HEAD_CHARS = 11;

/** For the log: without credentials, wherever they stood, those of `http://user:password@host` too. */
export function masked(text: string): string {
  const named = text.includes('@') ? text.replace(/\/\/[^/@]*@/, '//[credential]@') : text;
  return named.includes('eyJ') || named.includes('pco_') ? named.replace(WORD, maskedWord) : named;
}

/** In one pass: strangers write what is looked through here, and a search from each `eyJ` on would take its square. */
function maskedWord(word: string): string {
  let out = '';
  let from = 0;
  let dot = word.indexOf('.');
  for (const { 0: found, index } of word.matchAll(BEGINNING)) {
    if (dot >= 0 && dot < index) dot = word.indexOf('.', index);
    if (found === 'eyJ') {
      if (dot - index >= MIN_HEAD_CHARS) return `${out}${word.slice(from, index)}[credential]`;
      continue;
    }
    out += `${word.slice(from, index)}[credential]`;
    from = index + found.length;
  }
  return out + word.slice(from);
}

/** For the log: bounded, without credentials, and nothing that could break a line or a terminal. */
export function printable(text: string): string {
  const safe = masked(text.length > MAX_READ_CHARS ? text.slice(0, MAX_READ_CHARS) : text);
  const short = safe.length > MAX_LOGGED_CHARS ? safe.slice(0, MAX_LOGGED_CHARS) : safe;
  return /^[\x20-\x7e]*$/.test(short) ? short : short.replace(/[^\x20-\x7e]/g, '\u{fffd}');
}
