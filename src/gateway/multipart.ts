/** Reads the fields of a multipart/form-data body (RFC 7578) that policy and log look at. */
import { MultipartParseError, parseMultipart } from '@remix-run/multipart-parser';
import { Refusal } from '../refusal.ts';
import type { Fields } from './body.ts';

const MAX_PARTS = 64;
const MAX_HEADER_BYTES = 4_096;
/** A text field longer than this is no parameter that a policy reads. */
const MAX_FIELD_BYTES = 65_536;
const BOUNDARY = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([A-Za-z0-9'()+_,./:=?-]{1,70}))\s*$/i;

/** @throws Refusal when the body is not sound, or names a field twice that is not a list. */
export function readMultipart(body: Uint8Array, contentType: string): Fields {
  const match = BOUNDARY.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (!boundary) throw new Refusal('body_malformed', 'no multipart boundary');
  const fields: Record<string, unknown> = Object.create(null);
  try {
    const options = {
      boundary,
      maxParts: MAX_PARTS,
      maxHeaderSize: MAX_HEADER_BYTES,
      maxFileSize: body.length,
    };
    for (const part of parseMultipart(body, { ...options, maxTotalSize: body.length })) {
      if (!part.name) throw new Refusal('body_malformed', 'a part without a name');
      if (part.name in fields && !part.name.endsWith('[]'))
        throw new Refusal('body_ambiguous', `${part.name.slice(0, 64)} twice`);
      fields[part.name] =
        part.isFile || part.size > MAX_FIELD_BYTES ? { file: true, bytes: part.size } : part.text;
    }
  } catch (fault) {
    if (fault instanceof MultipartParseError) throw new Refusal('body_malformed', fault.message);
    throw fault;
  }
  return fields;
}
