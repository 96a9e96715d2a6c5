/** Step 7: passes the answer on, stops when the permit is taken back, and settles the row with how it ended. */
import type { Outcome, Permit, Revocation } from '../admission/admission.ts';
import type { AnswerHeaders, AnswerSink, Clock, Reply, Sending, UpstreamFault } from '../deps.ts';
import { Refusal, type RefusalCode, refusalBody } from '../refusal.ts';
import { answerHeaders, first } from './answer-headers.ts';
import { sendRefusal } from './refuse.ts';
import { errorEvent, WholeEvents } from './sse.ts';

interface Options {
  readonly permit: Permit;
  readonly reply: Reply;
  readonly now: Clock;
  readonly realm: string;
  readonly arrivedAt: number;
  readonly headOnly: boolean;
}

const FAULTS: Readonly<Record<UpstreamFault, RefusalCode>> = {
  unreachable: 'upstream_unreachable',
  timeout: 'upstream_timeout',
  broken: 'upstream_error',
  busy: 'gateway_busy',
};

export class AnswerStream implements AnswerSink {
  readonly #o: Options;
  #sending: Sending | null = null;
  #events: WholeEvents | null = null;
  #over = false;
  #status: number | null = null;
  #upstreamStatus: number | null = null;
  #upstreamRequestId: string | null = null;
  #firstByteMs: number | null = null;
  #bytesOut = 0;

  constructor(options: Options) {
    this.#o = options;
    options.permit.onRevoked((revocation) => this.#cut(revocation));
    options.reply.onGone(() => this.#gone());
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
    this.#o.reply.onDrain(() => sending.resume());
  }

  head(status: number, headers: AnswerHeaders): void {
    if (this.#over) return;
    const { permit, reply, now, arrivedAt } = this.#o;
    this.#upstreamStatus = status;
    this.#upstreamRequestId = first(headers['x-request-id'])?.slice(0, 128) ?? null;
    this.#firstByteMs = now() - arrivedAt;
    const unfit = unfitFor(status);
    if (unfit) {
      this.#refuse(new Refusal(unfit, `upstream answered ${status}`));
      return;
    }
    const isEventStream = first(headers['content-type'])?.startsWith('text/event-stream') ?? false;
    const isPlain = headers['content-encoding'] === undefined;
    if (isEventStream && isPlain) this.#events = new WholeEvents();
    this.#status = status;
    permit.streaming = true;
    reply.head(status, [
      ...answerHeaders(headers, this.#events !== null),
      'x-request-id',
      permit.id,
      ...permit.headers,
    ]);
  }

  data(chunk: Uint8Array): boolean {
    if (this.#over) return true;
    const ready = this.#events ? this.#events.push(chunk) : chunk;
    if (ready.length === 0) return true;
    this.#bytesOut += ready.length;
    return this.#o.reply.write(ready);
  }

  end(): void {
    if (this.#over) return;
    const rest = this.#events?.rest();
    this.#bytesOut += rest?.length ?? 0;
    this.#o.reply.end(rest?.length ? rest : undefined);
    this.#settle('complete');
  }

  error(fault: UpstreamFault): void {
    if (this.#over) return;
    if (this.#status === null) {
      this.#refuse(new Refusal(FAULTS[fault], fault));
      return;
    }
    this.#o.reply.abort();
    this.#settle('upstream-error', fault);
  }

  #gone(): void {
    if (this.#over) return;
    this.#sending?.abort();
    this.#settle('client-gone');
  }

  /** A switch took the permit: nothing more goes out but the word that it was cut. */
  #cut({ refusal, scope }: Revocation): void {
    if (this.#over) return;
    if (this.#status === null) {
      this.#refuse(refusal);
      return;
    }
    this.#sending?.abort();
    const { reply, permit } = this.#o;
    // An event stream can say why it ends; any other body must break, or it would pass for whole.
    if (this.#events && !reply.closed) reply.end(errorEvent(refusalBody(refusal, permit.id)));
    else reply.abort();
    this.#settle('cut', scope);
  }

  /** Before the head went out the tester still gets a proper answer. */
  #refuse(refusal: Refusal): void {
    this.#sending?.abort();
    const { reply, permit, realm, headOnly } = this.#o;
    this.#status = refusal.status;
    sendRefusal(refusal, permit.id, reply, realm, headOnly);
    this.#settle(refusal.code, refusal.detail || null);
  }

  #settle(outcome: Outcome, detail: string | null = null): void {
    this.#over = true;
    const { permit, now, arrivedAt } = this.#o;
    void permit.settle({
      outcome,
      detail,
      status: this.#status,
      upstreamStatus: this.#upstreamStatus,
      upstreamRequestId: this.#upstreamRequestId,
      firstByteMs: this.#firstByteMs,
      durationMs: now() - arrivedAt,
      bytesOut: this.#bytesOut,
    });
  }
}

/** A 401 can quote our key, and a redirect would take the tester past the gate. */
function unfitFor(status: number): RefusalCode | null {
  if (status === 401 || status === 407) return 'upstream_refused_us';
  if (status >= 300 && status < 400 && status !== 304) return 'upstream_answer_refused';
  return null;
}
