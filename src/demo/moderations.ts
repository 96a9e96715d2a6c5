/** Moderations: nothing is flagged unless the text says `[[flag]]`. */
import { type Fields, isFields, readJson } from './body.ts';
import { contentText } from './chat.ts';
import { missing } from './errors.ts';
import { modelOf } from './models.ts';
import type { Routes } from './state.ts';
import { newId } from './store.ts';

const CATEGORIES = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/instructions',
  'self-harm/intent',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
];

export const moderationRoutes: Routes = (app) => {
  app.post('/v1/moderations', async (c) => {
    const fields = await readJson(c.req.raw);
    const model = modelOf(fields, 'omni-moderation-latest');
    return c.json({ id: newId('modr-'), model, results: inputsOf(fields).map(verdict) });
  });
};

function verdict(input: string) {
  const flagged = input.includes('[[flag]]');
  const hit = (category: string) => flagged && category === 'violence';
  return {
    flagged,
    categories: Object.fromEntries(CATEGORIES.map((name) => [name, hit(name)])),
    category_scores: Object.fromEntries(CATEGORIES.map((name) => [name, hit(name) ? 0.98 : 0.0001])),
    category_applied_input_types: Object.fromEntries(CATEGORIES.map((name) => [name, ['text']])),
  };
}

/** A text, several texts, or the parts of one message, which are judged together. */
function inputsOf({ input }: Fields): string[] {
  if (typeof input === 'string') return [input];
  if (!Array.isArray(input) || input.length === 0) throw missing('input');
  return input.some(isFields) ? [contentText(input)] : input.map(String);
}
