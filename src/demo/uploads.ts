/** Uploads in parts, which become a file when completed. */
import { type Fields, readBody, readJson, requiredText, wholeNumber } from './body.ts';
import { invalid, missing, notFound } from './errors.ts';
import { addFile, fileView } from './files.ts';
import type { DemoState, Routes, StoredFile, Upload } from './state.ts';
import { newId, nowSeconds } from './store.ts';

const HOUR_SECONDS = 60 * 60;
const BYTES = { from: 1, to: 512 * 1024 * 1024, otherwise: 0 };

export const uploadRoutes: Routes = (app, state) => {
  app.post('/v1/uploads', async (c) => {
    const fields = await readJson(c.req.raw);
    return c.json(uploadView(state.uploads.add(newUpload(fields))));
  });
  app.post('/v1/uploads/:id/parts', async (c) => {
    const upload = pending(state, c.req.param('id'));
    const data = (await readBody(c.req.raw)).files.find((file) => file.name === 'data');
    if (!data) throw missing('data');
    const part = state.uploadParts.add({ id: newId('part_'), uploadId: upload.id, bytes: data.bytes });
    return c.json({ id: part.id, object: 'upload.part', created_at: nowSeconds(), upload_id: upload.id });
  });
  app.post('/v1/uploads/:id/complete', async (c) => {
    const upload = pending(state, c.req.param('id'));
    const bytes = joined(state, upload, await readJson(c.req.raw));
    const { filename, type, purpose } = upload;
    upload.status = 'completed';
    forgetParts(state, upload);
    return c.json(uploadView(upload, addFile(state, { filename, type, purpose, bytes })));
  });
  app.post('/v1/uploads/:id/cancel', (c) => {
    const upload = pending(state, c.req.param('id'));
    upload.status = 'cancelled';
    forgetParts(state, upload);
    return c.json(uploadView(upload));
  });
};

function newUpload(fields: Fields): Upload {
  return {
    id: newId('upload_'),
    createdAtSeconds: nowSeconds(),
    filename: requiredText(fields, 'filename'),
    bytes: wholeNumber(fields, 'bytes', BYTES),
    type: requiredText(fields, 'mime_type'),
    purpose: requiredText(fields, 'purpose'),
    status: 'pending',
  };
}

function pending(state: DemoState, id: string): Upload {
  const upload = state.uploads.get(id);
  if (upload.status !== 'pending') throw invalid(`Upload ${id} is already ${upload.status}.`);
  return upload;
}

function joined(state: DemoState, upload: Upload, fields: Fields): Uint8Array {
  if (!Array.isArray(fields.part_ids)) throw missing('part_ids');
  const parts = fields.part_ids.map((id: unknown) => {
    const part = state.uploadParts.get(String(id));
    if (part.uploadId !== upload.id) throw notFound('Part', part.id);
    return part.bytes;
  });
  const bytes = Buffer.concat(parts);
  if (bytes.length === upload.bytes) return bytes;
  throw invalid(`The parts hold ${bytes.length} bytes, but the upload was announced with ${upload.bytes}.`);
}

function forgetParts(state: DemoState, upload: Upload): void {
  for (const part of state.uploadParts.all())
    if (part.uploadId === upload.id) state.uploadParts.remove(part.id);
}

function uploadView(upload: Upload, file?: StoredFile) {
  return {
    id: upload.id,
    object: 'upload',
    bytes: upload.bytes,
    created_at: upload.createdAtSeconds,
    expires_at: upload.createdAtSeconds + HOUR_SECONDS,
    filename: upload.filename,
    purpose: upload.purpose,
    status: upload.status,
    file: file ? fileView(file) : null,
  };
}
