/** Embeddings: words hashed into directions, so that texts which share words come out close. */
import { type Fields, readJson, wholeNumber } from './body.ts';
import { missing } from './errors.ts';
import { modelOf } from './models.ts';
import type { Routes } from './state.ts';
import { hashOf, tokensIn } from './text.ts';

const DIMENSIONS = { from: 1, to: 3_072, otherwise: 1_536 };
const MOST_WORDS = 400;

export const embeddingRoutes: Routes = (app) => {
  app.post('/v1/embeddings', async (c) => {
    const fields = await readJson(c.req.raw);
    const model = modelOf(fields);
    const dimensions = wholeNumber(fields, 'dimensions', DIMENSIONS);
    const inputs = inputsOf(fields);
    const data = inputs.map((input, index) => {
      const vector = embed(input, dimensions);
      return { object: 'embedding', index, embedding: encoded(vector, fields.encoding_format) };
    });
    const tokens = inputs.reduce((sum, input) => sum + tokensIn(input), 0);
    return c.json({ object: 'list', data, model, usage: { prompt_tokens: tokens, total_tokens: tokens } });
  });
};

/** A vector of length one. */
export function embed(input: string, dimensions: number): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(dimensions);
  const words = input.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [input];
  for (const word of words.slice(0, MOST_WORDS)) {
    let state = hashOf(word) || 1;
    for (let at = 0; at < dimensions; at++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      vector[at] = (vector[at] ?? 0) + state / 2 ** 31 - 1;
    }
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

function encoded(vector: Float32Array<ArrayBuffer>, format: unknown): string | number[] {
  return format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
}

/** A text, several, one text as tokens, or several as tokens. */
function inputsOf(fields: Fields): string[] {
  const { input } = fields;
  if (typeof input === 'string' && input) return [input];
  if (!Array.isArray(input) || input.length === 0) throw missing('input');
  if (typeof input[0] === 'number') return [input.join(' ')];
  return input.map((item: unknown) => (Array.isArray(item) ? item.join(' ') : String(item)));
}
