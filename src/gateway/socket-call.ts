/** Step 7 for a WebSocket: completes the handshake when upstream has, relays, and settles the row with how it ended. */
import type { Outcome } from '../admission/admission.ts';
import type { AnswerHeaders, DialSink, Opening, Reply, Sending, SocketEnd, UpstreamFault } from '../deps.ts';
import { Refusal } from '../refusal.ts';
import { first } from './answer-headers.ts';
import type { Permitted } from './forward.ts';
import { checkEvent } from './frame-check.ts';
import type { Gate } from './handler.ts';
import { sendRefusal } from './refuse.ts';
import { Relay } from './relay.ts';
import { FAULTS } from './stream.ts';

interface Options extends Permitted {
  readonly opening: Opening;
  readonly reply: Reply;
  readonly gate: Gate;
}

export class SocketCall implements DialSink {
  readonly #o: Options;
  #dialled: Pick<Sending, 'abort'> | null = null;
  #relay: Relay | null = null;
  #over = false;
  #status: number | null = null;
  #upstreamStatus: number | null = null;
  #upstreamRequestId: string | null = null;
  #firstByteMs: number | null = null;

  constructor(options: Options) {
    this.#o = options;
    const { permit, reply, gate } = options;
    gate.sockets.add(this);
    permit.onRevoked(({ refusal, scope }) => {
      if (this.#relay) this.#relay.refuse(refusal, 'cut', scope);
      else this.#refuse(refusal);
    });
    reply.onGone(() => this.#gone());
  }

  /** True when the call has ended, one way or another. */
  get over(): boolean {
    return this.#over;
  }

  /** Takes charge of the handshake that was begun for this call. */
  follow(dialled: Pick<Sending, 'abort'>): void {
    if (this.#over) dialled.abort();
    else this.#dialled = dialled;
  }

  opened(upstream: SocketEnd, headers: AnswerHeaders): void {
    this.#heard(101, headers);
    const { who, permit, opening, call, gate } = this.#o;
    if (!permit.begin()) return;
    const client = opening.accept(['x-request-id', permit.id, ...permit.headers]);
    if (client === null) {
      this.#gone();
      return;
    }
    this.#status = 101;
    this.#relay = new Relay({
      id: permit.id,
      client,
      upstream,
      model: call.model,
      now: gate.now,
      idleMs: gate.socketIdleMs,
      expiresAt: who.expiresAt * 1000,
      quotesKey: (said) => gate.upstream.quotesKey(said),
      passes: () => permit.begin(),
      checkFrame: (event) => checkEvent(event, call.model, permit),
      ended: (outcome, detail) => this.#settle(outcome, detail),
    });
  }

  /** The body stays behind: nobody knows what it quotes. */
  refused(status: number, headers: AnswerHeaders): void {
    this.#heard(status, headers);
    const detail = `upstream answered ${status}`;
    if (status === 401 || status === 407) this.#refuse(new Refusal('upstream_refused_us', detail));
    else if (status < 400) this.#refuse(new Refusal('upstream_answer_refused', detail));
    else {
      const wait = first(headers['retry-after']) ?? '';
      this.#refuse(
        new Refusal('upstream_answer_refused', detail, {
          status,
          message: `It refused the connection with status ${status}.`,
          retryAfterSeconds: /^\d{1,5}$/.test(wait) ? Number(wait) : undefined,
        }),
      );
    }
  }

  error(fault: UpstreamFault): void {
    this.#refuse(new Refusal(FAULTS[fault], fault));
  }

  /** The gate goes away. */
  shutdown(): void {
    if (this.#relay) this.#relay.shutdown();
    else this.#refuse(new Refusal('gateway_busy', 'shutdown'));
  }

  #heard(status: number, headers: AnswerHeaders): void {
    const { gate, arrivedAt } = this.#o;
    this.#upstreamStatus = status;
    this.#upstreamRequestId = first(headers['x-request-id'])?.slice(0, 128) ?? null;
    this.#firstByteMs = gate.now() - arrivedAt;
  }

  #gone(): void {
    if (this.#over) return;
    this.#dialled?.abort();
    this.#settle('client-gone', null);
  }

  /** Before the handshake is complete the tester gets a proper answer. */
  #refuse(refusal: Refusal): void {
    if (this.#over) return;
    this.#dialled?.abort();
    const { reply, permit, gate } = this.#o;
    this.#status = refusal.status;
    sendRefusal(refusal, permit.id, reply, gate.realm, false);
    this.#settle(refusal.code, refusal.detail || null);
  }

  #settle(outcome: Outcome, detail: string | null): void {
    this.#over = true;
    const { permit, gate, arrivedAt } = this.#o;
    gate.sockets.delete(this);
    void permit.settle({
      outcome,
      detail,
      status: this.#status,
      upstreamStatus: this.#upstreamStatus,
      upstreamRequestId: this.#upstreamRequestId,
      firstByteMs: this.#firstByteMs,
      durationMs: gate.now() - arrivedAt,
      bytesIn: this.#relay?.bytesIn ?? 0,
      bytesOut: this.#relay?.bytesOut ?? 0,
      used: { tokens: this.#relay?.tokens ?? 0 },
    });
  }
}
