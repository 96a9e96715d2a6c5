/** One direction of a socket: frames in their order, each after it was checked, no faster than the other side takes them. */
import type { Answer } from '../admission/admission.ts';
import type { Clock, SocketEnd } from '../deps.ts';
import { Refusal } from '../refusal.ts';

/** Why a frame must not pass; a promise while that is being found out. */
export type Check = (data: Uint8Array) => Answer;

/** Beyond the first mark the sender is not read any more, below the second it is again. */
const HIGH_BYTES = 1_048_576;
const LOW_BYTES = 262_144;
const MAX_WAITING = 64;

interface Options {
  readonly from: SocketEnd;
  readonly to: SocketEnd;
  readonly now: Clock;
  readonly check: Check;
  readonly refused: (refusal: Refusal) => void;
  /** Asked before each frame goes on; false: nothing may pass any more, and everybody has been told. */
  readonly passes: () => boolean;
}

interface Waiting {
  readonly data: Uint8Array;
  readonly binary: boolean;
}

export class Flow {
  readonly #o: Options;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #running = false;
  #held = false;
  #stopped = false;
  /** When `from` was last heard or, while it is not read, `to` last took something. */
  #movedAt: number;
  /** Bytes of all frames that came. */
  bytes = 0;

  constructor(options: Options) {
    this.#o = options;
    this.#movedAt = options.now();
  }

  push(data: Uint8Array, binary: boolean): void {
    if (this.#stopped) return;
    this.heard();
    this.bytes += data.length;
    this.#waiting.push({ data, binary });
    this.#waitingBytes += data.length;
    if (!this.#running) void this.#run();
    this.#hold();
  }

  heard(): void {
    if (!this.#held) this.#movedAt = this.#o.now();
  }

  /** The side that has not moved for this long: a silent sender, or a receiver that takes nothing. */
  idleSide(idleMs: number): SocketEnd | null {
    const { now, from, to } = this.#o;
    if (now() - this.#movedAt <= idleMs) return null;
    return this.#held ? to : from;
  }

  /** Nothing passes any more. */
  stop(): void {
    this.#stopped = true;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let next = this.#waiting[0]; next && !this.#stopped; next = this.#waiting[0]) {
      const verdict = this.#judge(next.data);
      // No await where none is needed: most frames are judged at once.
      const refusal = verdict instanceof Promise ? await verdict.catch(failed) : verdict;
      if (this.#stopped) break;
      if (refusal) {
        this.stop();
        this.#o.refused(refusal);
        break;
      }
      if (!this.#o.passes()) break;
      this.#waiting.shift();
      this.#waitingBytes -= next.data.length;
      this.#o.to.send(next.data, next.binary, this.#sent);
    }
    this.#running = false;
  }

  #judge(data: Uint8Array): Answer {
    try {
      return this.#o.check(data);
    } catch (fault) {
      return failed(fault);
    }
  }

  get #load(): number {
    return this.#o.to.buffered + this.#waitingBytes;
  }

  #hold(): void {
    if (this.#stopped || this.#held) return;
    if (this.#load <= HIGH_BYTES && this.#waiting.length <= MAX_WAITING) return;
    this.#held = true;
    this.#o.from.pause();
  }

  readonly #sent = (): void => {
    if (this.#stopped || !this.#held) return;
    this.#movedAt = this.#o.now();
    if (this.#load >= LOW_BYTES || this.#waiting.length > MAX_WAITING / 2) return;
    this.#held = false;
    this.#o.from.resume();
  };
}

function failed(fault: unknown): Refusal {
  if (fault instanceof Refusal) return fault;
  console.error('a frame could not be judged:', fault);
  return new Refusal('gateway_fault', fault instanceof Error ? fault.name : 'unknown');
}
