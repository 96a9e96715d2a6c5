/** Step 7: passes the answer on, stops when the permit is taken back, and settles the row with how it ended. */
import type { Outcome, Permit, Revocation, Settlement } from '../admission/admission.ts';
import type { AnswerHeaders, AnswerSink, Clock, Reply, Sending, UpstreamFault } from '../deps.ts';
import { Refusal, type RefusalCode, refusalBody } from '../refusal.ts';
import { jobsIn, madeIn, usedIn } from './answer.ts';
import { answerHeaders, first } from './answer-headers.ts';
import type { Call } from './describe.ts';
import { EventClaims } from './event-claims.ts';
import { HeldAnswer, handlingOf } from './held-answer.ts';
import { OwnList } from './own-list.ts';
import { sendRefusal, unexpected } from './refuse.ts';
import { errorEvent, WholeEvents } from './sse.ts';
import { inputTokens, type Units } from './units.ts';
import { UsageTail } from './usage-tail.ts';

interface Options {
  readonly call: Call;
  /** Of the request, with its `?`, or empty. */
  readonly query: string;
  readonly permit: Permit;
  readonly reply: Reply;
  readonly now: Clock;
  readonly realm: string;
  readonly arrivedAt: number;
  readonly headOnly: boolean;
  /** Sends the same call once more with another query, for the next page of a list. */
  readonly again: (query: string, sink: AnswerSink) => Sending;
}

const FAULTS: Readonly<Record<UpstreamFault, RefusalCode>> = {
  unreachable: 'upstream_unreachable',
  timeout: 'upstream_timeout',
  broken: 'upstream_error',
  busy: 'gateway_busy',
};

export class AnswerStream implements AnswerSink {
  readonly #o: Options;
  readonly #list: OwnList | null;
  #sending: Sending | null = null;
  #held: HeldAnswer | null = null;
  #events: WholeEvents | null = null;
  #claims: EventClaims | null = null;
  #tail: UsageTail | null = null;
  /** Events that wait until the ids in them are the tester's. */
  #waiting: Uint8Array[] | null = null;
  #ended = false;
  #over = false;
  /** True when nobody waits for the answer any more, but what it made has to be known. */
  #lingers = false;
  #status: number | null = null;
  #upstreamStatus: number | null = null;
  #upstreamRequestId: string | null = null;
  #firstByteMs: number | null = null;
  #bytesOut = 0;
  #nothingDone = false;

  constructor(options: Options) {
    this.#o = options;
    const { call, query, permit, reply } = options;
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
    this.#sending = sending;
    this.#o.reply.onDrain(() => this.#sending?.resume());
  }

  head(status: number, headers: AnswerHeaders): void {
    if (this.#over && !this.#lingers) return;
    this.#upstreamStatus = status;
    this.#upstreamRequestId = first(headers['x-request-id'])?.slice(0, 128) ?? null;
    this.#firstByteMs ??= this.#o.now() - this.#o.arrivedAt;
    try {
      this.#take(status, headers);
    } catch (fault) {
      this.#fail(fault);
    }
  }

  #take(status: number, headers: AnswerHeaders): void {
    const { call, headOnly, permit, reply } = this.#o;
    const unfit = unfitFor(status);
    if (unfit) throw new Refusal(unfit, `upstream answered ${status}`);
    const handling = handlingOf(call.reads, status, headers, headOnly);
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
    if (handling === 'claim') this.#claims = new EventClaims(call.reads.makes);
    if (call.reads.usage && isPlain) this.#tail = new UsageTail();
    this.#status = status;
    permit.streaming = true;
    reply.head(status, this.#headers(headers, this.#events !== null || (headOnly && this.#list !== null)));
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
      this.#finish(this.#held).catch((fault) => this.#fail(fault));
      return;
    }
    if (this.#over) return;
    const rest = this.#events?.rest();
    if (rest?.length) this.#pass(rest);
    if (!this.#waiting) this.#complete();
  }

  error(fault: UpstreamFault): void {
    if (this.#over) return;
    if (this.#status === null) {
      this.#nothingDone = fault === 'unreachable' || fault === 'busy';
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
      this.#fail(fault);
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
    const answer = this.#list?.answer() ?? json;
    const body = this.#list ? new TextEncoder().encode(JSON.stringify(answer)) : held.bytes();
    const headers = this.#headers(held.headers, this.#list !== null);
    if (this.#list) headers.push('content-length', String(body.length));
    this.#bytesOut = body.length;
    const jobs = call.reads.job ? jobsIn(answer) : [];
    const settled = {
      ...this.#settlement('complete', null),
      status: held.status,
      made,
      jobs,
      used: usedIn(json),
    };
    await permit.settleThen(settled, () => {
      this.#over = true;
      reply.head(held.status, headers);
      reply.end(body);
    });
  }

  #nextPage(query: string): void {
    this.#held = null;
    this.#ended = false;
    this.#sending = this.#o.again(query, this);
  }

  /** @returns false: stop reading until the tester has caught up */
  #pass(ready: Uint8Array): boolean {
    if (this.#waiting) {
      this.#waiting.push(ready);
      return false;
    }
    const fresh = this.#claims?.fresh(ready) ?? [];
    if (fresh.length === 0) return this.#write(ready);
    this.#waiting = [ready];
    this.#o.permit.claim(fresh).then(
      () => this.#claimed(),
      (fault) => this.#fail(fault),
    );
    return false;
  }

  #claimed(): void {
    const [first, ...later] = this.#waiting ?? [];
    this.#waiting = null;
    if (this.#over || !first) return;
    let room = this.#write(first);
    for (const events of later) room = this.#pass(events);
    if (this.#waiting) return;
    if (this.#ended) this.#complete();
    else if (room) this.#sending?.resume();
  }

  #write(bytes: Uint8Array): boolean {
    this.#tail?.push(bytes);
    this.#bytesOut += bytes.length;
    return this.#o.reply.write(bytes);
  }

  #complete(): void {
    this.#o.reply.end();
    this.#settle('complete');
  }

  #gone(): void {
    if (this.#over) return;
    this.#leave();
    this.#settle('client-gone');
  }

  /** A switch took the permit: nothing more goes out but the word that it was cut. */
  #cut({ refusal, scope }: Revocation): void {
    if (this.#over) return;
    if (this.#status === null) {
      this.#refuse(refusal);
      return;
    }
    this.#leave();
    this.#breakOff(refusal);
    this.#settle('cut', scope);
  }

  /** An event stream can say why it ends; any other body must break, or it would pass for whole. */
  #breakOff(refusal: Refusal): void {
    const { reply, permit } = this.#o;
    if (this.#events && !reply.closed) reply.end(errorEvent(refusalBody(refusal, permit.id)));
    else reply.abort();
  }

  /** Ends the request, unless it is making something that would then be nobody's. */
  #leave(): void {
    const { makes, usage } = this.#o.call.reads;
    this.#lingers = makes !== null && !usage && this.#sending !== null && this.#status === null;
    if (!this.#lingers) this.#sending?.abort();
  }

  /** What went wrong while the answer was read. */
  #fail(fault: unknown): void {
    this.#sending?.abort();
    this.#held = null;
    if (this.#over) return;
    const refusal = fault instanceof Refusal ? fault : unexpected(fault, this.#o.permit.id);
    if (this.#status === null) {
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
    this.#status = refusal.status;
    sendRefusal(refusal, permit.id, reply, realm, headOnly);
    this.#settle(refusal.code, refusal.detail || null);
  }

  #settle(outcome: Outcome, detail: string | null = null): void {
    this.#over = true;
    const { permit, call } = this.#o;
    const deleted = outcome === 'complete' && (this.#status ?? 500) < 300 ? call.reads.deletes : null;
    void permit.settle({ ...this.#settlement(outcome, detail), deleted, used: this.#used() });
  }

  #settlement(outcome: Outcome, detail: string | null): Settlement {
    const { now, arrivedAt } = this.#o;
    return {
      outcome,
      detail,
      status: this.#status,
      upstreamStatus: this.#upstreamStatus,
      upstreamRequestId: this.#upstreamRequestId,
      firstByteMs: this.#firstByteMs,
      durationMs: now() - arrivedAt,
      bytesOut: this.#bytesOut,
    };
  }

  /** All is given back when upstream did nothing; what is not known stays as it was set aside. */
  #used(): Units {
    const { call } = this.#o;
    if (this.#sending === null || this.#nothingDone || (this.#upstreamStatus ?? 200) >= 300)
      return Object.fromEntries(Object.keys(call.units).map((unit) => [unit, 0]));
    const bytes = call.body?.length ?? this.#bytesOut;
    const counted = this.#tail?.tokens() ?? null;
    const streamed = this.#tail?.events ? inputTokens(call.body?.length ?? 0) + this.#tail.events : null;
    const tokens = counted ?? streamed;
    return { bytes, ...(tokens === null ? {} : { tokens }) };
  }
}

/** A 401 can quote our key, and a redirect would take the tester past the gate. */
function unfitFor(status: number): RefusalCode | null {
  if (status === 401 || status === 407) return 'upstream_refused_us';
  if (status >= 300 && status < 400 && status !== 304) return 'upstream_answer_refused';
  return null;
}
