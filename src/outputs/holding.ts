/** Which calls hand out what models made, and what becomes of them while that is held for review. Pure. */

export const OUTPUT_MODES = ['open', 'held', 'reviewed-before-download'] as const;
/**
 * `open`: testers get what they made. `held`: they get it, and need a release to show it. `reviewed-before-download`: they
 * get it only once its release is approved.
 */
export type OutputMode = (typeof OUTPUT_MODES)[number];

/** The bytes that a call asks for. */
export interface AskedOutput {
  readonly object: string;
  readonly variant: string;
}

/** Gives the bytes of the object in its path, for which a release can be asked. */
const OF_AN_OBJECT = 'videos.content';

/** Routes whose answers tell of things, and hold nothing that a model made. What is not here is held to give outputs. */
const WITHOUT_OUTPUT: ReadonlySet<string> = new Set([
  'models.list',
  'models.retrieve',
  'embeddings.create',
  'moderations.create',
  'videos.create',
  'videos.list',
  'videos.edit',
  'videos.extend',
  'videos.characters.create',
  'videos.characters.retrieve',
  'videos.retrieve',
  'videos.delete',
  'videos.remix',
  'files.create',
  'files.list',
  'files.retrieve',
  'files.delete',
  'uploads.create',
  'uploads.parts.create',
  'uploads.complete',
  'uploads.cancel',
  'vector_stores.create',
  'vector_stores.list',
  'vector_stores.retrieve',
  'vector_stores.update',
  'vector_stores.delete',
  'vector_stores.files.create',
  'vector_stores.files.list',
  'vector_stores.files.retrieve',
  'vector_stores.files.update',
  'vector_stores.files.delete',
  'vector_stores.file_batches.create',
  'vector_stores.file_batches.retrieve',
  'vector_stores.file_batches.cancel',
  'vector_stores.file_batches.files.list',
]);

/** Where the outputs of an operation come out. */
export function outletOf(operation: string): 'object' | 'none' | 'answer' {
  if (operation === OF_AN_OBJECT) return 'object';
  return WITHOUT_OUTPUT.has(operation) ? 'none' : 'answer';
}

/** The tester's own words, which come back as they were sent. */
const OWN_WORDS: ReadonlySet<string> = new Set(['prompt', 'metadata', 'name', 'filename', 'description']);
const ADDRESS = /^\s*(?:https?|data|blob|s3|gs|ftp):/i;
const MOST_DEPTH = 64;
/** Longer texts without a space are no words: bytes in some alphabet. */
const MOST_SOLID_CHARS = 512;

/** The member of an answer that is an output, or an address of one; null: there is none. */
export function outputIn(answer: unknown, at = '', depth = 0): string | null {
  if (typeof answer === 'string') return isOutput(answer) ? at || 'the answer' : null;
  if (typeof answer !== 'object' || answer === null) return null;
  if (depth > MOST_DEPTH) return at;
  for (const [name, member] of Object.entries(answer)) {
    if (OWN_WORDS.has(name) && !Array.isArray(answer)) continue;
    const found = outputIn(member, at ? `${at}.${name}` : name, depth + 1);
    if (found !== null) return found;
  }
  return null;
}

function isOutput(text: string): boolean {
  return ADDRESS.test(text) || (text.length > MOST_SOLID_CHARS && !/\s/.test(text));
}
