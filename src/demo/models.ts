/** The models the simulator claims to serve. */
import { type Fields, requiredText, text } from './body.ts';
import { ApiError } from './errors.ts';
import type { Routes } from './state.ts';

const CREATED_AT_SECONDS = 1_735_689_600;

const MODEL_IDS = [
  'gpt-4o-mini',
  'gpt-4o',
  'sora-2',
  'sora-2-pro',
  'gpt-image-1',
  'text-embedding-3-small',
  'tts-1',
  'whisper-1',
  'omni-moderation-latest',
  'gpt-realtime',
];

const FAMILIES =
  /^(gpt-|chatgpt-|o\d|sora-|dall-e-|text-embedding-|tts-|whisper-|omni-moderation-|text-moderation-)/;

export const modelRoutes: Routes = (app) => {
  app.get('/v1/models', (c) => c.json({ object: 'list', data: MODEL_IDS.map(modelView) }));
  app.get('/v1/models/:id', (c) => {
    const id = c.req.param('id');
    if (!MODEL_IDS.includes(id)) throw unknownModel(id);
    return c.json(modelView(id));
  });
};

/** The request's model; any name of a known family will do, since a demo need not track every release. */
export function modelOf(fields: Fields, otherwise?: string): string {
  const model =
    otherwise === undefined ? requiredText(fields, 'model') : (text(fields, 'model') ?? otherwise);
  if (!FAMILIES.test(model)) throw unknownModel(model);
  return model;
}

function modelView(id: string) {
  return { id, object: 'model', created: CREATED_AT_SECONDS, owned_by: 'system' };
}

function unknownModel(id: string): ApiError {
  return new ApiError(404, `The model '${id}' does not exist or you do not have access to it.`, {
    param: 'model',
    code: 'model_not_found',
  });
}
