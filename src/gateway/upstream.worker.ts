/**
 * The model API from Workers, by `fetch`. The runtime waits with a request until the row that was written before it is durable, and
 * does not tell a server that cannot be reached from one that broke off: both are `broken`, so nothing counts as not done.
 */
import type { AnswerSink, HeaderList, Outbound, Sending, Upstream, UpstreamFault } from '../deps.ts';
import { ByteSource } from './byte-source.worker.ts';
import { dialSocket } from './dial.worker.ts';
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
/** Spelled like this the runtime decodes them when a body is read, and leaves the headers as they came. */
const DECODED: ReadonlySet<string> = new Set(['gzip', 'br']);
/** What is true of the encoded bytes only. */
const OF_THE_CODING = new Set(['content-encoding', 'content-length', 'accept-ranges', 'etag']);

export function workerUpstream(options: WorkerUpstreamOptions): Upstream {
  const url = new URL(options.url);
  const base = url.origin + url.pathname.replace(/\/+$/, '');
  const key = Buffer.from(options.key);
  const credentials: [string, string] = ['authorization', `Bearer ${options.key}`];
  const quotesKey = (said: Uint8Array | string): boolean =>
    typeof said === 'string'
      ? said.includes(options.key)
      : Buffer.from(said.buffer, said.byteOffset, said.length).includes(key);
  return {
    send: (out, sink) =>
      new Dispatched(base + out.target, requestOf(out, credentials), sink, {
        ...options,
        bytes: key,
        quotesKey,
      }),
    dial(out, protocol, sink) {
      const asked: [string, string][] = [['upgrade', 'websocket'], credentials];
      if (protocol !== null) asked.push(['sec-websocket-protocol', protocol]);
      const headers = [...pairs(out.headers), ...asked];
      const timeoutMs = options.firstByteMs;
      return dialSocket({ url: base + out.target, headers, protocol, timeoutMs, headersOf, quotesKey }, sink);
    },
    quotesKey,
  };
}

function requestOf({ method, headers, body }: Outbound, credentials: [string, string]): RequestInit {
  const passed = pairs(headers).filter(([name]) => name !== 'accept-encoding');
  return {
    method,
    // The runtime decodes what is read here, and a range or an etag speaks of the bytes as they came.
    headers: [...passed, ['accept-encoding', 'identity'], credentials],
    body: body as BodyInit | null,
    redirect: 'manual',
    // Nobody's answer comes out of a cache of the platform's.
    cache: 'no-store',
  };
}

function pairs(headers: HeaderList): [string, string][] {
  const named: [string, string][] = [];
  for (let i = 0; i + 1 < headers.length; i += 2)
    named.push([headers[i] as string, headers[i + 1] as string]);
  return named;
}

interface Bounds extends WorkerUpstreamOptions {
  readonly bytes: Buffer;
  readonly quotesKey: (said: string) => boolean;
}

/** One request in the runtime's hands. */
class Dispatched implements Sending {
  readonly #sink: AnswerSink;
  readonly #watch: KeyWatch;
  readonly #bounds: Bounds;
  readonly #control = new AbortController();
  #source: ByteSource | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #room: (() => void) | null = null;
  #over = false;

  constructor(url: string, request: RequestInit, sink: AnswerSink, bounds: Bounds) {
    this.#sink = sink;
    this.#watch = new KeyWatch(bounds.bytes);
    this.#bounds = bounds;
    this.#waitAtMost(bounds.firstByteMs);
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
    if (headers === null || response.status < 200) return this.#fail('broken');
    if (this.#bounds.quotesKey(Object.values(headers).join('\n'))) return this.#fail('key-echoed');
    this.#sink.head(response.status, headers);
    if (response.body) await this.#pass(new ByteSource(response.body));
    this.#end();
  }

  async #pass(source: ByteSource): Promise<void> {
    this.#source = source;
    if (this.#over) return this.#letGo();
    for (;;) {
      this.#waitAtMost(this.#bounds.idleMs);
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

/** Null for an answer whose framing has two meanings, or whose head is beyond all measure. */
function headersOf({ headers }: Response): Record<string, string> | null {
  if (headers.has('transfer-encoding') && headers.has('content-length')) return null;
  const named = Object.fromEntries(headers);
  const bytes = Object.entries(named).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > MAX_ANSWER_HEADER_BYTES) return null;
  return DECODED.has(named['content-encoding'] ?? '') ? without(named, OF_THE_CODING) : named;
}

function without(named: Record<string, string>, names: ReadonlySet<string>): Record<string, string> {
  return Object.fromEntries(Object.entries(named).filter(([name]) => !names.has(name)));
}
