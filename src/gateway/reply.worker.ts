/** Where an answer goes on Workers: a `Response` that is given at its head, and a stream of the runtime behind it. */
import type { HeaderList, Reply } from '../deps.ts';

declare class IdentityTransformStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor();
}
/** Breaks when it is given more or fewer bytes; the only way to a `Content-Length`. */
declare class FixedLengthStream extends IdentityTransformStream {
  constructor(bytes: number);
}

/** Beyond this many bytes that the client has not taken, whoever writes has to wait. */
const HIGH_BYTES = 65_536;
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

export class WorkerReply implements Reply {
  readonly response: Promise<Response>;
  readonly #answer: (response: Response) => void;
  readonly #headOnly: boolean;
  readonly #readMs: number;
  #writer: WritableStreamDefaultWriter<Uint8Array> | null = null;
  #waitingBytes = 0;
  #patience: ReturnType<typeof setTimeout> | undefined;
  #isFull = false;
  #ended = false;
  #gone = false;
  #closed = false;
  readonly #onDrain: (() => void)[] = [];
  readonly #onGone: (() => void)[] = [];
  readonly #onClosed: (() => void)[] = [];
  started = false;

  /** The signal needs the runtime's flag `enable_request_signal`: without it a client that leaves is not seen. */
  constructor({ method, signal }: Request, readMs: number) {
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.response = promise;
    this.#answer = resolve;
    this.#headOnly = method === 'HEAD';
    this.#readMs = readMs;
    if (signal.aborted) this.#left();
    else signal.addEventListener('abort', () => this.#left());
  }

  get closed(): boolean {
    return this.#ended || this.#gone;
  }

  get waits(): boolean {
    return this.#isFull;
  }

  head(status: number, headers: HeaderList): void {
    if (this.closed || this.started) return;
    const told = named(headers);
    const length = told.get('content-length');
    const stream =
      this.#headOnly || BODILESS.has(status)
        ? null
        : length === null
          ? new IdentityTransformStream()
          : new FixedLengthStream(Number(length));
    const response = new Response(stream?.readable ?? null, { status, headers: told });
    this.started = true;
    this.#writer = stream?.writable.getWriter() ?? null;
    this.#writer?.closed.catch(() => this.#left());
    this.#answer(response);
  }

  /** Answers with one end of a WebSocket; from here on there is no reply any more. */
  upgrade(webSocket: unknown, headers: HeaderList): void {
    this.#answer(new Response(null, { status: 101, webSocket, headers: named(headers) } as ResponseInit));
    this.started = true;
    this.#ended = true;
    this.#close();
  }

  write(chunk: Uint8Array): boolean {
    const writer = this.#writer;
    if (this.closed || !writer || chunk.length === 0) return true;
    this.#waitingBytes += chunk.length;
    writer.write(chunk).then(
      () => this.#taken(chunk.length),
      () => this.#left(),
    );
    this.#isFull = this.#waitingBytes > HIGH_BYTES;
    if (this.#isFull) this.#wait();
    return !this.#isFull;
  }

  end(chunk?: Uint8Array | string): void {
    if (this.closed) return;
    if (chunk !== undefined) this.write(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk);
    this.#ended = true;
    if (this.#waitingBytes > 0) this.#wait();
    if (this.#writer) this.#writer.close().then(this.#close, this.#close);
    else this.#close();
  }

  abort(): void {
    if (this.#closed) return;
    this.#ended = true;
    this.#break();
  }

  onDrain(resume: () => void): void {
    this.#onDrain.push(resume);
  }

  onGone(gone: () => void): void {
    // It may have left while its call was being decided: that event is past.
    if (this.closed) gone();
    else this.#onGone.push(gone);
  }

  /** Called once, when nothing of the answer is left with us. */
  onClosed(closed: () => void): void {
    if (this.#closed) closed();
    else this.#onClosed.push(closed);
  }

  #taken(bytes: number): void {
    this.#waitingBytes -= bytes;
    if (this.#waitingBytes > 0) {
      if (this.#patience !== undefined) this.#wait();
      return;
    }
    this.#stopWaiting();
    if (!this.#isFull) return;
    this.#isFull = false;
    if (!this.closed) for (const resume of this.#onDrain) resume();
  }

  /** A client that takes nothing for long is dropped: what waits for it costs the others. */
  #wait(): void {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.#left(), this.#readMs);
  }

  #stopWaiting(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
  }

  #left(): void {
    if (this.#closed) return;
    const { closed } = this;
    this.#gone = true;
    this.#break();
    if (!closed) for (const gone of this.#onGone) gone();
  }

  #break(): void {
    this.#writer?.abort(new Error('the answer was broken off')).catch(() => {});
    // Nobody gets it: the client has gone, or there was nothing to tell it.
    this.#answer(new Response(null, { status: 500 }));
    this.#close();
  }

  readonly #close = (): void => {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWaiting();
    for (const closed of this.#onClosed) closed();
  };
}

function named(headers: HeaderList): Headers {
  const list = new Headers();
  for (let i = 0; i + 1 < headers.length; i += 2) list.append(headers[i] as string, headers[i + 1] as string);
  return list;
}
