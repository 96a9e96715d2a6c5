/** The one writer: all that is to be written in a few turns of the event loop is one transaction, one sync to disk. */

/** What the jobs of one transaction share; a fresh one for each attempt. */
export interface Batch {
  /** Slots taken by calls that this transaction admits, by tester. */
  readonly taken: Map<string, number>;
}

/**
 * Runs inside the open transaction. It may await only what settles in microtasks (no I/O, no timers), and may
 * run twice: what it changes in memory belongs in `after`.
 */
export type Job<T> = (batch: Batch) => T | Promise<T>;

/** How a runtime runs a transaction on its writing connection. */
export interface Transaction {
  /**
   * Begins, runs `work`, commits, and then `committed`, before anything else can happen. Where it throws nothing is committed;
   * `work` is not run where no transaction could begin.
   */
  run(work: () => Promise<void>, committed: () => void): Promise<void>;
  /** True when the fault is the job's own (a broken constraint), and not the store's. */
  isJobFault(fault: unknown): boolean;
}

/** The store did not take a transaction; nothing in it happened. */
export class StoreUnavailable extends Error {
  constructor(cause: unknown) {
    super(`the store did not take a write: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

interface Pending {
  readonly job: Job<unknown>;
  readonly after: (value: unknown) => void;
  readonly resolve: (value: unknown) => void;
  readonly reject: (fault: unknown) => void;
  value: unknown;
}

/** How many turns a transaction waits while each brings new jobs: a sync to disk costs more than a few turns. */
const MAX_TURNS = 40;

export class Writer {
  readonly #tx: Transaction;
  readonly #schedule: (flush: () => void) => void;
  #queue: Pending[] = [];
  #flushing = false;
  #turns = 0;
  #seen = 0;
  #idle: (() => void)[] = [];

  /** @param schedule the next turn of the event loop: `setImmediate`. No timer: under little load none is waited for. */
  constructor(tx: Transaction, schedule: (flush: () => void) => void) {
    this.#tx = tx;
    this.#schedule = schedule;
  }

  /**
   * Runs the job in the next commit and resolves after it. `after` runs right after the commit, in the order of
   * the jobs and before any other code.
   * @throws StoreUnavailable when it could not be committed; otherwise what the job itself threw. Undone in both cases.
   */
  write<T>(job: Job<T>, after: (value: T) => void = () => {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ job, after, resolve, reject, value: undefined } as unknown as Pending);
      if (this.#queue.length === 1 && !this.#flushing) this.#schedule(this.#turn);
    });
  }

  /** Resolves when everything handed in so far is committed or refused. */
  drain(): Promise<void> {
    if (this.#queue.length === 0 && !this.#flushing) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Commits when a turn brought nothing new, so that calls which arrive together share one sync. */
  readonly #turn = (): void => {
    if (this.#queue.length > this.#seen && ++this.#turns < MAX_TURNS) {
      this.#seen = this.#queue.length;
      this.#schedule(this.#turn);
      return;
    }
    this.#turns = 0;
    this.#seen = 0;
    void this.#flush();
  };

  readonly #flush = async (): Promise<void> => {
    const batch = this.#queue;
    this.#queue = [];
    this.#flushing = true;
    if ((await this.#commit(batch)) === 'undone') await this.#commitEach(batch);
    this.#flushing = false;
    if (this.#queue.length > 0) this.#schedule(this.#turn);
    else for (const resolve of this.#idle.splice(0)) resolve();
  };

  /** Each job deserves an attempt of its own, but only as long as the store lets a transaction begin. */
  async #commitEach(jobs: readonly Pending[]): Promise<void> {
    for (const [i, one] of jobs.entries())
      if ((await this.#commit([one], true, jobs.slice(i + 1))) === 'closed') return;
  }

  /**
   * One attempt. Where not even a transaction begins, all jobs are refused at once, those that wait behind them too: each
   * attempt would keep everything in this process waiting for the file.
   */
  async #commit(
    jobs: readonly Pending[],
    last = jobs.length === 1,
    behind: readonly Pending[] = [],
  ): Promise<'done' | 'undone' | 'closed'> {
    const batch: Batch = { taken: new Map() };
    let began = false;
    const work = async () => {
      began = true;
      for (const pending of jobs) {
        const value = pending.job(batch);
        pending.value = value instanceof Promise ? await value : value;
      }
    };
    try {
      await this.#tx.run(work, () => tellAll(jobs));
    } catch (fault) {
      if (!began) {
        for (const { reject } of [...jobs, ...behind]) reject(new StoreUnavailable(fault));
        return 'closed';
      }
      if (!last) return 'undone';
      for (const { reject } of jobs) reject(this.#tx.isJobFault(fault) ? fault : new StoreUnavailable(fault));
    }
    return 'done';
  }
}

function tellAll(jobs: readonly Pending[]): void {
  for (const { after, value, resolve, reject } of jobs) {
    try {
      after(value);
      resolve(value);
    } catch (fault) {
      // It is committed all the same; one that fails must not keep the others from hearing of it.
      reject(fault);
    }
  }
}
