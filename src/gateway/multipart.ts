/**
 * Reads the fields of a multipart/form-data body (RFC 7578, RFC 2046 section 5.1) in its one plain form: no preamble, no
 * epilogue, no folded or foreign part headers. A body that two readers could cut up in two ways is refused.
 */
import { Refusal } from '../refusal.ts';
import type { Fields } from './body.ts';

const CONTENT_TYPE =
  /^multipart\/form-data\s*;\s*boundary=(?:"([A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-])"|([A-Za-z0-9'()+_./:=?-]{1,70}))\s*$/i;
const DISPOSITION = /^form-data; name="([\x20-\x7e]+?)"(; filename="[^"\r\n]*")?(; filename\*=[^;\s"]+)?$/i;
const MAX_PARTS = 256;
const MAX_HEADER_BYTES = 4_096;
/** A text field longer than this is no parameter that a policy reads. */
const MAX_FIELD_BYTES = 65_536;
const CR = 13;
const ASCII = new TextEncoder();
const LATIN1 = new TextDecoder('latin1');
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A field whose text is not looked at: a file, or one that is too long for a parameter. */
export class Unread {
  readonly file: boolean;
  readonly bytes: number;

  constructor(file: boolean, bytes: number) {
    this.file = file;
    this.bytes = bytes;
  }
}

/** Text of the fields, `Unread` for files; a field that may come several times (`name[]`) is a list. @throws Refusal */
export function readMultipart(body: Uint8Array, contentType: string): Fields {
  const match = CONTENT_TYPE.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) throw malformed('Content-Type is not "multipart/form-data; boundary=…"');
  const fields: Record<string, unknown> = Object.create(null);
  let parts = 0;
  for (const part of partsOf(body, boundary)) {
    if (++parts > MAX_PARTS) throw malformed(`more than ${MAX_PARTS} parts`);
    add(fields, part);
  }
  return fields;
}

interface Part {
  readonly name: string;
  readonly value: unknown;
}

function add(fields: Record<string, unknown>, { name, value }: Part): void {
  if (!name.endsWith('[]')) {
    if (name in fields) throw new Refusal('body_ambiguous', `${name.slice(0, 64)} twice`);
    fields[name] = value;
  } else if (Array.isArray(fields[name])) fields[name].push(value);
  else fields[name] = [value];
}

function* partsOf(body: Uint8Array, boundary: string): Generator<Part> {
  const delimiter = ASCII.encode(`\r\n--${boundary}`);
  // The first one has no line end before it.
  let at = delimiter.length - 2;
  if (!startsAt(body, 0, delimiter.subarray(2))) throw malformed('it does not begin with its boundary');
  for (;;) {
    if (isAt(body, at, '--')) {
      if (at + 2 !== body.length && !(isAt(body, at + 2, '\r\n') && at + 4 === body.length))
        throw malformed('something follows its end');
      return;
    }
    if (!isAt(body, at, '\r\n')) throw malformed('a boundary that goes on');
    const end = find(body, delimiter, at);
    if (end < 0) throw malformed('it has no end');
    yield partOf(body.subarray(at + 2, end));
    at = end + delimiter.length;
  }
}

function partOf(part: Uint8Array): Part {
  const headEnd = find(part.subarray(0, MAX_HEADER_BYTES), ASCII.encode('\r\n\r\n'), 0);
  if (headEnd < 0) throw malformed('a part without an end of its headers');
  const { name, isFile } = headOf(LATIN1.decode(part.subarray(0, headEnd)));
  const content = part.subarray(headEnd + 4);
  if (isFile || content.length > MAX_FIELD_BYTES) return { name, value: new Unread(isFile, content.length) };
  try {
    return { name, value: UTF8.decode(content) };
  } catch {
    throw malformed(`${name.slice(0, 64)} is not UTF-8`);
  }
}

function headOf(head: string): { name: string; isFile: boolean } {
  let disposition: RegExpExecArray | null = null;
  let typed = false;
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':');
    const header = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (header === 'content-disposition' && disposition === null) {
      disposition = DISPOSITION.exec(value);
      if (!disposition) throw malformed('a Content-Disposition that is not plain');
    } else if (header === 'content-type' && !typed) typed = true;
    else if (header !== 'content-length') throw malformed(`a part header ${line.slice(0, 40)}`);
  }
  const name = disposition?.[1];
  // Escapes are read in several ways; names that need none are read in one.
  if (name === undefined || /["\\%]/.test(name)) throw malformed('a part without a plain name');
  return { name, isFile: disposition?.[2] !== undefined || disposition?.[3] !== undefined };
}

/** Where the sequence, which begins with CR, stands at `from` or later; -1 when it does not. */
function find(bytes: Uint8Array, sequence: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(CR, from); at >= 0; at = bytes.indexOf(CR, at + 1))
    if (startsAt(bytes, at, sequence)) return at;
  return -1;
}

function startsAt(bytes: Uint8Array, at: number, sequence: Uint8Array): boolean {
  for (let i = 0; i < sequence.length; i++) if (bytes[at + i] !== sequence[i]) return false;
  return true;
}

function isAt(bytes: Uint8Array, at: number, text: string): boolean {
  return startsAt(bytes, at, ASCII.encode(text));
}

function malformed(detail: string): Refusal {
  return new Refusal('body_malformed', `multipart: ${detail}`);
}
