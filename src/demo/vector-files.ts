/** The files of a vector store, one by one or in batches; indexing is done the moment they arrive. */
import type { Hono } from 'hono';
import { type Fields, isFields, readJson, requiredText } from './body.ts';
import { missing } from './errors.ts';
import type { DemoState, Routes, StoredFile, VectorBatch, VectorFile, VectorStore } from './state.ts';
import { newId, nowSeconds, pageOf } from './store.ts';

const PAGE = { defaultLimit: 20, mostLimit: 100 };
const FILES = '/v1/vector_stores/:store/files';
const BATCHES = '/v1/vector_stores/:store/file_batches';

export const vectorFileRoutes: Routes = (app, state) => {
  app.post(FILES, async (c) => {
    const store = state.vectorStores.get(c.req.param('store'));
    const fields = await readJson(c.req.raw);
    const attributes = isFields(fields.attributes) ? fields.attributes : {};
    return c.json(fileView(state, store, attach(state, store, requiredText(fields, 'file_id'), attributes)));
  });
  app.get(FILES, (c) => {
    const store = state.vectorStores.get(c.req.param('store'));
    const page = pageOf(store.files.all(), c.req.query(), PAGE);
    return c.json({ ...page, data: page.data.map((file) => fileView(state, store, file)) });
  });
  app.get(`${FILES}/:id`, (c) => {
    const store = state.vectorStores.get(c.req.param('store'));
    return c.json(fileView(state, store, store.files.get(c.req.param('id'))));
  });
  app.post(`${FILES}/:id`, async (c) => {
    const store = state.vectorStores.get(c.req.param('store'));
    const file = store.files.get(c.req.param('id'));
    const { attributes } = await readJson(c.req.raw);
    if (isFields(attributes)) file.attributes = attributes;
    return c.json(fileView(state, store, file));
  });
  app.get(`${FILES}/:id/content`, (c) => {
    const { id } = state.vectorStores.get(c.req.param('store')).files.get(c.req.param('id'));
    const data = [{ type: 'text', text: textOf(state.files.get(id)) }];
    return c.json({ object: 'vector_store.file_content.page', data, has_more: false, next_page: null });
  });
  app.delete(`${FILES}/:id`, (c) => {
    const { id } = state.vectorStores.get(c.req.param('store')).files.remove(c.req.param('id'));
    return c.json({ id, object: 'vector_store.file.deleted', deleted: true });
  });
  batchRoutes(app, state);
};

function batchRoutes(app: Hono, state: DemoState): void {
  app.post(BATCHES, async (c) => {
    const store = state.vectorStores.get(c.req.param('store'));
    const fileIds = fileIdsOf(await readJson(c.req.raw));
    for (const id of fileIds) attach(state, store, id, {});
    const batch = store.batches.add({ id: newId('vsfb_'), created_at: nowSeconds(), fileIds });
    return c.json(batchView(store, batch));
  });
  app.get(`${BATCHES}/:id`, (c) => {
    const store = state.vectorStores.get(c.req.param('store'));
    return c.json(batchView(store, store.batches.get(c.req.param('id'))));
  });
  // Too late by nature, since a batch is done as soon as it is made.
  app.post(`${BATCHES}/:id/cancel`, (c) => {
    const store = state.vectorStores.get(c.req.param('store'));
    return c.json(batchView(store, store.batches.get(c.req.param('id'))));
  });
  app.get(`${BATCHES}/:id/files`, (c) => {
    const store = state.vectorStores.get(c.req.param('store'));
    const { fileIds } = store.batches.get(c.req.param('id'));
    const files = store.files.all().filter((file) => fileIds.includes(file.id));
    const page = pageOf(files, c.req.query(), PAGE);
    return c.json({ ...page, data: page.data.map((file) => fileView(state, store, file)) });
  });
}

export function attach(state: DemoState, store: VectorStore, fileId: string, attributes: Fields): VectorFile {
  return store.files.add({ id: state.files.get(fileId).id, created_at: nowSeconds(), attributes });
}

export function textOf(file: StoredFile): string {
  return Buffer.from(file.bytes.subarray(0, 64 * 1024)).toString('utf8');
}

function fileView(state: DemoState, store: VectorStore, file: VectorFile) {
  return {
    id: file.id,
    object: 'vector_store.file',
    created_at: file.created_at,
    usage_bytes: state.files.find(file.id)?.bytes.length ?? 0,
    vector_store_id: store.id,
    status: 'completed',
    last_error: null,
    attributes: file.attributes,
  };
}

function batchView(store: VectorStore, { id, created_at, fileIds }: VectorBatch) {
  const total = fileIds.length;
  const counts = { in_progress: 0, completed: total, failed: 0, cancelled: 0, total };
  const origin = { vector_store_id: store.id, status: 'completed', file_counts: counts };
  return { id, object: 'vector_store.files_batch', created_at, ...origin };
}

/** Plain ids, or a list of objects that carry one each. */
function fileIdsOf({ file_ids: ids, files }: Fields): string[] {
  if (Array.isArray(ids)) return ids.map(String);
  if (!Array.isArray(files)) throw missing('file_ids');
  return files.filter(isFields).map((file) => requiredText(file, 'file_id'));
}
