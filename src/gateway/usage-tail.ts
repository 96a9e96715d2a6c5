/** Finds the `usage` that stands at the end of an answer, streamed or not, without keeping or parsing the rest. */
import { tokensIn } from './units.ts';

const TAIL_BYTES = 16_384;
const LATIN1 = new TextDecoder('latin1');
const LF = 10;
/** Inside a JSON string the quotes would be escaped, so this is a name. */
const USAGE = /(?<!\\)"usage"\s*:\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})/g;

export class UsageTail {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #events = 0;

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    for (
      let first = this.#chunks[0];
      first && this.#bytes - first.length >= TAIL_BYTES;
      first = this.#chunks[0]
    ) {
      this.#chunks.shift();
      this.#bytes -= first.length;
    }
    for (let i = chunk.indexOf(LF); i >= 0; i = chunk.indexOf(LF, i + 1))
      if (chunk[i - 1] === LF) this.#events++;
  }

  /** Events so far: of a stream of tokens, about as many as tokens. */
  get events(): number {
    return this.#events;
  }

  /** The tokens of the last `usage`; null when there is none. */
  tokens(): number | null {
    const text = this.#chunks.map((chunk) => LATIN1.decode(chunk)).join('');
    if (!text.includes('"usage"')) return null;
    const last = [...text.matchAll(USAGE)].at(-1)?.[1];
    if (last === undefined) return null;
    try {
      return tokensIn(JSON.parse(last));
    } catch {
      return null;
    }
  }
}
