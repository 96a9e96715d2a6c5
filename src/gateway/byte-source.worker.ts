/** Reads a byte stream of the runtime in pieces worth their cost: by itself it gives out 4 KiB at a time. */

const PIECE_BYTES = 65_536;

export class ByteSource {
  readonly #reader: ReadableStreamBYOBReader;
  /** Ours to read into again, as long as nobody was given it. */
  #spare = new ArrayBuffer(PIECE_BYTES);

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader({ mode: 'byob' });
  }

  /** Memory of its own, and no more than its bytes need; null at the end. Rejects when the stream breaks. */
  async next(): Promise<Uint8Array | null> {
    const { done, value } = await this.#reader.read(new Uint8Array(this.#spare));
    if (done || !value) return null;
    if (value.length > PIECE_BYTES / 2) {
      this.#spare = new ArrayBuffer(PIECE_BYTES);
      return value;
    }
    this.#spare = value.buffer;
    return value.slice();
  }

  cancel(): void {
    this.#reader.cancel().catch(() => {});
  }
}
