/** The way of a link to a released output: limit, signature, one committed decision, and the clip itself. */
import { limitKey } from '../address.ts';
import type { Permit } from '../admission/admission.ts';
import type { AnswerHeaders, AnswerSink, Exchange, Inbound, UpstreamFault } from '../deps.ts';
import { contentRequest, mediaHeaders } from '../outputs/content.ts';
import { Refusal } from '../refusal.ts';
import type { Call } from './describe.ts';
import { type Frame, guard } from './guard.ts';
import type { Gate } from './handler.ts';
import { mark, type Send } from './mark.ts';
import { answerRefusal, Sight } from './refuse.ts';
import { AnswerStream } from './stream.ts';

const ROUTE = { operation: 'links.follow' };
const PATH = '/s/';

/** Never rejects: whatever happens, the client is answered (or cut) and the request has its row. */
export async function followLink(exchange: Exchange, gate: Gate): Promise<void> {
  const id = await gate.links.verify(exchange.inbound.target.slice(PATH.length));
  // The link works for whoever has it, so it stands in no log; its id may.
  const inbound = shownAs(exchange.inbound, `${PATH}${id ?? 'unknown'}`);
  const sight = new Sight(inbound, ROUTE, gate);
  try {
    const frame = sight.framed(guard(inbound, gate.clientAddress));
    const key = limitKey(frame.address);
    await gate.attempts.take(key);
    if (id === null) throw new Refusal('link_unknown', 'not signed by us', { rule: 'link' });
    const admitted = await gate.admission.admitLink(sight.arrival, id);
    await gate.attempts.giveBack(key);
    send(exchange, { ...admitted, frame, arrivedAt: sight.arrival.at }, gate);
  } catch (fault) {
    await answerRefusal(fault, sight, exchange.reply, gate);
  }
}

interface Admitted {
  readonly frame: Frame;
  readonly permit: Permit;
  readonly call: Call;
  readonly arrivedAt: number;
}

/** Synchronous from the look at the permit to the dispatch: nothing can come between. */
function send({ reply }: Exchange, { frame, permit, call, arrivedAt }: Admitted, gate: Gate): void {
  const headOnly = frame.method === 'HEAD';
  const [range, ifRange] = [passedOn(frame, 'range'), passedOn(frame, 'if-range')];
  const video = call.output?.object ?? '';
  const out = contentRequest({ video, variant: 'video', range, ifRange, headOnly });
  const { now, newDigest, realm, upstream } = gate;
  const again = () => {
    throw new Error('a clip has no second page');
  };
  const told = { call, query: '', permit, reply, now, newDigest, realm, arrivedAt, headOnly, again };
  const stream = new AnswerStream(told);
  if (stream.over) return;
  const { id: request, mark: code } = permit;
  const given = { ...out, headers: [...out.headers, 'x-request-id', request] };
  const order = code === null ? null : { request, code, holder: `link:${video}` };
  const send: Send = (what, sink) => upstream.send(what, new MediaOnly(sink));
  stream.follow(order ? mark(order, { out: given, stream, send }, gate.marker) : send(given, stream));
}

/** Strangers get the bytes of a clip, and nothing else that upstream says. */
class MediaOnly implements AnswerSink {
  readonly #stream: AnswerSink;
  #refused = false;

  constructor(stream: AnswerSink) {
    this.#stream = stream;
  }

  head(status: number, upstream: AnswerHeaders): void {
    const headers = mediaHeaders(status, upstream);
    this.#refused = headers === null;
    if (headers === null) this.#stream.error('broken');
    else this.#stream.head(status, headers);
  }

  data(chunk: Uint8Array): boolean {
    return this.#refused || this.#stream.data(chunk);
  }

  end(): void {
    if (!this.#refused) this.#stream.end();
  }

  error(fault: UpstreamFault): void {
    if (!this.#refused) this.#stream.error(fault);
  }
}

function passedOn({ passOn }: Frame, name: string): string | null {
  const at = passOn.findIndex((text, i) => i % 2 === 0 && text === name);
  return at < 0 ? null : (passOn[at + 1] ?? null);
}

function shownAs(real: Inbound, target: string): Inbound {
  const { method, version, headers, peer, hasBody, upgradable } = real;
  return { method, version, target, headers, peer, hasBody, upgradable, body: (most) => real.body(most) };
}
