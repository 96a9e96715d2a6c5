/** What a call asks the model in words, wherever the API has it. */
import type { Fields } from './body.ts';

/** Members that hold words for the model, and those below which they stand. */
const WORDS: ReadonlySet<string> = new Set([
  'prompt',
  'input',
  'instructions',
  'messages',
  'content',
  'text',
]);
const MOST_CHARS = 262_144;

/** Null where it has none. */
export function promptIn(fields: Fields): string | null {
  const words: string[] = [];
  collect(fields, words);
  return words.length === 0 ? null : words.join('\n').slice(0, MOST_CHARS);
}

function collect(value: unknown, words: string[]): void {
  if (typeof value === 'string') words.push(value);
  else if (Array.isArray(value)) for (const one of value) collect(one, words);
  else if (typeof value === 'object' && value !== null)
    for (const [name, member] of Object.entries(value)) if (WORDS.has(name)) collect(member, words);
}
