/** What callers wrote, as it may stand in the log. */

/** As long as the longest target. */
const MAX_READ_CHARS = 4_096;
const MAX_LOGGED_CHARS = 256;

const MAX_SHOWN_CHARS = 512;

/** Access tokens and operator credentials: people put them where they do not belong. */
const SECRET = /eyJ[\w-]{8,}\.[\w.-]*|e[wy][\w-]{15,}\.[\w-]{15,}\.[\w-]{15,}|pco_[\w-]{20,}/g;
const CODED = /%([0-7][0-9A-Fa-f])/g;
/** So often an encoding may stand on top of another one. */
const MOST_CODINGS = 4;
const STEERING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** For the log: without credentials, wherever they stood and however encoded, those of `http://user:password@host` too. */
export function masked(text: string): string {
  const named = text.includes('@') ? text.replace(/\/\/[^/@]*@/, '//[credential]@') : text;
  const shown = named.replace(SECRET, '[credential]');
  if (!text.includes('%')) return shown;
  const plain = decoded(named);
  const safe = plain.replace(SECRET, '[credential]');
  return safe === plain ? shown : safe;
}

function decoded(text: string): string {
  let plain = text;
  for (let i = 0; i < MOST_CODINGS && /%[0-7][0-9A-Fa-f]/.test(plain); i++)
    plain = plain.replace(CODED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return plain;
}

/** For the log: bounded, without credentials, and nothing that could break a line or a terminal. */
export function printable(text: string): string {
  const safe = masked(text.length > MAX_READ_CHARS ? text.slice(0, MAX_READ_CHARS) : text);
  const short = safe.length > MAX_LOGGED_CHARS ? safe.slice(0, MAX_LOGGED_CHARS) : safe;
  return /^[\x20-\x7e]*$/.test(short) ? short : short.replace(/[^\x20-\x7e]/g, '\u{fffd}');
}

/** The same with the letters of all languages, for texts that are bounded already. */
export function harmless(text: string): string {
  return masked(text).replace(STEERING, '\u{fffd}');
}

/** For what we say ourselves and callers had a part in: bounded, and harmless. */
export function legible(text: string): string {
  return harmless(text.length > MAX_READ_CHARS ? text.slice(0, MAX_READ_CHARS) : text).slice(
    0,
    MAX_SHOWN_CHARS,
  );
}
