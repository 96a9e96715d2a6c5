/** What a call asks the model in words, wherever the API has it, and whether it brings more than words. Pure. */
import type { Fields } from './body.ts';
import { Unread } from './multipart.ts';

export interface Words {
  /** All of them, joined by line ends; null where it has none. */
  readonly text: string | null;
  /** False: there are more than were read (too long, spoken, kept at upstream, or numbers for words). */
  readonly isWhole: boolean;
  /** It brings or names a file, picture, clip, character or address of one. */
  readonly hasFile: boolean;
}

/** Members that hold words for the model. */
const WORDS: ReadonlySet<string> = new Set([
  ...['prompt', 'negative_prompt', 'input', 'instructions', 'messages', 'content', 'text'],
  ...['output', 'arguments', 'description', 'query'],
]);
/** Members that hold or name what a model looks at or listens to. */
const FILES: ReadonlySet<string> = new Set([
  ...['image', 'images', 'image_url', 'input_image', 'mask', 'input_image_mask', 'reference_images'],
  ...['file', 'files', 'file_id', 'file_ids', 'file_url', 'file_data', 'input_file', 'attachments'],
  ...[
    'video',
    'videos',
    'video_url',
    'input_reference',
    'character',
    'characters',
    'audio_url',
    'input_audio',
  ],
]);
/** A stored prompt, by its id: what it says is upstream's to know. */
const STORED = 'prompt';
const SPOKEN: ReadonlySet<string> = new Set(['audio', 'input_audio', 'data']);
const MOST_CHARS = 262_144;

/** Of a body, or of an event of a socket. */
export function wordsIn(fields: Fields): Words {
  const found = new Found();
  for (const [name, value] of Object.entries(fields)) {
    // Forms spell nested members `input_reference[image_url]`.
    const segments = name
      .toLowerCase()
      .split(/[[\]]+/)
      .filter((one) => one !== '');
    for (const holder of segments.slice(0, -1)) if (FILES.has(holder)) found.hasFile = true;
    found.walk(value, segments.findLast((one) => !/^\d+$/.test(one)) ?? '', '');
  }
  return found.words();
}

class Found {
  readonly #words: string[] = [];
  #isWhole = true;
  hasFile = false;

  walk(value: unknown, key: string, holder: string): void {
    if (value === null || value === undefined || value === '' || value === false) return;
    if (FILES.has(key)) this.hasFile = true;
    if (typeof value === 'string') this.#read(value, key, holder);
    // Models take the numbers of tokens too.
    else if (typeof value === 'number') this.#isWhole &&= key !== 'prompt' && key !== 'input';
    else if (value instanceof Unread) {
      if (value.file) this.hasFile = true;
      else if (WORDS.has(key)) this.#isWhole = false;
    } else if (Array.isArray(value)) for (const one of value) this.walk(one, key, holder);
    else if (typeof value === 'object') {
      if (key === STORED && 'id' in value) this.#isWhole = false;
      for (const [name, member] of Object.entries(value)) this.walk(member, name.toLowerCase(), key);
    }
  }

  #read(text: string, key: string, holder: string): void {
    if (WORDS.has(key)) this.#words.push(text);
    else if (SPOKEN.has(key) && (key !== 'data' || holder === 'input_audio')) {
      this.#isWhole = false;
      this.hasFile = true;
    }
  }

  words(): Words {
    const text = this.#words.length === 0 ? null : this.#words.join('\n');
    const isWhole = this.#isWhole && (text?.length ?? 0) <= MOST_CHARS;
    return { text: text?.slice(0, MOST_CHARS) ?? null, isWhole, hasFile: this.hasFile };
  }
}
