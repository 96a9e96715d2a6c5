/** Law 4 on the way down: no answer holds our key, also when it is cut up between two chunks. */

const NOTHING = Buffer.alloc(0);

export class KeyWatch {
  readonly #key: Buffer;
  #held: Buffer = NOTHING;

  constructor(key: Buffer) {
    this.#key = key;
  }

  /** What may go on; null when the key is in it. The beginning of what may be the key is held back. */
  push(chunk: Buffer): Buffer | null {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    if (bytes.includes(this.#key)) return null;
    const begun = this.#begunIn(bytes);
    this.#held = begun === 0 ? NOTHING : bytes.subarray(bytes.length - begun);
    return begun === 0 ? bytes : bytes.subarray(0, bytes.length - begun);
  }

  /** What was held back, when nothing follows. */
  rest(): Buffer {
    return this.#held;
  }

  /** How many bytes at the end could be the beginning of the key. */
  #begunIn(bytes: Buffer): number {
    const key = this.#key;
    const from = Math.max(0, bytes.length - key.length + 1);
    for (let at = bytes.indexOf(key[0] ?? 0, from); at >= 0; at = bytes.indexOf(key[0] ?? 0, at + 1))
      if (key.subarray(0, bytes.length - at).equals(bytes.subarray(at))) return bytes.length - at;
    return 0;
  }
}
