/** Event streams (WHATWG HTML, section 9.2): only whole events go out, so one of ours can follow at any time. */

const LF = 10;
const CR = 13;
const NOTHING = new Uint8Array(0);
/** An event that grows past this is passed on in pieces; upstreams send a few kilobytes. */
const MAX_HELD_BYTES = 1_048_576;

/** Holds back the part of a chunk that is not yet a whole event; of the usual stream that is nothing. */
export class WholeEvents {
  #held: Uint8Array = NOTHING;

  push(chunk: Uint8Array): Uint8Array {
    const bytes = this.#held.length === 0 ? chunk : joined(this.#held, chunk);
    const boundary = lastBoundary(bytes, this.#held.length);
    const end = bytes.length - boundary > MAX_HELD_BYTES ? bytes.length : boundary;
    this.#held = end === bytes.length ? NOTHING : bytes.subarray(end);
    return end === bytes.length ? bytes : bytes.subarray(0, end);
  }

  /** What was left when upstream ended. */
  rest(): Uint8Array {
    return this.#held;
  }
}

/** The offset behind the last blank line that ends at `from` or later, 0 when there is none. */
function lastBoundary(bytes: Uint8Array, from: number): number {
  for (let i = bytes.length - 1; i > 0 && i >= from; i--) {
    const byte = bytes[i];
    if (byte !== LF && byte !== CR) continue;
    const before = bytes[i - 1];
    if (byte === LF && (before === LF || (before === CR && i > 1 && isLineEnd(bytes[i - 2])))) return i + 1;
    if (byte === CR && before === CR) return i + 1;
  }
  return 0;
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === LF || byte === CR;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** OpenAI SDKs throw the `error` member of an event of this name. */
export function errorEvent(json: string): string {
  return `event: error\ndata: ${json}\n\n`;
}
