/** What callers wrote, as it may stand in the log. */

/** As long as the longest target. */
const MAX_READ_CHARS = 4_096;
const MAX_LOGGED_CHARS = 256;

const MAX_SHOWN_CHARS = 512;

/** What the parts of a token are made of, and the dots between them. */
const WORD = /[\w.-]+/g;
/** Of the first part of a token that begins as JSON in base64url does, `eyJ` included; a dot and anything follow it. */
const MIN_HEAD_CHARS = 11;
/** Of the first part of one that begins with white space in its JSON; two more such parts follow it. */
const MIN_ODD_HEAD_CHARS = 17;
const MIN_PART_CHARS = 15;
/** Credentials of operators, and secrets of their sessions and links and of testers'; see secret.ts. */
const OPERATOR_SECRET = /p(?:c[osl]|p[slf])_[\w-]{20,}/g;
/** A link to a released output: it works for whoever has it. */
const LINK = /psl_[\w-]{20,}\.[\w-]{8,}/g;
const CODED = /%([0-7][0-9A-Fa-f])/g;
/** So often an encoding may stand on top of another one. */
const MOST_CODINGS = 4;
const STEERING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** For the log: without credentials, wherever they stood and however encoded, those of `http://user:password@host` too. */
export function masked(text: string): string {
  const named = text.includes('@') ? text.replace(/\/\/[^/@]*@/, '//[credential]@') : text;
  const shown = withoutCredentials(named);
  if (!text.includes('%')) return shown;
  const plain = decoded(named);
  const safe = withoutCredentials(plain);
  return safe === plain ? shown : safe;
}

function withoutCredentials(text: string): string {
  if (!/e[wy]|p(?:c[osl]|p[slf]|sl)_/.test(text)) return text;
  return text
    .replace(WORD, maskedWord)
    .replace(OPERATOR_SECRET, '[credential]')
    .replace(LINK, '[credential]');
}

/** Looks at each part once: strangers write what is looked through here, and a search from each `ey` on would take its square. */
function maskedWord(word: string): string {
  const parts = word.split('.');
  let at = 0;
  for (const [i, part] of parts.slice(0, -1).entries()) {
    const begun = beginningIn(part, parts[i + 1]?.length ?? 0, parts[i + 2]?.length ?? 0);
    if (begun >= 0) return `${word.slice(0, at + begun)}[credential]`;
    at += part.length + 1;
  }
  return word;
}

/** Where a token begins in a part that a dot follows; -1: nowhere. The first beginning leaves it the most room. */
function beginningIn(part: string, next: number, last: number): number {
  const odd = part.search(/e[wy]/);
  if (odd >= 0 && part.length - odd >= MIN_ODD_HEAD_CHARS && Math.min(next, last) >= MIN_PART_CHARS)
    return odd;
  const usual = part.indexOf('eyJ');
  return usual >= 0 && part.length - usual >= MIN_HEAD_CHARS ? usual : -1;
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
