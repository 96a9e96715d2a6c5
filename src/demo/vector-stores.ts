/** Vector stores, and the search over what their files say. */
import { type Fields, isFields, readJson, text, wholeNumber } from './body.ts';
import { metadataOf } from './chat.ts';
import { embed } from './embeddings.ts';
import { missing } from './errors.ts';
import type { DemoState, Routes, VectorBatch, VectorFile, VectorStore } from './state.ts';
import { createStore, newId, nowSeconds, pageOf } from './store.ts';
import { attach, textOf } from './vector-files.ts';

const PAGE = { defaultLimit: 20, mostLimit: 100 };
const RESULTS = { from: 1, to: 50, otherwise: 10 };
const SEARCH_DIMENSIONS = 768;
const CHUNK_CHARACTERS = 1_200;
const MOST_CHUNKS = 40;

export const vectorStoreRoutes: Routes = (app, state) => {
  app.post('/v1/vector_stores', async (c) =>
    c.json(storeView(state, create(state, await readJson(c.req.raw)))),
  );
  app.get('/v1/vector_stores', (c) => {
    const page = pageOf(state.vectorStores.all(), c.req.query(), PAGE);
    return c.json({ ...page, data: page.data.map((store) => storeView(state, store)) });
  });
  app.get('/v1/vector_stores/:id', (c) =>
    c.json(storeView(state, state.vectorStores.get(c.req.param('id')))),
  );
  app.post('/v1/vector_stores/:id', async (c) => {
    const store = state.vectorStores.get(c.req.param('id'));
    const fields = await readJson(c.req.raw);
    store.name = text(fields, 'name') ?? store.name;
    if (isFields(fields.metadata)) store.metadata = metadataOf(fields);
    return c.json(storeView(state, store));
  });
  app.delete('/v1/vector_stores/:id', (c) => {
    const { id } = state.vectorStores.remove(c.req.param('id'));
    return c.json({ id, object: 'vector_store.deleted', deleted: true });
  });
  app.post('/v1/vector_stores/:id/search', async (c) => {
    const store = state.vectorStores.get(c.req.param('id'));
    return c.json(search(state, store, await readJson(c.req.raw)));
  });
};

function create(state: DemoState, fields: Fields): VectorStore {
  const store: VectorStore = {
    id: newId('vs_'),
    name: text(fields, 'name') ?? '',
    createdAtSeconds: nowSeconds(),
    metadata: metadataOf(fields),
    files: createStore<VectorFile>('Vector store file'),
    batches: createStore<VectorBatch>('File batch'),
  };
  if (Array.isArray(fields.file_ids)) for (const id of fields.file_ids) attach(state, store, String(id), {});
  return state.vectorStores.add(store);
}

function storeView(state: DemoState, store: VectorStore) {
  const files = store.files.all();
  return {
    id: store.id,
    object: 'vector_store',
    created_at: store.createdAtSeconds,
    name: store.name,
    status: 'completed',
    usage_bytes: files.reduce((sum, file) => sum + (state.files.find(file.id)?.bytes.length ?? 0), 0),
    file_counts: { in_progress: 0, completed: files.length, failed: 0, cancelled: 0, total: files.length },
    last_active_at: store.createdAtSeconds,
    expires_at: null,
    metadata: store.metadata,
  };
}

function search(state: DemoState, store: VectorStore, fields: Fields) {
  const queries = [fields.query].flat().filter((query) => typeof query === 'string');
  if (queries.length === 0) throw missing('query');
  const wanted = embed(queries.join(' '), SEARCH_DIMENSIONS);
  const found = store.files.all().flatMap((file) => bestChunk(state, file, wanted));
  found.sort((one, other) => other.score - one.score);
  return {
    object: 'vector_store.search_results.page',
    search_query: queries,
    data: found.slice(0, wholeNumber(fields, 'max_num_results', RESULTS)),
    has_more: false,
    next_page: null,
  };
}

function bestChunk(state: DemoState, { id, attributes }: VectorFile, wanted: Float32Array) {
  const file = state.files.find(id);
  if (!file) return [];
  const chunks = textOf(file).match(new RegExp(`.{1,${CHUNK_CHARACTERS}}`, 'gsu')) ?? [''];
  const scored = chunks.slice(0, MOST_CHUNKS).map((chunk) => {
    const vector = embed(chunk, SEARCH_DIMENSIONS);
    const score = vector.reduce((sum, value, at) => sum + value * (wanted[at] ?? 0), 0);
    return {
      file_id: id,
      filename: file.filename,
      score,
      attributes,
      content: [{ type: 'text', text: chunk }],
    };
  });
  return scored.sort((one, other) => other.score - one.score).slice(0, 1);
}
