/** What callers wrote, as it may stand in the log. */

/** As long as the longest target. */
const MAX_READ_CHARS = 4_096;
const MAX_LOGGED_CHARS = 256;

/** Access tokens and operator credentials: people put them where they do not belong. */
const SECRET = /eyJ[\w-]{8,}\.[\w.-]*|pco_[\w-]{20,}/g;

/** For the log: without credentials, wherever they stood, those of `http://user:password@host` too. */
export function masked(text: string): string {
  const named = text.includes('@') ? text.replace(/\/\/[^/@]*@/, '//[credential]@') : text;
  return named.includes('eyJ') || named.includes('pco_') ? named.replace(SECRET, '[credential]') : named;
}

/** For the log: bounded, without credentials, and nothing that could break a line or a terminal. */
export function printable(text: string): string {
  const safe = masked(text.length > MAX_READ_CHARS ? text.slice(0, MAX_READ_CHARS) : text);
  const short = safe.length > MAX_LOGGED_CHARS ? safe.slice(0, MAX_LOGGED_CHARS) : safe;
  return /^[\x20-\x7e]*$/.test(short) ? short : short.replace(/[^\x20-\x7e]/g, '\u{fffd}');
}
