/** What the simulator says, and how it counts: all of it follows from the prompt alone. */

const MOST_WORDS = 20_000;
const MOST_DELAY_MS = 60_000;
const QUOTE_CHARACTERS = 400;
const WORD_DELAYS_MS = { least: 20, spread: 20 };
const FILLER =
  'the gate stands open and the water keeps its pace while the evening settles over the hills'.split(' ');

/** An answer as its words, with the pause before each when it is streamed. */
export type Reply = { words: string[]; delayMs: (index: number) => number };

/** Writes the answer; `[[words=N delay=MS]]` in the prompt asks for a long, slow one. */
export function replyTo(prompt: string): Reply {
  const asked = /\[\[words=(\d+)(?:\s+delay=(\d+))?\]\]/.exec(prompt);
  if (asked) return fillerReply(Number(asked[1]), Number(asked[2] ?? WORD_DELAYS_MS.least));
  const words = `You said: "${shortened(prompt)}". This is Portcullis's demo upstream, so no model thought about it, but your request came through the gate and this answer came back the same way.`;
  const seed = hashOf(prompt);
  return {
    words: spaced(words.split(' ')),
    delayMs: (index) => WORD_DELAYS_MS.least + ((seed >>> (index % 24)) % WORD_DELAYS_MS.spread),
  };
}

/** FNV-1a, enough to derive colours and pauses. */
export function hashOf(value: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < value.length; index++) {
    hash = Math.imul(hash ^ value.charCodeAt(index), 0x01000193);
  }
  // FNV leaves close strings with close high bits; one more stir spreads them.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}

/** About four characters a token, as in English prose. */
export function tokensIn(value: string): number {
  return Math.ceil(value.length / 4);
}

function fillerReply(words: number, delay: number): Reply {
  const count = Math.min(words, MOST_WORDS);
  const delayMs = Math.min(delay, MOST_DELAY_MS);
  const filler = Array.from({ length: count }, (_, index) => FILLER[index % FILLER.length] ?? '');
  return { words: spaced(filler), delayMs: () => delayMs };
}

function shortened(prompt: string): string {
  const clean = prompt.replace(/\s+/g, ' ').trim();
  return clean.length > QUOTE_CHARACTERS ? `${clean.slice(0, QUOTE_CHARACTERS)}...` : clean;
}

/** Every word but the first carries the space before it, so that the pieces join into the text. */
function spaced(words: string[]): string[] {
  return words.map((word, index) => (index ? ` ${word}` : word));
}
