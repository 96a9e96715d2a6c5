/** Delivers what a feed and letters hold, behind the commits, until it is taken: no crash and no fault on the way loses any. */
import type { Clock } from '../deps.ts';
import type { Feed } from '../store/feed.worker.ts';
import type { Transaction } from '../store/writer.ts';
import type { Delivery } from './intake.worker.ts';
import type { Letters } from './letters.worker.ts';

export interface OutboundOptions {
  /** The name of the object that delivers. */
  readonly object: string;
  readonly feed: Pick<Feed, 'since' | 'forget'>;
  readonly letters?: Pick<Letters, 'next' | 'forget'>;
  /** Resolves when all of it is durable where it went. */
  readonly deliver: (delivery: Delivery) => Promise<void>;
  /** As `DurableObjectStorage.setAlarm`; Unix milliseconds. */
  readonly setAlarm: (atMs: number) => Promise<void>;
  readonly now: Clock;
  readonly failed: (fault: unknown) => void;
}

const ROWS_AT_ONCE = 500;
/** A call between objects carries 32 MiB. */
const LETTER_BYTES_AT_ONCE = 8 * 1_048_576;
/** How soon after a crash between commit and delivery. */
const SAFETY_MS = 10_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

export class Outbound {
  readonly #o: OutboundOptions;
  /** When the alarm rings; 0: it is not known to be set. */
  #alarmAt = 0;
  #failures = 0;
  #retryAt = 0;
  #running: Promise<void> | null = null;
  #stirred = false;

  constructor(options: OutboundOptions) {
    this.#o = options;
  }

  /** Transactions whose changes are delivered: the alarm is as durable as they are, whatever happens after the commit. */
  around({ run, isJobFault }: Transaction): Transaction {
    return {
      run: (work, committed) => {
        this.#arm();
        return run(work, () => {
          committed();
          this.stir();
        });
      },
      isJobFault,
    };
  }

  /** There may be something to deliver. What comes while a delivery is under way goes with the next one. */
  stir(): void {
    this.#stirred = true;
    if (this.#running || this.#o.now() < this.#retryAt) return;
    this.#stirred = false;
    this.#running = this.#run()
      .catch((fault) => this.#failed(fault))
      .finally(() => {
        this.#running = null;
        if (this.#stirred) this.stir();
      });
  }

  /** The object's alarm rang. */
  async alarm(): Promise<void> {
    this.#alarmAt = 0;
    this.#retryAt = 0;
    if (this.#next() !== null) this.#arm();
    this.stir();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let next = this.#next(); next; next = this.#next()) {
      this.#arm();
      await this.#o.deliver(next.delivery);
      this.#o.feed.forget(next.delivery.seq);
      this.#o.letters?.forget(next.lastLetter);
      this.#failures = 0;
    }
  }

  #next(): { readonly delivery: Delivery; readonly lastLetter: number } | null {
    const { object, feed } = this.#o;
    const { seq, changes, more } = feed.since(0, undefined, ROWS_AT_ONCE);
    const { letters, last } = this.#o.letters?.next(LETTER_BYTES_AT_ONCE) ?? { letters: [], last: 0 };
    if (changes.length === 0 && letters.length === 0) return null;
    return { delivery: { object, seq, changes, more, letters }, lastLetter: last };
  }

  /** Once for all that comes before it rings. */
  #arm(): void {
    if (this.#alarmAt > this.#o.now()) return;
    this.#set(this.#o.now() + SAFETY_MS);
  }

  #failed(fault: unknown): void {
    const waitMs = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++);
    this.#retryAt = this.#o.now() + waitMs;
    this.#set(this.#retryAt);
    this.#o.failed(fault);
  }

  #set(at: number): void {
    this.#alarmAt = at;
    this.#o.setAlarm(at).catch((fault) => {
      this.#alarmAt = 0;
      this.#o.failed(fault);
    });
  }
}
