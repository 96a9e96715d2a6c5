/** One request and its answer on Node's own objects: no web streams on the way of a call. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Exchange, HeaderList, Inbound, Reply } from '../deps.ts';
import { Refusal } from '../refusal.ts';
import { UpgradeResponse } from './opening.node.ts';

/** Requests whose framing broke behind their head: their bodies never end. */
const broken = new WeakSet<IncomingMessage>();
const BROKEN = 'framing-broken';

/** Tells whoever reads this request's body, now or later, that it will not come. */
export function breakBody(incoming: IncomingMessage): void {
  broken.add(incoming);
  incoming.emit(BROKEN);
}

/** Bounds of one exchange; `held` is shared by all. */
export interface ExchangeBounds {
  readonly bodyMs: number;
  /** How long a client may take nothing of an answer that waits for it. */
  readonly readMs: number;
  readonly held: HeldBytes;
}

/** What is left of the memory for the bodies of all requests together. */
export interface HeldBytes {
  left: number;
}

/** Smaller bodies are bounded by the number of connections. */
const COUNTED_BYTES = 65_536;

export function nodeExchange(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  bounds: ExchangeBounds,
): Exchange {
  return {
    inbound: new NodeInbound(incoming, outgoing, bounds),
    reply: new NodeReply(outgoing, bounds.readMs),
    opening: outgoing instanceof UpgradeResponse ? outgoing : null,
  };
}

class NodeInbound implements Inbound {
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  readonly #bounds: ExchangeBounds;

  constructor(incoming: IncomingMessage, outgoing: ServerResponse, bounds: ExchangeBounds) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#bounds = bounds;
  }

  get method(): string {
    return this.#incoming.method ?? '';
  }

  get version(): string {
    return this.#incoming.httpVersion;
  }

  get target(): string {
    return this.#incoming.url ?? '';
  }

  get headers(): HeaderList {
    return this.#incoming.rawHeaders;
  }

  get peer(): string {
    return this.#incoming.socket.remoteAddress ?? '';
  }

  get hasBody(): boolean {
    const { headers } = this.#incoming;
    const length = headers['content-length'];
    if (this.#outgoing instanceof UpgradeResponse && this.#outgoing.hasBody) return true;
    return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
  }

  get upgradable(): boolean {
    return this.#outgoing instanceof UpgradeResponse;
  }

  body(limitBytes: number): Promise<Uint8Array> {
    const incoming = this.#incoming;
    if (broken.has(incoming)) return Promise.reject(lostBody());
    const announced = Number(incoming.headers['content-length'] ?? 0);
    if (announced > limitBytes) return Promise.reject(tooLarge(limitBytes));
    // A client that waits for leave to send its body gets it only now, after the token was found good.
    // One that speaks HTTP/1.0 would take it for the answer (RFC 9110 section 10.1.1).
    if (incoming.headers.expect !== undefined && this.version === '1.1') this.#outgoing.writeContinue();
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const timer = setTimeout(() => stop(new Refusal('body_timeout')), this.#bounds.bodyMs);
      const stop = (refusal: Refusal) => {
        clearTimeout(timer);
        incoming.removeAllListeners('data');
        incoming.pause();
        this.#giveBack();
        reject(refusal);
      };
      incoming.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > limitBytes) stop(tooLarge(limitBytes));
        else if (bytes > COUNTED_BYTES && !this.#hold(bytes))
          stop(new Refusal('gateway_busy', 'bodies held'));
        else chunks.push(chunk);
      });
      incoming.on('end', () => {
        clearTimeout(timer);
        resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
      });
      incoming.on('error', () => stop(lostBody()));
      incoming.on(BROKEN, () => stop(lostBody()));
    });
  }

  #counted = 0;

  /** Counts the body against the memory of all, until the call has ended. False: there is no room. */
  #hold(bytes: number): boolean {
    const { held } = this.#bounds;
    if (this.#counted === 0) this.#outgoing.once('close', () => this.#giveBack());
    held.left -= bytes - this.#counted;
    this.#counted = bytes;
    return held.left >= 0;
  }

  #giveBack(): void {
    this.#bounds.held.left += this.#counted;
    this.#counted = 0;
  }
}

function lostBody(): Refusal {
  return new Refusal('body_malformed', 'the client went away, or broke its framing');
}

function tooLarge(limitBytes: number): Refusal {
  return new Refusal('body_too_large', `over ${limitBytes} bytes`, {
    message: `At most ${limitBytes} bytes.`,
  });
}

class NodeReply implements Reply {
  readonly #outgoing: ServerResponse;
  readonly #readMs: number;
  #ended = false;
  #patience: NodeJS.Timeout | null = null;

  constructor(outgoing: ServerResponse, readMs: number) {
    this.#outgoing = outgoing;
    this.#readMs = readMs;
  }

  get started(): boolean {
    return this.#outgoing.headersSent;
  }

  get closed(): boolean {
    return this.#ended || this.#outgoing.destroyed;
  }

  get waits(): boolean {
    return this.#outgoing.writableNeedDrain;
  }

  head(status: number, headers: HeaderList): void {
    if (this.closed) return;
    // A body that was not read to its end must not be taken for the next request.
    const unread = !this.#outgoing.req.complete;
    this.#outgoing.writeHead(status, unread ? [...headers, 'connection', 'close'] : [...headers]);
  }

  write(chunk: Uint8Array): boolean {
    if (this.closed) return true;
    const room = this.#outgoing.write(chunk);
    if (!room) this.#wait();
    return room;
  }

  end(chunk?: Uint8Array | string): void {
    if (this.closed) return;
    this.#ended = true;
    if (chunk === undefined) this.#outgoing.end();
    else this.#outgoing.end(chunk);
    if (this.#outgoing.writableLength > 0) this.#wait();
  }

  /** A client that takes nothing for long is dropped: what waits for it costs the others. */
  #wait(): void {
    if (this.#patience) return;
    const outgoing = this.#outgoing;
    const done = () => {
      clearTimeout(this.#patience ?? undefined);
      this.#patience = null;
      outgoing.off('drain', done).off('close', done).off('finish', done);
    };
    this.#patience = setTimeout(() => outgoing.destroy(), this.#readMs);
    outgoing.on('drain', done).on('close', done).on('finish', done);
  }

  abort(): void {
    this.#ended = true;
    const { req, socket } = this.#outgoing;
    // To HTTP/1.0 the end of the connection can be the end of the body: only a reset cannot pass for it.
    if (req.httpVersion === '1.0') socket?.resetAndDestroy();
    this.#outgoing.destroy();
  }

  onDrain(resume: () => void): void {
    this.#outgoing.on('drain', resume);
  }

  onGone(gone: () => void): void {
    // It may have left while its call was being decided: that event is past.
    if (this.closed) gone();
    else
      this.#outgoing.on('close', () => {
        if (!this.#ended) gone();
      });
  }
}
