/** An open socket: two flows, pings that find dead peers, and how it ends. */
import type { Answer, Outcome } from '../admission/admission.ts';
import type { Clock, SocketEnd, SocketListener } from '../deps.ts';
import { Refusal } from '../refusal.ts';
import { Flow } from './flow.ts';
import { closeReason, errorFrame, isCloseCode, judgeFrame, told } from './frames.ts';

/** Looks at an event of the client, beyond its model; nothing passes before it has spoken. */
export type FrameCheck = (message: unknown) => Answer;

interface Options {
  readonly id: string;
  readonly client: SocketEnd;
  readonly upstream: SocketEnd;
  /** The judged model: the only one that frames may name. */
  readonly model: string | null;
  readonly now: Clock;
  readonly idleMs: number;
  /** The token's end, Unix milliseconds. */
  readonly expiresAt: number;
  readonly checkFrame: FrameCheck;
  readonly passes: () => boolean;
  readonly quotesKey: (said: Uint8Array | string) => boolean;
  readonly ended: (outcome: Outcome, detail: string | null) => void;
}

/** What one side is told at the end; null: the connection is broken off. */
type Farewell = { readonly code?: number; readonly reason?: string } | null;

interface Ending {
  readonly outcome: Outcome;
  readonly detail?: string;
  readonly client: Farewell;
  readonly upstream: Farewell;
}

const PING_MS = 30_000;
/** Well within what the log takes for the longest call. */
const LONGEST_MS = 86_400_000;
const LAG_BYTES = 65_536;
const GOING_AWAY = { code: 1001 };

export class Relay {
  readonly #o: Options;
  readonly #up: Flow;
  readonly #down: Flow;
  readonly #until: number;
  readonly #pulse: ReturnType<typeof setInterval>;
  #over = false;
  tokens = 0;

  constructor(options: Options) {
    const { client, upstream, now, idleMs, passes } = options;
    this.#o = options;
    this.#until = now() + LONGEST_MS;
    const refused = (refusal: Refusal) => this.refuse(refusal, 'cut');
    this.#up = new Flow({ from: client, to: upstream, now, check: this.#judge, refused, passes });
    this.#down = new Flow({
      from: upstream,
      to: client,
      now,
      check: this.#read,
      refused: this.#refusedAnswer,
      passes,
    });
    client.listen(this.#listener(this.#up, this.#clientBroke, this.#clientClosed));
    upstream.listen(this.#listener(this.#down, this.#upstreamBroke, this.#upstreamClosed));
    this.#pulse = setInterval(() => this.#beat(), Math.min(PING_MS, idleMs / 2));
  }

  get bytesIn(): number {
    return this.#up.bytes;
  }

  get bytesOut(): number {
    return this.#down.bytes;
  }

  /** Tells the client why in-band and in the close frame, unless it lags behind; breaks upstream off. */
  refuse(refusal: Refusal, outcome: Outcome, detail?: string): void {
    const code = refusal.status >= 500 ? 1011 : 1008;
    // What waits for a client that reads slowly would still go out after a stop.
    const lags = this.#o.client.buffered > LAG_BYTES;
    this.#end(
      {
        outcome,
        detail: detail ?? `${refusal.code}: ${refusal.detail}`,
        client: lags ? null : { code, reason: closeReason(refusal.text) },
        upstream: null,
      },
      lags ? undefined : refusal,
    );
  }

  shutdown(): void {
    this.#end({ outcome: 'cut', detail: 'shutdown', client: GOING_AWAY, upstream: GOING_AWAY });
  }

  #listener(flow: Flow, broke: (why: string) => void, closed: SocketListener['closed']): SocketListener {
    return {
      frame: (data, binary) => flow.push(data, binary),
      pong: () => flow.heard(),
      broke,
      closed,
    };
  }

  /** Binary frames too: an upstream may read them as it reads text. */
  readonly #judge = (data: Uint8Array): Answer => this.#o.checkFrame(judgeFrame(data, this.#o.model));

  readonly #read = (data: Uint8Array): Refusal | null => {
    const { tokens, refusesUs } = told(data);
    this.tokens += tokens;
    if (refusesUs) return new Refusal('upstream_refused_us', 'invalid_api_key');
    return this.#o.quotesKey(data) ? new Refusal('upstream_answer_refused', 'key-echoed') : null;
  };

  readonly #refusedAnswer = (refusal: Refusal): void => this.refuse(refusal, refusal.code, refusal.detail);

  readonly #clientBroke = (why: string): void => {
    this.#end({
      outcome: 'cut',
      detail: `invalid_request: ${why}`,
      client: { code: 1002 },
      upstream: GOING_AWAY,
    });
  };

  readonly #clientClosed = (code: number, reason: string): void => {
    if (code === 1006) this.#end({ outcome: 'client-gone', client: null, upstream: null });
    else this.#end({ outcome: 'complete', client: null, upstream: farewell(code, reason) });
  };

  readonly #upstreamBroke = (why: string): void => {
    const refusal = new Refusal('upstream_error', why);
    this.refuse(refusal, 'upstream-error', why);
  };

  readonly #upstreamClosed = (code: number, reason: string): void => {
    if (code === UNAUTHORIZED) this.#refusedAnswer(new Refusal('upstream_refused_us', `close ${code}`));
    else if (code === 1006) this.#upstreamBroke('connection lost');
    else {
      const safe = ABOUT_KEYS.test(reason) || this.#o.quotesKey(reason) ? '' : reason;
      const failed = code > 1001 && code < 3000 && code !== 1005;
      const outcome = failed ? 'upstream-error' : 'complete';
      this.#end({ outcome, detail: `close ${code}`, client: farewell(code, safe), upstream: null });
    }
  };

  #beat(): void {
    const { client, upstream, idleMs, now, expiresAt } = this.#o;
    if (now() >= expiresAt) {
      this.refuse(new Refusal('token_expired', 'while it was open'), 'cut');
      return;
    }
    if (now() >= this.#until) {
      this.#end({ outcome: 'complete', detail: 'open for a day', client: GOING_AWAY, upstream: GOING_AWAY });
      return;
    }
    const idle = this.#up.idleSide(idleMs) ?? this.#down.idleSide(idleMs);
    if (idle) {
      const outcome = idle === client ? 'client-gone' : 'upstream-error';
      this.#end({ outcome, detail: 'idle', client: GOING_AWAY, upstream: GOING_AWAY });
      return;
    }
    client.ping();
    upstream.ping();
  }

  #end(ending: Ending, refusal?: Refusal): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#pulse);
    this.#up.stop();
    this.#down.stop();
    const { client, upstream, id, ended } = this.#o;
    if (refusal) client.send(errorFrame(refusal, id), false, () => {});
    leave(upstream, ending.upstream);
    leave(client, ending.client);
    ended(ending.outcome, ending.detail ?? null);
  }
}

/** Words of upstream's about our key may quote it. */
const ABOUT_KEYS = /api[ _-]?key|\bsk-/i;
/** IANA's WebSocket close code registry: Unauthorized. */
const UNAUTHORIZED = 3000;

function farewell(code: number, reason: string): Farewell {
  return isCloseCode(code) ? { code, reason } : {};
}

function leave(end: SocketEnd, how: Farewell): void {
  if (how) end.close(how.code, how.reason);
  else end.terminate();
}
