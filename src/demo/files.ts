/** Uploaded files. */
import { type Body, readBody, requiredText } from './body.ts';
import { missing } from './errors.ts';
import type { DemoState, Routes, StoredFile } from './state.ts';
import { newId, nowSeconds, pageOf } from './store.ts';

const PAGE = { defaultLimit: 10_000, mostLimit: 10_000 };

export const fileRoutes: Routes = (app, state) => {
  app.post('/v1/files', async (c) => c.json(fileView(addUpload(state, await readBody(c.req.raw)))));
  app.get('/v1/files', (c) => {
    const purpose = c.req.query('purpose');
    const files = state.files.all().filter((file) => purpose === undefined || file.purpose === purpose);
    const page = pageOf(files, c.req.query(), PAGE);
    return c.json({ ...page, data: page.data.map(fileView) });
  });
  app.get('/v1/files/:id', (c) => c.json(fileView(state.files.get(c.req.param('id')))));
  app.delete('/v1/files/:id', (c) => {
    const { id } = state.files.remove(c.req.param('id'));
    return c.json({ id, object: 'file', deleted: true });
  });
  app.get('/v1/files/:id/content', (c) => {
    const file = state.files.get(c.req.param('id'));
    return c.body(new Uint8Array(file.bytes), 200, {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="${file.filename.replace(/[^\w.-]/g, '_')}"`,
    });
  });
};

export function fileView(file: StoredFile) {
  return {
    id: file.id,
    object: 'file',
    bytes: file.bytes.length,
    created_at: file.createdAtSeconds,
    expires_at: null,
    filename: file.filename,
    purpose: file.purpose,
    status: 'processed',
    status_details: null,
  };
}

export function addFile(state: DemoState, file: Omit<StoredFile, 'id' | 'createdAtSeconds'>): StoredFile {
  return state.files.add({ ...file, id: newId('file-'), createdAtSeconds: nowSeconds() });
}

function addUpload(state: DemoState, { fields, files }: Body): StoredFile {
  const upload = files.find((file) => file.name === 'file');
  if (!upload) throw missing('file');
  const { filename, type, bytes } = upload;
  return addFile(state, { filename, type, bytes, purpose: requiredText(fields, 'purpose') });
}
