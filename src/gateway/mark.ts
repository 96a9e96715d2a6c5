/** A clip that is given with a code in it: taken whole from upstream, marked, and only then passed on. */
import type { AnswerHeaders, AnswerSink, HeaderList, Outbound, Sending, UpstreamFault } from '../deps.ts';
import { type Marker, MarkFault, type Marking, type MarkOrder } from '../outputs/marking.ts';
import { Refusal } from '../refusal.ts';
import { first } from './answer-headers.ts';
import type { AnswerStream } from './stream.ts';

export type Send = (out: Outbound, sink: AnswerSink) => Sending;

interface Marked {
  readonly out: Outbound;
  readonly stream: AnswerStream;
  readonly send: Send;
}

/** Bytes that wait to be written, before upstream has to. */
const HIGH_BYTES = 1_048_576;
/** What upstream says of its own fault is no clip, and no longer than this. */
const MOST_FAULT_BYTES = 65_536;
const NOT_SENT: Sending = { abort: () => {}, resume: () => {} };
/** What asks for a part of a clip, for none that has not changed, or for another coding: marked, it is another one each time. */
const OF_THE_BYTES = /^(?:range|if-.*|accept-encoding)$/;

/** Dispatches before it returns, unless the call is refused. */
export function mark(order: MarkOrder, { out, stream, send }: Marked, marker: Marker | null): Sending {
  const whole = { ...out, headers: [...wholeOnly(out.headers), 'accept-encoding', 'identity'] };
  if (out.method === 'HEAD') return send(whole, new MarkedHead(stream));
  const marking = begun(order, marker, stream);
  if (marking === null) return NOT_SENT;
  const marked = new MarkedAnswer(stream, marking);
  marked.follow(send(whole, marked));
  return marked;
}

function begun(order: MarkOrder, marker: Marker | null, stream: AnswerStream): Marking | null {
  try {
    if (!marker) throw new Refusal('marking_failed', 'ffmpeg is not installed');
    const marking = marker.begin(order);
    if (!marking) throw new Refusal('gateway_busy', 'clips that are being marked', { retryAfterSeconds: 5 });
    return marking;
  } catch (fault) {
    stream.fail(fault);
    return null;
  }
}

function wholeOnly(headers: HeaderList): string[] {
  return headers.filter((_, i) => !OF_THE_BYTES.test(headers[i - (i % 2)] ?? ''));
}

/** Nobody knows how long the marked clip will be. */
class MarkedHead implements AnswerSink {
  readonly #stream: AnswerStream;

  constructor(stream: AnswerStream) {
    this.#stream = stream;
  }

  head(status: number, headers: AnswerHeaders): void {
    this.#stream.head(status, status === 200 ? ofTheClip(headers) : headers);
  }

  data(): boolean {
    return true;
  }

  end(): void {
    this.#stream.end();
  }

  error(fault: UpstreamFault): void {
    this.#stream.error(fault);
  }
}

class MarkedAnswer implements AnswerSink, Sending {
  readonly #stream: AnswerStream;
  readonly #marking: Marking;
  #upstream: Sending | null = null;
  #headers: AnswerHeaders = {};
  #written: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** Bytes of upstream's own fault, which is passed on; null: this is a clip. */
  #fault: number | null = null;
  #room: (() => void) | null = null;
  #over = false;

  constructor(stream: AnswerStream, marking: Marking) {
    this.#stream = stream;
    this.#marking = marking;
  }

  follow(upstream: Sending): void {
    this.#upstream = upstream;
    if (this.#over) upstream.abort();
  }

  head(status: number, headers: AnswerHeaders): void {
    if (this.#over) return;
    if (status >= 400 && typeOf(headers) === 'application/json') {
      this.#fault = 0;
      this.#marking.drop();
      this.#stream.head(status, headers);
    } else if (status === 401 || status === 407) this.#fail(new Refusal('upstream_refused_us', `${status}`));
    else if (status !== 200 || headers['content-encoding'] !== undefined)
      this.#fail(new Refusal('upstream_answer_refused', `no clip to be marked: ${status}`));
    else this.#headers = headers;
  }

  data(chunk: Uint8Array): boolean {
    if (this.#over) return true;
    if (this.#fault !== null) return this.#passFault(this.#fault + chunk.length, chunk);
    this.#waiting += chunk.length;
    this.#written = this.#written.then(() => this.#write(chunk));
    this.#written.catch((fault) => this.#fail(fault));
    return this.#waiting < HIGH_BYTES;
  }

  #passFault(bytes: number, chunk: Uint8Array): boolean {
    this.#fault = bytes;
    if (bytes <= MOST_FAULT_BYTES) return this.#stream.data(chunk);
    this.#fail(new Refusal('upstream_answer_refused', `a fault over ${MOST_FAULT_BYTES} bytes`));
    return true;
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (this.#over) return;
    await this.#marking.write(chunk);
    this.#waiting -= chunk.length;
    if (this.#waiting < HIGH_BYTES) this.#upstream?.resume();
  }

  end(): void {
    if (this.#over) return;
    this.#upstream = null;
    if (this.#fault !== null) this.#stream.end();
    else this.#give().catch((fault) => this.#fail(fault));
  }

  async #give(): Promise<void> {
    await this.#written;
    const { bytes, read } = await this.#marking.burn();
    if (this.#over) return;
    this.#stream.head(200, { ...ofTheClip(this.#headers), 'content-length': String(bytes) });
    for await (const chunk of read()) {
      const hasRoom = this.#stream.data(chunk);
      if (this.#over) return;
      if (!hasRoom) await this.#untilDrained();
      if (this.#over) return;
    }
    this.#over = true;
    this.#marking.drop();
    this.#stream.end();
  }

  #untilDrained(): Promise<void> {
    return new Promise((resolve) => {
      this.#room = resolve;
    });
  }

  error(fault: UpstreamFault): void {
    if (this.#over) return;
    this.#over = true;
    this.#marking.drop();
    this.#stream.error(fault);
  }

  #fail(fault: unknown): void {
    if (this.#over) return;
    this.abort();
    this.#stream.fail(fault instanceof MarkFault ? new Refusal('marking_failed', fault.message) : fault);
  }

  /** The stop, a client that left, a fault: nothing is made any more, and nothing of it stays. */
  abort(): void {
    this.#over = true;
    this.#upstream?.abort();
    this.#marking.drop();
    this.resume();
  }

  resume(): void {
    this.#room?.();
    this.#room = null;
    if (this.#waiting < HIGH_BYTES) this.#upstream?.resume();
  }
}

/** What is true of the clip when it is marked. */
function ofTheClip(headers: AnswerHeaders): AnswerHeaders {
  const kept = ['x-request-id', 'content-disposition', 'openai-processing-ms', 'openai-version'];
  const told = kept.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]]));
  return { ...Object.fromEntries(told), 'content-type': 'video/mp4', 'accept-ranges': 'none' };
}

function typeOf(headers: AnswerHeaders): string | undefined {
  return first(headers['content-type'])?.split(';', 1)[0]?.trim().toLowerCase();
}
