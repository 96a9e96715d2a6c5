/** A JSON answer that is read before the tester gets any of it. */
import type { Withheld } from '../admission/admission.ts';
import type { AnswerHeaders } from '../deps.ts';
import { withheld } from '../outputs/standing.ts';
import { Refusal } from '../refusal.ts';
import { first } from './answer-headers.ts';
import type { AnswerReading } from './describe.ts';

/** A list, a job or a new object, the inline pictures of a response included. */
const MAX_BYTES = 67_108_864;

export class HeldAnswer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(status: number, headers: AnswerHeaders) {
    this.status = status;
    this.headers = headers;
  }

  /** @throws Refusal when it is too large to be held */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BYTES) throw unfit(`over ${MAX_BYTES} bytes`);
    this.#chunks.push(chunk);
  }

  /** As they came. */
  bytes(): Uint8Array {
    const [only] = this.#chunks;
    if (this.#chunks.length === 1 && only) return only;
    const all = new Uint8Array(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [all];
    return all;
  }

  /** What they say. @throws Refusal */
  async json(): Promise<unknown> {
    const coding = first(this.headers['content-encoding'])?.toLowerCase() ?? 'identity';
    const plain = coding === 'identity' ? this.bytes() : await decoded(this.bytes(), coding);
    try {
      return JSON.parse(new TextDecoder().decode(plain));
    } catch {
      throw unfit('not JSON, though it says so');
    }
  }
}

/** What has to happen to an answer before the tester sees it. @throws Refusal when it cannot be read, but must be */
export function handlingOf(
  reads: AnswerReading,
  status: number,
  headers: AnswerHeaders,
  headOnly: boolean,
  withholds: Withheld | null,
): 'pass' | 'hold' | 'claim' {
  const { makes, lists, job } = reads;
  const isRead = makes !== null || lists !== null;
  if (headOnly || status < 200 || status >= 300 || status === 204) return 'pass';
  if (!isRead && !job && !withholds) return 'pass';
  const type = first(headers['content-type'])?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/json') return 'hold';
  if (withholds)
    throw withheld(withholds, type ?? 'an answer without a type', 'Its answer could not be looked through.');
  if (!isRead) return 'pass';
  const isStream = type === 'text/event-stream' && headers['content-encoding'] === undefined;
  if (isStream && lists === null) return 'claim';
  throw unfit(`ids cannot be read from ${type ?? 'an answer without a type'}`);
}

async function decoded(bytes: Uint8Array, coding: string): Promise<Uint8Array> {
  if (coding !== 'gzip' && coding !== 'deflate') throw unfit(`content-encoding ${coding.slice(0, 40)}`);
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  const plain = new HeldAnswer(200, {});
  try {
    for await (const chunk of stream.pipeThrough(new DecompressionStream(coding))) plain.push(chunk);
  } catch (fault) {
    throw fault instanceof Refusal ? fault : unfit(`not ${coding}, though it says so`);
  }
  return plain.bytes();
}

function unfit(detail: string): Refusal {
  return new Refusal('upstream_answer_refused', detail);
}
