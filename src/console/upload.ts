/** A file in a form (RFC 7578), handed on as it comes: short fields before it, the file last, and nothing of it is kept. */
import { Refused } from './session.ts';

const CONTENT_TYPE = /^multipart\/form-data *; *boundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))$/i;
const MOST_BEFORE = 16 * 1024;
const CR = 13;
const ASCII = new TextEncoder();
const UTF8 = new TextDecoder();

export interface Upload {
  readonly fields: ReadonlyMap<string, string>;
  readonly file: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** What was wrong with the form behind the beginning of the file. */
  fault(): Refused | null;
}

/** @throws Refused */
export async function openUpload(request: Request): Promise<Upload> {
  const match = CONTENT_TYPE.exec(request.headers.get('content-type') ?? '');
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined || !request.body) throw noForm();
  const reader = request.body.getReader();
  const delimiter = ASCII.encode(`\r\n--${boundary}`);
  const { fields, rest } = await readFields(reader, delimiter);
  return { fields, ...fileFrom(reader, delimiter, rest) };
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;
type Bytes = Uint8Array<ArrayBuffer>;

/** Up to where the file begins. */
async function readFields(
  reader: Reader,
  delimiter: Bytes,
): Promise<{ fields: Map<string, string>; rest: Bytes }> {
  const fields = new Map<string, string>();
  // The first boundary has no line end before it.
  let held: Bytes = ASCII.encode('\r\n');
  for (;;) {
    const part = nextPart(held, delimiter);
    if (part?.isFile) return { fields, rest: part.rest };
    if (part && fields.has(part.name)) throw noForm();
    if (part) fields.set(part.name, part.value);
    held = part ? part.rest : await more(reader, held);
  }
}

async function more(reader: Reader, held: Bytes): Promise<Bytes> {
  const { value } = await reader.read();
  if (!value || held.length > MOST_BEFORE) throw noForm();
  return joined(held, value);
}

interface Part {
  readonly name: string;
  readonly value: string;
  readonly isFile: boolean;
  readonly rest: Bytes;
}

/** Null: more of it has to come. */
function nextPart(held: Bytes, delimiter: Bytes): Part | null {
  const headEnd = find(held, ASCII.encode('\r\n\r\n'), delimiter.length);
  if (headEnd < 0) return null;
  if (find(held, delimiter, 0) !== 0) throw noForm();
  const head = UTF8.decode(held.subarray(delimiter.length, headEnd));
  const [, name, filename] =
    /^content-disposition: form-data; name="([^"]+)"(?:; filename="([^"]*)")? *$/im.exec(head) ?? [];
  if (name === undefined) throw noForm();
  const rest = held.subarray(headEnd + 4);
  if (filename !== undefined) return { name, value: '', isFile: true, rest };
  const end = find(rest, delimiter, 0);
  if (end < 0) return null;
  return { name, value: UTF8.decode(rest.subarray(0, end)), isFile: false, rest: rest.subarray(end) };
}

function fileFrom(reader: Reader, delimiter: Bytes, rest: Bytes): Pick<Upload, 'file' | 'fault'> {
  let [held, fault]: [Bytes, Refused | null] = [rest, null];
  const file = new ReadableStream<Bytes>({
    async pull(to) {
      for (;;) {
        const end = find(held, delimiter, 0);
        // What might be the beginning of the boundary waits for what comes behind it.
        const sure = end < 0 ? Math.max(0, held.length - delimiter.length + 1) : end;
        if (sure > 0) to.enqueue(held.slice(0, sure));
        held = held.subarray(sure);
        if (end >= 0) return ended(to, reader);
        const { value } = await reader.read();
        if (!value) {
          fault = noForm();
          return to.error(fault);
        }
        held = joined(held, value);
        if (sure > 0) return;
      }
    },
    cancel: (why) => reader.cancel(why),
  });
  return { file, fault: () => fault };
}

/** What comes behind the file is read, so that the browser is done, and counts for nothing. */
async function ended(to: ReadableStreamDefaultController<Bytes>, reader: Reader): Promise<void> {
  to.close();
  let behind = 0;
  while (behind <= MOST_BEFORE) {
    const { value } = await reader.read();
    if (!value) return;
    behind += value.length;
  }
  await reader.cancel();
}

function joined(a: Uint8Array, b: Uint8Array): Bytes {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** Where the sequence, which begins with CR, stands at `from` or later; -1 when it does not. */
function find(bytes: Uint8Array, sequence: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(CR, from); at >= 0; at = bytes.indexOf(CR, at + 1))
    if (sequence.every((byte, i) => bytes[at + i] === byte)) return at;
  return -1;
}

function noForm(): Refused {
  return new Refused(400, {
    title: 'This is no whole form',
    detail: 'Choose the file, and send the form once more.',
  });
}
