/** Looks at what others wrote into the database: another process, or somebody who wrote a switch by hand. */
import type { Db } from '../store/db.node.ts';
import { CONFIRM_MS } from './cluster.ts';
import type { StoreHealth } from './health.ts';
import type { Peers } from './peers.ts';

export interface WatchOptions {
  readonly db: Db;
  /** How often; 0: when it is told to. */
  readonly everyMs: number;
  readonly peers: Peers;
  readonly health: StoreHealth;
  /** Something was written. */
  readonly changed: () => void;
  /** What is to be done each time. */
  readonly tick: () => void;
  /** Some of the peers are gone. */
  readonly died: () => Promise<unknown>;
}

/** Less than a stop waits for a process that does not answer. */
const STALE_MS = CONFIRM_MS / 4;

export class Watch {
  readonly #o: WatchOptions;
  readonly #timer: ReturnType<typeof setInterval> | null;
  #lookedAt = performance.now();
  #seenVersion: unknown;
  /** True when another connection has committed since the last look at who lives. */
  #stirred = false;

  constructor(options: WatchOptions) {
    this.#o = options;
    this.#timer = options.everyMs > 0 ? setInterval(() => this.#glance(), options.everyMs) : null;
    this.#timer?.unref();
  }

  /** A process that was stopped, or busy for long, may have missed what another one wrote. */
  catchUp(): void {
    if (performance.now() - this.#lookedAt > STALE_MS) this.#glance();
  }

  close(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  /** `data_version` changes when another connection commits. */
  #glance(): void {
    const { db, peers, health, changed, tick } = this.#o;
    this.#lookedAt = performance.now();
    try {
      const version = db.$client.pragma('data_version', { simple: true });
      const isNew = version !== this.#seenVersion;
      if (isNew) {
        changed();
        this.#seenVersion = version;
      }
      tick();
      // A change that comes too soon after the last look is looked at with the next: it may be a process that joins.
      this.#stirred ||= isNew;
      if ((this.#stirred || peers.shared) && peers.isDue) this.#lookAtOthers();
    } catch (fault) {
      health.failed(fault);
    }
  }

  #lookAtOthers(): void {
    const { peers, health, died } = this.#o;
    this.#stirred = false;
    peers
      .look()
      .then((gone) => (gone > 0 ? died() : 0))
      .catch((fault) => health.failed(fault));
  }
}
