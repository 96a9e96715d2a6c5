/** Batches are only acknowledged, so that a gateway which refuses them can be told from one that does not. */
import { readJson, requiredText } from './body.ts';
import { metadataOf } from './chat.ts';
import type { Routes } from './state.ts';
import { newId, nowSeconds } from './store.ts';

const DAY_SECONDS = 24 * 60 * 60;

export const batchRoutes: Routes = (app, state) => {
  app.post('/v1/batches', async (c) => {
    const fields = await readJson(c.req.raw);
    const createdAt = nowSeconds();
    return c.json({
      id: newId('batch_'),
      object: 'batch',
      endpoint: requiredText(fields, 'endpoint'),
      errors: null,
      input_file_id: state.files.get(requiredText(fields, 'input_file_id')).id,
      completion_window: '24h',
      status: 'validating',
      output_file_id: null,
      error_file_id: null,
      created_at: createdAt,
      expires_at: createdAt + DAY_SECONDS,
      request_counts: { total: 0, completed: 0, failed: 0 },
      metadata: metadataOf(fields),
    });
  });
};
