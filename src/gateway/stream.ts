/** Step 7: passes the answer on, stops when the permit is taken back, and settles the row with how it ended. */
import type { Made, Outcome, Permit, Revocation, Withheld } from '../admission/admission.ts';
import type {
  AnswerHeaders,
  AnswerSink,
  Clock,
  Digest,
  HeaderList,
  Reply,
  Sending,
  UpstreamFault,
} from '../deps.ts';
import { outputIn } from '../outputs/holding.ts';
import { withheld } from '../outputs/standing.ts';
import { Refusal, type RefusalCode, refusalBody } from '../refusal.ts';
import { later } from '../turn.ts';
import { jobsIn, madeIn, usedIn } from './answer.ts';
import { answerHeaders, first } from './answer-headers.ts';
import type { Call } from './describe.ts';
import { ClaimedEvents } from './event-claims.ts';
import { HeldAnswer, handlingOf } from './held-answer.ts';
import { OwnList } from './own-list.ts';
import { sendRefusal, unexpected } from './refuse.ts';
import { errorEvent, WholeEvents } from './sse.ts';
import { Tally } from './tally.ts';

interface Options {
  readonly call: Call;
  /** Of the request, with its `?`, or empty. */
  readonly query: string;
  readonly permit: Permit;
  readonly reply: Reply;
  readonly now: Clock;
  readonly newDigest: () => Digest;
  readonly realm: string;
  readonly arrivedAt: number;
  readonly headOnly: boolean;
  /** Sends the same call once more with another query, for the next page of a list. */
  readonly again: (query: string, sink: AnswerSink) => Sending;
}

/** What the tester is told of upstream's faults. */
export const FAULTS: Readonly<Record<UpstreamFault, RefusalCode>> = {
  unreachable: 'upstream_unreachable',
  timeout: 'upstream_timeout',
  broken: 'upstream_error',
  busy: 'gateway_busy',
  'key-echoed': 'upstream_answer_refused',
};

export class AnswerStream implements AnswerSink {
  readonly #o: Options;
  readonly #list: OwnList | null;
  readonly #tally: Tally;
  #sending: Sending | null = null;
  #held: HeldAnswer | null = null;
  #events: WholeEvents | null = null;
  #claims: ClaimedEvents | null = null;
  /** Upstream's head, until bytes behind it may go out: so long the tester can still get a proper refusal. */
  #unsent: { status: number; headers: HeaderList } | null = null;
  #ended = false;
  #over = false;
  /** True when nobody waits for the answer any more, but what it made has to be known. */
  #lingers = false;

  constructor(options: Options) {
    this.#o = options;
    const { call, query, permit, reply, now, arrivedAt } = options;
    this.#tally = new Tally(call, now, options.newDigest, arrivedAt);
    this.#list = call.reads.lists === null ? null : new OwnList(query, call.reads.lists, permit);
    permit.onRevoked((revocation) => this.#cut(revocation));
    reply.onGone(() => this.#gone());
  }

  /** True when the call has ended, one way or another. */
  get over(): boolean {
    return this.#over;
  }

  /** Takes charge of the request that was dispatched for this answer. */
  follow(sending: Sending): void {
    if (this.#over) {
      sending.abort();
      return;
    }
    this.#tally.nothingDone = false;
    this.#sending = sending;
    this.#o.reply.onDrain(() => this.#sending?.resume());
  }

  head(status: number, headers: AnswerHeaders): void {
    if (this.#over && !this.#lingers) return;
    this.#tally.head(status, headers);
    try {
      this.#take(status, headers);
    } catch (fault) {
      this.fail(fault);
    }
  }

  #take(status: number, headers: AnswerHeaders): void {
    const { call, headOnly, permit } = this.#o;
    const unfit = unfitFor(status);
    if (unfit) throw new Refusal(unfit, `upstream answered ${status}`);
    const handling = handlingOf(call.reads, status, headers, headOnly, permit.withholds);
    if (handling === 'hold') {
      this.#held = new HeldAnswer(status, headers);
      return;
    }
    if (this.#list?.begun) throw new Refusal('upstream_answer_refused', `a page of the list: ${status}`);
    if (this.#lingers) {
      this.#lingers = false;
      this.#sending?.abort();
      return;
    }
    const isEventStream = first(headers['content-type'])?.startsWith('text/event-stream') ?? false;
    const isPlain = headers['content-encoding'] === undefined;
    if (isEventStream && isPlain) this.#events = new WholeEvents();
    if (handling === 'claim') this.#claims = this.#claimed();
    // RFC 9110 section 8.6: with 204 a length would announce bytes that never come.
    const reframed = this.#events !== null || (headOnly && this.#list !== null) || status === 204;
    this.#unsent = { status, headers: this.#headers(headers, reframed) };
  }

  /** Before each piece of the answer, the head with the first. False when nothing may pass any more. */
  #begin(): boolean {
    if (this.#over || !this.#o.permit.begin()) return false;
    const head = this.#unsent;
    if (head === null) return true;
    this.#unsent = null;
    try {
      this.#o.reply.head(head.status, head.headers);
    } catch (fault) {
      this.fail(fault);
      return false;
    }
    this.#tally.status = head.status;
    return true;
  }

  #headers(headers: AnswerHeaders, reframed: boolean): string[] {
    const { permit } = this.#o;
    return [...answerHeaders(headers, reframed), 'x-request-id', permit.id, ...permit.headers];
  }

  data(chunk: Uint8Array): boolean {
    if (this.#held) return this.#hold(this.#held, chunk);
    if (this.#over) return true;
    const ready = this.#events ? this.#events.push(chunk) : chunk;
    return ready.length === 0 || this.#pass(ready);
  }

  end(): void {
    this.#ended = true;
    if (this.#held) {
      this.#finish(this.#held).catch((fault) => this.fail(fault));
      return;
    }
    if (this.#over) return;
    const rest = this.#events?.rest();
    if (rest?.length) this.#pass(rest);
    if (!this.#claims?.waits) this.#complete();
  }

  error(fault: UpstreamFault): void {
    if (this.#over) return;
    if (this.#tally.status === null) {
      if (fault === 'unreachable' || fault === 'busy') this.#tally.nothingDone = true;
      this.#refuse(new Refusal(FAULTS[fault], fault));
      return;
    }
    this.#o.reply.abort();
    this.#settle('upstream-error', fault);
  }

  #hold(held: HeldAnswer, chunk: Uint8Array): boolean {
    try {
      held.push(chunk);
    } catch (fault) {
      this.#held = null;
      this.fail(fault);
    }
    return true;
  }

  /** The row is settled, and what the answer shows is the tester's, before the tester gets it. */
  async #finish(held: HeldAnswer): Promise<void> {
    const { call, permit, reply } = this.#o;
    const json = await held.json();
    const made = madeIn(call.reads.makes, json);
    if (this.#over) return made.length > 0 ? permit.claim(made) : undefined;
    const next = this.#list?.take(json) ?? null;
    if (next !== null) return this.#nextPage(next);
    const { body, answer, headers } = this.#list ? rewritten(this.#list.answer()) : asItCame(held, json);
    if (permit.withholds) await this.#withhold(permit.withholds, answer, made);
    this.#tally.bytesOut = body.length;
    const told = { made, jobs: call.reads.job ? jobsIn(answer) : [], used: usedIn(answer) };
    const { deletes: deleted } = call.reads;
    const settlement = { ...this.#tally.settlement('complete', null), status: held.status, deleted, ...told };
    await permit.settleThen(settlement, () => {
      this.#over = true;
      reply.head(held.status, [...this.#headers(held.headers, this.#list !== null), ...headers]);
      reply.end(body);
    });
  }

  /** What it made is the tester's all the same. @throws Refusal when the answer holds an output, or leads to one */
  async #withhold(how: Withheld, answer: unknown, made: readonly Made[]): Promise<void> {
    const place = outputIn(answer);
    if (place === null) return;
    if (made.length > 0) await this.#o.permit.claim(made);
    throw withheld(how, `${this.#o.call.operation}: ${place}`, `The answer holds one at "${place}".`);
  }

  #nextPage(query: string): void {
    this.#held = null;
    this.#ended = false;
    this.#sending = this.#o.again(query, this);
  }

  #claimed(): ClaimedEvents {
    const { call, permit } = this.#o;
    return new ClaimedEvents(call.reads.makes, {
      claim: (made) => permit.claim(made),
      write: (events) => this.#over || this.#write(events),
      caughtUp: (room) => {
        if (this.#over) return;
        if (this.#ended) this.#complete();
        else if (room) this.#sending?.resume();
      },
      failed: (fault) => this.fail(fault),
    });
  }

  /** @returns false: stop reading until the tester has caught up */
  #pass(ready: Uint8Array): boolean {
    return this.#claims ? this.#claims.push(ready) : this.#write(ready);
  }

  #write(bytes: Uint8Array): boolean {
    if (!this.#begin()) return true;
    this.#tally.wrote(bytes);
    return this.#o.reply.write(bytes);
  }

  #complete(): void {
    if (!this.#begin()) return;
    this.#o.reply.end();
    this.#settle('complete');
  }

  #gone(): void {
    if (this.#over) return;
    this.#leave();
    this.#settle('client-gone');
  }

  /**
   * A switch took the permit: nothing more goes out but the word that it was cut. With thousands to cut, the testers of all
   * are told first; what is left to do behind that waits its turn.
   */
  #cut({ refusal, scope }: Revocation): void {
    if (this.#over) return;
    if (this.#tally.status === null) {
      this.#refuse(refusal);
      return;
    }
    this.#over = true;
    this.#breakOff(refusal);
    later(() => {
      this.#leave();
      this.#settle('cut', scope);
    });
  }

  /**
   * An event stream can say why it ends; any other body must break, or it would pass for whole. So must one whose
   * client lags behind: what waits for it would still go out after the stop.
   */
  #breakOff(refusal: Refusal): void {
    const { reply, permit } = this.#o;
    if (this.#events && !reply.closed && !reply.waits) reply.end(errorEvent(refusalBody(refusal, permit.id)));
    else reply.abort();
  }

  /** Ends the request, unless it is making something that would then be nobody's. */
  #leave(): void {
    const { makes, usage } = this.#o.call.reads;
    const answers = this.#tally.status !== null || this.#unsent !== null;
    this.#lingers = makes !== null && !usage && this.#sending !== null && !answers;
    this.#unsent = null;
    if (!this.#lingers) this.#sending?.abort();
  }

  /** What went wrong while the answer was read. */
  fail(fault: unknown): void {
    this.#sending?.abort();
    this.#held = null;
    if (this.#over) return;
    const refusal = fault instanceof Refusal ? fault : unexpected(fault, this.#o.permit.id);
    if (this.#tally.status === null) {
      this.#refuse(refusal);
      return;
    }
    this.#breakOff(refusal);
    this.#settle('upstream-error', refusal.detail);
  }

  /** Before the head went out the tester still gets a proper answer. */
  #refuse(refusal: Refusal): void {
    this.#leave();
    const { reply, permit, realm, headOnly } = this.#o;
    this.#tally.status = refusal.status;
    sendRefusal(refusal, permit.id, reply, realm, headOnly);
    this.#settle(refusal.code, refusal.detail || null);
  }

  #settle(outcome: Outcome, detail: string | null = null): void {
    this.#over = true;
    const { permit, call } = this.#o;
    const deleted = outcome === 'complete' && (this.#tally.status ?? 500) < 300 ? call.reads.deletes : null;
    void permit.settle({ ...this.#tally.settlement(outcome, detail), deleted, used: this.#tally.used() });
  }
}

/** A 401 can quote our key, and a redirect would take the tester past the gate. */
function unfitFor(status: number): RefusalCode | null {
  if (status === 401 || status === 407) return 'upstream_refused_us';
  if (status >= 300 && status < 400 && status !== 304) return 'upstream_answer_refused';
  // RFC 9110 section 15: no such status; each reader would make something else of it.
  if (status > 599) return 'upstream_answer_refused';
  return null;
}

interface ReadAnswer {
  readonly body: Uint8Array;
  readonly answer: unknown;
  /** Beyond upstream's. */
  readonly headers: readonly string[];
}

function asItCame(held: HeldAnswer, answer: unknown): ReadAnswer {
  return { body: held.bytes(), answer, headers: [] };
}

function rewritten(answer: object): ReadAnswer {
  const body = new TextEncoder().encode(JSON.stringify(answer));
  return { body, answer, headers: ['content-length', String(body.length)] };
}
