/**
 * The model API from Workers, by `fetch`. The runtime waits with a request until the row that was written before it is durable, and
 * does not tell a server that cannot be reached from one that broke off: both are `broken`, so nothing counts as not done.
 */
import type { AnswerHeaders, AnswerSink, Outbound, Sending, Upstream, UpstreamFault } from '../deps.ts';
import { ByteSource } from './byte-source.worker.ts';
import { KeyWatch } from './key-watch.ts';

export interface WorkerUpstreamOptions {
  /** Origin, and a path that the call's own is appended to. */
  readonly url: string;
  readonly key: string;
  readonly firstByteMs: number;
  /** The longest pause inside an answer; a stream that moves is never cut by time. */
  readonly idleMs: number;
}

const MAX_ANSWER_HEADER_BYTES = 32_768;
/** The runtime decodes these when a body is read, and leaves the headers as they came. */
const DECODED = /^\s*(?:gzip|br)\s*$/i;
/** What is true of the encoded bytes only. */
const OF_THE_CODING = ['content-encoding', 'content-length', 'accept-ranges', 'etag'];

export function workerUpstream(options: WorkerUpstreamOptions): Upstream {
  const url = new URL(options.url);
  const base = url.origin + url.pathname.replace(/\/+$/, '');
  const key = Buffer.from(options.key);
  return {
    send: (out, sink) => new Sent(base + out.target, withCredentials(out, options.key), sink, key, options),
    dial: () => {
      throw new Error('not yet');
    },
    quotesKey: (said) =>
      typeof said === 'string'
        ? said.includes(options.key)
        : Buffer.from(said.buffer, said.byteOffset, said.length).includes(key),
  };
}

function withCredentials({ method, headers, body }: Outbound, key: string): RequestInit {
  const named: [string, string][] = [];
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i] !== 'accept-encoding') named.push([headers[i] as string, headers[i + 1] as string]);
  // Decoded bytes are not the bytes that a range or an etag speaks of.
  named.push(['accept-encoding', 'identity'], ['authorization', `Bearer ${key}`]);
  // Nobody's answer comes out of a cache of the platform's.
  return { method, headers: named, body: body as BodyInit | null, redirect: 'manual', cache: 'no-store' };
}

/** One request in the runtime's hands. */
class Sent implements Sending {
  readonly #sink: AnswerSink;
  readonly #key: Buffer;
  readonly #watch: KeyWatch;
  readonly #idleMs: number;
  readonly #control = new AbortController();
  #source: ByteSource | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #room: (() => void) | null = null;
  #over = false;

  constructor(
    url: string,
    request: RequestInit,
    sink: AnswerSink,
    key: Buffer,
    { firstByteMs, idleMs }: WorkerUpstreamOptions,
  ) {
    this.#sink = sink;
    this.#key = key;
    this.#watch = new KeyWatch(key);
    this.#idleMs = idleMs;
    this.#waitAtMost(firstByteMs);
    const answer = fetch(url, { ...request, signal: this.#control.signal });
    void this.#read(answer).catch(() => this.#fail('broken'));
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#letGo();
  }

  resume(): void {
    this.#room?.();
    this.#room = null;
  }

  async #read(answer: Promise<Response>): Promise<void> {
    const response = await answer;
    if (this.#over) return;
    const headers = headersOf(response);
    if (headers === null) return this.#fail('broken');
    if (quoted(headers, this.#key)) return this.#fail('key-echoed');
    this.#sink.head(response.status, headers);
    if (response.body) await this.#pass(new ByteSource(response.body));
    this.#end();
  }

  async #pass(source: ByteSource): Promise<void> {
    this.#source = source;
    if (this.#over) return this.#letGo();
    for (;;) {
      this.#waitAtMost(this.#idleMs);
      const piece = await source.next();
      clearTimeout(this.#timer);
      if (this.#over || piece === null) return;
      const bytes = this.#watch.push(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
      if (bytes === null) return this.#fail('key-echoed');
      if (bytes.length > 0 && !this.#sink.data(bytes)) await this.#untilResumed();
      if (this.#over) return;
    }
  }

  #untilResumed(): Promise<void> {
    return new Promise((resolve) => {
      this.#room = resolve;
    });
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    const rest = this.#watch.rest();
    if (rest.length > 0) this.#sink.data(rest);
    this.#sink.end();
  }

  #waitAtMost(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fail('timeout'), ms);
  }

  #fail(fault: UpstreamFault): void {
    if (this.#over) return;
    this.#over = true;
    this.#letGo();
    this.#sink.error(fault);
  }

  #letGo(): void {
    clearTimeout(this.#timer);
    this.#source?.cancel();
    this.#control.abort();
    this.resume();
  }
}

/** Null for an answer whose framing has two meanings, or that is none. */
function headersOf({ status, headers }: Response): AnswerHeaders | null {
  if (status < 200 || (headers.has('transfer-encoding') && headers.has('content-length'))) return null;
  const named: Record<string, string> = Object.fromEntries(headers);
  const bytes = Object.entries(named).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > MAX_ANSWER_HEADER_BYTES) return null;
  if (DECODED.test(named['content-encoding'] ?? '')) for (const name of OF_THE_CODING) delete named[name];
  return named;
}

function quoted(headers: AnswerHeaders, key: Buffer): boolean {
  return Object.values(headers).join('\n').includes(key.toString());
}
