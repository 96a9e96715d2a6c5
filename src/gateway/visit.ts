/** Ordinary routes on the gateway's listener: the frame is judged and bounded like that of any call, then a site answers. */
import type { Exchange, HeaderList, Inbound, Reply } from '../deps.ts';
import { Refusal } from '../refusal.ts';
import type { Identity } from '../token/verify.ts';
import { type Frame, guard } from './guard.ts';
import { type Gate, handle } from './handler.ts';
import { answerRefusal, Sight } from './refuse.ts';
import type { Route } from './routes.ts';

/** One request of a visitor. */
export interface Visit {
  readonly frame: Frame;
  /** The id of its row, where it leaves one. */
  readonly id: string;
  /** The whole body, once. @throws Refusal */
  body(limitBytes: number): Promise<Uint8Array>;
  /** Commits the row of a visit that is refused. @throws Refusal when it cannot be committed */
  refused(refusal: Refusal, operation: string, who: Identity | null): Promise<void>;
  /** Lets the visitor make this call, the whole way of a call with a row of its own; its answer is the visit's. */
  call(asked: VisitorsCall): Promise<void>;
}

export interface VisitorsCall {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
  /** Path and query of the call, as a tester would send them. */
  readonly target: string;
  readonly who: Identity;
  /** The headers that the visitor's browser gets in the place of these. */
  readonly headers: (headers: HeaderList) => HeaderList;
}

/** What answers visitors: a Hono app. */
export interface Site {
  fetch(request: Request, bindings: { readonly visit: Visit }): Response | Promise<Response>;
}

/** What a site is told of a request's headers; none of them may come twice. */
const TOLD: ReadonlySet<string> = new Set([
  ...[
    'accept',
    'authorization',
    'content-type',
    'cookie',
    'host',
    'origin',
    'sec-fetch-site',
    'x-csrf-token',
  ],
]);

/** Never rejects. What the guard refuses is answered, and written down, like any refused call. */
export async function receive(exchange: Exchange, site: Site, gate: Gate): Promise<void> {
  const { inbound, reply } = exchange;
  const sight = new Sight(inbound, null, gate);
  try {
    const frame = sight.framed(guard(inbound, gate.clientAddress));
    const request = requestOf(inbound, frame);
    const visit = new Visiting(exchange, frame, sight, gate);
    const response = await site.fetch(request, { visit });
    if (!visit.isAnswered) await send(response, reply, frame.method === 'HEAD');
  } catch (fault) {
    await answerRefusal(fault, sight, reply, gate);
  }
}

class Visiting implements Visit {
  readonly frame: Frame;
  readonly id: string;
  isAnswered = false;
  readonly #exchange: Exchange;
  readonly #sight: Sight;
  readonly #gate: Gate;

  constructor(exchange: Exchange, frame: Frame, sight: Sight, gate: Gate) {
    this.frame = frame;
    this.id = sight.arrival.id;
    this.#exchange = exchange;
    this.#sight = sight;
    this.#gate = gate;
  }

  body(limitBytes: number): Promise<Uint8Array> {
    const { inbound } = this.#exchange;
    return inbound.hasBody ? inbound.body(limitBytes) : Promise.resolve(new Uint8Array());
  }

  async refused(refusal: Refusal, operation: string, who: Identity | null): Promise<void> {
    if (refusal.recorded) return;
    await this.#gate.admission.refuse({ arrival: this.#sight.arrival, who, operation, refusal });
    refusal.recorded = true;
  }

  async call({ route, params, target, who, headers }: VisitorsCall): Promise<void> {
    this.isAnswered = true;
    const { inbound, reply } = this.#exchange;
    const exchange = { inbound: aimed(inbound, target), reply: dressed(reply, headers), opening: null };
    await handle(exchange, route, params, this.#gate, who);
  }
}

/** The same request for another target. */
function aimed(inbound: Inbound, target: string): Inbound {
  const { method, version, headers, peer, hasBody, upgradable } = inbound;
  const body = (limitBytes: number) => inbound.body(limitBytes);
  return { method, version, target, headers, peer, hasBody, upgradable, body };
}

/** The same answer under other headers. */
function dressed(reply: Reply, headers: VisitorsCall['headers']): Reply {
  return {
    get started() {
      return reply.started;
    },
    get closed() {
      return reply.closed;
    },
    get waits() {
      return reply.waits;
    },
    head: (status, given) => reply.head(status, headers(given)),
    write: (chunk) => reply.write(chunk),
    end: (chunk) => reply.end(chunk),
    abort: () => reply.abort(),
    onDrain: (resume) => reply.onDrain(resume),
    onGone: (gone) => reply.onGone(gone),
  };
}

/** @throws Refusal for a header that two readers could read in two ways */
function requestOf({ headers }: Inbound, { method, path, query }: Frame): Request {
  const told = new Headers();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (!TOLD.has(name)) continue;
    if (told.has(name)) throw new Refusal('invalid_request', `${name} twice`);
    told.set(name, headers[i + 1] as string);
  }
  // The site is told which host was asked for in a header; what it makes of the URL is its path and query only.
  return new Request(`http://gate${path}${query}`, {
    method: method === 'HEAD' ? 'GET' : method,
    headers: told,
  });
}

async function send(response: Response, reply: Reply, headOnly: boolean): Promise<void> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const headers: string[] = [];
  response.headers.forEach((value, name) => {
    if (name !== 'content-length') headers.push(name, value);
  });
  reply.head(response.status, [...headers, 'content-length', String(bytes.length)]);
  reply.end(headOnly ? undefined : bytes);
}
