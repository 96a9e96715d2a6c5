/** What is known of an answer so far; at its end, its row. */
import type { Outcome, Settlement } from '../admission/admission.ts';
import type { AnswerHeaders, Clock, Digest } from '../deps.ts';
import { first } from './answer-headers.ts';
import type { Call } from './describe.ts';
import { inputTokens, type Units } from './units.ts';
import { UsageTail } from './usage-tail.ts';

const MAX_REQUEST_ID_CHARS = 128;
const MAX_TYPE_CHARS = 80;

export class Tally {
  readonly #call: Call;
  readonly #now: Clock;
  readonly #arrivedAt: number;
  /** What the tester got; null before that. */
  status: number | null = null;
  bytesOut = 0;
  /** True when it is certain that upstream did nothing. */
  nothingDone = true;
  #upstreamStatus: number | null = null;
  #upstreamRequestId: string | null = null;
  #firstByteMs: number | null = null;
  #tail: UsageTail | null = null;
  #mediaType: string | null = null;
  readonly #newDigest: () => Digest;
  #digest: Digest | null = null;

  constructor(call: Call, now: Clock, newDigest: () => Digest, arrivedAt: number) {
    this.#call = call;
    this.#newDigest = newDigest;
    this.#now = now;
    this.#arrivedAt = arrivedAt;
  }

  /** Upstream answers. */
  head(status: number, headers: AnswerHeaders): void {
    this.#upstreamStatus = status;
    this.#upstreamRequestId = first(headers['x-request-id'])?.slice(0, MAX_REQUEST_ID_CHARS) ?? null;
    this.#firstByteMs ??= this.#now() - this.#arrivedAt;
    this.nothingDone = status >= 300;
    this.#mediaType = mediaTypeOf(headers);
    const isPlain = headers['content-encoding'] === undefined;
    this.#tail = this.#call.reads.usage && isPlain ? new UsageTail() : null;
    this.#digest = status === 200 && isPlain && isOutput(this.#mediaType) ? this.#newDigest() : null;
  }

  /** These bytes go to the tester. */
  wrote(bytes: Uint8Array): void {
    this.bytesOut += bytes.length;
    this.#tail?.push(bytes);
    this.#digest?.update(bytes);
  }

  settlement(outcome: Outcome, detail: string | null): Settlement {
    return {
      outcome,
      detail,
      status: this.status,
      upstreamStatus: this.#upstreamStatus,
      upstreamRequestId: this.#upstreamRequestId,
      firstByteMs: this.#firstByteMs,
      durationMs: this.#now() - this.#arrivedAt,
      bytesOut: this.bytesOut,
      outputHash: outcome === 'complete' && this.bytesOut > 0 ? (this.#digest?.hex() ?? null) : null,
      output: this.#call.output && { ...this.#call.output, mediaType: this.#mediaType },
    };
  }

  /** All is given back when upstream did nothing; what is not known stays as it was set aside. */
  used(): Units {
    const { units, body } = this.#call;
    if (this.nothingDone) return Object.fromEntries(Object.keys(units).map((unit) => [unit, 0]));
    const events = this.#tail?.events ?? 0;
    // A stream without a count, or one that was cut: each event is about one token.
    const streamed = events > 0 ? inputTokens(body?.length ?? 0) + events : null;
    const tokens = this.#tail?.tokens() ?? streamed;
    return { bytes: body?.length ?? this.bytesOut, ...(tokens === null ? {} : { tokens }) };
  }
}

/** A clip, a picture, sound, a file: what somebody could show outside. Never JSON or events, which quote the call. */
function isOutput(type: string | null): boolean {
  return type !== null && type !== 'application/json' && type !== 'text/event-stream';
}

function mediaTypeOf(headers: AnswerHeaders): string | null {
  return (
    first(headers['content-type'])?.split(';', 1)[0]?.trim().toLowerCase().slice(0, MAX_TYPE_CHARS) || null
  );
}
