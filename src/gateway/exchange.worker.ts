/** One request and its answer on Workers: what the runtime has made of both, in the terms of the way of a call. */
import type { Hono } from 'hono';
import type { Take } from '../app.ts';
import type { HeaderList, Inbound } from '../deps.ts';
import { Refusal } from '../refusal.ts';
import { ByteSource } from './byte-source.worker.ts';
import { isCanonicalPath } from './guard.ts';
import { type Gate, handle } from './handler.ts';
import { isUpgradable, workerOpening } from './opening.worker.ts';
import { WorkerReply } from './reply.worker.ts';

export interface WorkerBindings {
  readonly request: Request;
  /** Address of the peer of the connection, as whoever took it says. */
  readonly peer: string;
}

/** Bounds of one exchange; `held` is shared by all. */
export interface WorkerBounds {
  readonly bodyMs: number;
  /** How long a client may take nothing of an answer that waits for it. */
  readonly readMs: number;
  /** What is left of the memory for the bodies of all requests together. */
  readonly held: { left: number };
}

/** Smaller bodies are bounded by the number of calls. */
const COUNTED_BYTES = 65_536;
/** Ours from one object to the other, and what the platform adds: no client said it to us. */
const NOT_THE_CLIENTS = /^(?:x-portcullis-.*|cf-.*|cdn-loop|true-client-ip|x-real-ip|x-forwarded-proto)$/;

/** Hono reads targets more kindly than the guard; what the guard will refuse goes to it straight. */
export function serveOnWorkers(
  app: Hono<{ Bindings: WorkerBindings }>,
  gate: Gate,
  take: Take<WorkerBindings>,
): (bindings: WorkerBindings) => Response | Promise<Response> {
  return (bindings) => {
    const [path = ''] = targetOf(bindings.request).split('?', 1);
    if (isCanonicalPath(path)) return app.fetch(bindings.request, bindings);
    return take(bindings, (exchange) => handle(exchange, null, {}, gate));
  };
}

/** The answer is there as soon as its head is; it goes on behind that. */
export function takeOnWorkers(bounds: WorkerBounds): Take<WorkerBindings> {
  return (bindings, take) => {
    const { request } = bindings;
    const reply = new WorkerReply(request, bounds.readMs);
    const opening = isUpgradable(request) ? workerOpening(request, reply) : null;
    void take({ inbound: new WorkerInbound(bindings, reply, bounds), reply, opening });
    return reply.response;
  };
}

class WorkerInbound implements Inbound {
  readonly method: string;
  /** Framing is behind us, whichever version brought it. */
  readonly version = '1.1';
  readonly target: string;
  readonly headers: HeaderList;
  readonly peer: string;
  readonly hasBody: boolean;
  readonly upgradable: boolean;
  readonly #request: Request;
  readonly #reply: WorkerReply;
  readonly #bounds: WorkerBounds;

  constructor({ request, peer }: WorkerBindings, reply: WorkerReply, bounds: WorkerBounds) {
    this.method = request.method;
    this.target = targetOf(request);
    this.headers = headersOf(request);
    this.peer = peer;
    this.hasBody = request.body !== null && request.headers.get('content-length') !== '0';
    this.upgradable = isUpgradable(request);
    this.#request = request;
    this.#reply = reply;
    this.#bounds = bounds;
  }

  async body(limitBytes: number): Promise<Uint8Array> {
    const { body, headers } = this.#request;
    const announced = Number(headers.get('content-length') ?? 0);
    if (announced > limitBytes) throw tooLarge(limitBytes);
    if (body === null) return new Uint8Array();
    const source = new ByteSource(body);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Refusal('body_timeout')), this.#bounds.bodyMs);
    try {
      return await Promise.race([this.#whole(source, limitBytes), late.promise]);
    } catch (fault) {
      source.cancel();
      this.#giveBack();
      throw fault instanceof Refusal ? fault : lostBody();
    } finally {
      clearTimeout(timer);
    }
  }

  async #whole(source: ByteSource, limitBytes: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for (let piece = await source.next(); piece; piece = await source.next()) {
      bytes += piece.length;
      if (bytes > limitBytes) throw tooLarge(limitBytes);
      if (bytes > COUNTED_BYTES && !this.#hold(bytes)) throw new Refusal('gateway_busy', 'bodies held');
      pieces.push(piece);
    }
    return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
  }

  #counted = 0;

  /** Counts the body against the memory of all, until the call has ended. False: there is no room. */
  #hold(bytes: number): boolean {
    const { held } = this.#bounds;
    if (this.#counted === 0) this.#reply.onClosed(() => this.#giveBack());
    held.left -= bytes - this.#counted;
    this.#counted = bytes;
    return held.left >= 0;
  }

  #giveBack(): void {
    this.#bounds.held.left += this.#counted;
    this.#counted = 0;
  }
}

/** Path and query as `fetch` will send them: it spells `'` in a query as %27. The URL is parsed nowhere: its host may be none. */
function targetOf({ url }: Request): string {
  const at = url.indexOf('/', url.indexOf('://') + 3);
  const [path = '', ...query] = url.slice(at).split('?');
  return [path, ...query.map((part) => part.replaceAll("'", '%27'))].join('?');
}

/** Headers that came several times are one already, joined: what is judged is what is read. */
function headersOf({ headers }: Request): string[] {
  return [...headers].flatMap(([name, value]) => (NOT_THE_CLIENTS.test(name) ? [] : [name, value]));
}

function lostBody(): Refusal {
  return new Refusal('body_malformed', 'the client went away, or broke its framing');
}

function tooLarge(limitBytes: number): Refusal {
  return new Refusal('body_too_large', `over ${limitBytes} bytes`, {
    message: `At most ${limitBytes} bytes.`,
  });
}
