/** Reads request bodies, JSON or multipart, into one shape of fields and files. */
import { MultipartParseError, type MultipartPart, parseMultipartRequest } from '@remix-run/multipart-parser';
import { ApiError, invalid, missing } from './errors.ts';

const MIB = 1024 * 1024;
const MOST_FILE_BYTES = 64 * MIB;
const MOST_BODY_BYTES = 80 * MIB;

export type Fields = { [name: string]: unknown };

export type UploadedFile = { name: string; filename: string; type: string; bytes: Uint8Array };

export type Body = { fields: Fields; files: UploadedFile[] };

export async function readBody(request: Request): Promise<Body> {
  const type = request.headers.get('content-type') ?? '';
  if (type.startsWith('multipart/form-data')) return readMultipart(request);
  return { fields: await readJson(request), files: [] };
}

export async function readJson(request: Request): Promise<Fields> {
  const text = Buffer.from(await readBytes(request)).toString('utf8');
  try {
    const value: unknown = text.trim() ? JSON.parse(text) : {};
    if (isFields(value)) return value;
  } catch {
    // Falls through to the one refusal below.
  }
  throw invalid('We could not parse the JSON body of your request.');
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function text(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw invalid(`Invalid type for '${name}': expected a string.`, name);
}

export function requiredText(fields: Fields, name: string): string {
  const value = text(fields, name);
  if (!value) throw missing(name);
  return value;
}

export function wholeNumber(
  fields: Fields,
  name: string,
  range: { from: number; to: number; otherwise: number },
) {
  const given = text(fields, name);
  if (given === undefined) return range.otherwise;
  const value = /^\d+$/.test(given) ? Number(given) : Number.NaN;
  if (value >= range.from && value <= range.to) return value;
  throw invalid(`Invalid '${name}': expected an integer from ${range.from} to ${range.to}.`, name);
}

/** A nested object's text, such as `video[id]` of a form or `video.id` of JSON. */
export function innerText(fields: Fields, name: string, inner: string): string | undefined {
  const value = fields[name];
  return isFields(value) ? text(value, inner) : undefined;
}

export function isYes(value: unknown): boolean {
  return value === true || value === 'true';
}

async function readBytes(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > MOST_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function readMultipart(request: Request): Promise<Body> {
  const body: Body = { fields: {}, files: [] };
  const limits = { maxFileSize: MOST_FILE_BYTES, maxTotalSize: MOST_BODY_BYTES };
  try {
    for await (const part of parseMultipartRequest(request, limits)) addPart(body, part);
  } catch (error) {
    if (!(error instanceof MultipartParseError)) throw error;
    throw error.name.startsWith('Max') ? tooLarge() : invalid('Could not parse the multipart form.');
  }
  return body;
}

function addPart(body: Body, part: MultipartPart): void {
  const name = part.name ?? '';
  if (!part.isFile) {
    setField(body.fields, name, part.text);
    return;
  }
  body.files.push({
    name: name.replace(/\[\d*\]$/, ''),
    filename: part.filename ?? 'upload',
    type: part.mediaType ?? 'application/octet-stream',
    bytes: part.bytes,
  });
}

/** Understands `a`, `a[]` and `a[b]`, the spellings the official SDKs use. */
function setField(fields: Fields, name: string, value: string): void {
  const [, outer, inner] = /^([^[\]]+)(?:\[([^[\]]*)\])?$/.exec(name) ?? [];
  if (outer === undefined || outer === '__proto__' || inner === '__proto__') return;
  const held = fields[outer];
  if (inner === undefined) fields[outer] = value;
  else if (inner === '') fields[outer] = Array.isArray(held) ? [...held, value] : [value];
  else fields[outer] = { ...(isFields(held) ? held : {}), [inner]: value };
}

function tooLarge(): ApiError {
  return new ApiError(413, `The request is larger than ${MOST_FILE_BYTES / MIB} MiB.`);
}
