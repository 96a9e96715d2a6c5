/** Rate limits of a tester: rate-limiter-flexible over the writer's transaction, so limits and row commit together. */
// Single files of the package: its index loads a client for every store there is.
import Result from 'rate-limiter-flexible/lib/RateLimiterRes.js';
import StoreAbstract from 'rate-limiter-flexible/lib/RateLimiterStoreAbstract.js';
import type { Clock } from '../deps.ts';

/** What is absent does not limit. */
export interface Limits {
  readonly requestsPerSecond?: number;
  readonly requestsPerMinute?: number;
  readonly requestsPerDay?: number;
  /** Calls at the same time. */
  readonly concurrent?: number;
}

/** Counters in the layout of rate-limiter-flexible's own SQLite store. */
export interface CounterStore {
  /** Adds to the counter, or starts a new window when the old one has expired. */
  add(key: string, points: number, expire: number | null, now: number, force: boolean): Counter;
  get(key: string, now: number): Counter | null;
  remove(key: string): boolean;
}

export interface Counter {
  readonly points: number;
  readonly expire: number | null;
}

/** The state of one window after this call. */
export interface WindowState {
  readonly name: string;
  readonly quota: number;
  readonly windowSeconds: number;
  readonly remaining: number;
  readonly resetMs: number;
}

export type Taken =
  | { readonly ok: true; readonly windows: readonly WindowState[] }
  | { readonly ok: false; readonly window: WindowState; readonly windows: readonly WindowState[] };

export const WINDOWS = [
  { name: 'second', key: 'requestsPerSecond', seconds: 1 },
  { name: 'minute', key: 'requestsPerMinute', seconds: 60 },
  { name: 'day', key: 'requestsPerDay', seconds: 86_400 },
] as const;

/** The library's limiter over a synchronous store, with the clock passed in. */
class StoreLimiter extends StoreAbstract {
  readonly #store: CounterStore;
  readonly #now: Clock;

  constructor(
    options: { points: number; duration: number; keyPrefix: string },
    store: CounterStore,
    now: Clock,
  ) {
    super(options);
    this.#store = store;
    this.#now = now;
  }

  async _upsert(key: string, points: number, lifetimeMs: number, force = false): Promise<Counter> {
    const now = this.#now();
    return this.#store.add(key, points, lifetimeMs > 0 ? now + lifetimeMs : null, now, force);
  }

  async _get(key: string): Promise<Counter | null> {
    return this.#store.get(key, this.#now());
  }

  async _delete(key: string): Promise<boolean> {
    return this.#store.remove(key);
  }

  _getRateLimiterRes(_key: string, changed: number, { points, expire }: Counter): Result {
    const left = expire === null ? -1 : Math.max(expire - this.#now(), 0);
    return new Result(Math.max(this.points - points, 0), left, points, points === changed);
  }
}

/**
 * Takes one call from every window of a tester, or from none.
 * A window starts with its first call, so over the edge between two windows at most twice its quota passes.
 */
export class RequestLimits {
  readonly #store: CounterStore;
  readonly #now: Clock;
  /** One limiter for each window and quota in use. */
  readonly #limiters = new Map<string, StoreLimiter>();

  constructor(store: CounterStore, now: Clock) {
    this.#store = store;
    this.#now = now;
  }

  /** Runs inside a writer's job. @throws when the store fails; never lets a call pass for it. */
  async take(tester: string, limits: Limits): Promise<Taken> {
    const windows: WindowState[] = [];
    const taken: StoreLimiter[] = [];
    for (const window of WINDOWS) {
      const quota = limits[window.key];
      if (quota === undefined) continue;
      const limiter = this.#limiter(window, quota);
      taken.push(limiter);
      const state = await consume(limiter, tester, {
        name: window.name,
        quota,
        windowSeconds: window.seconds,
      });
      windows.push(state);
      if (state.remaining < 0) {
        // A refused call uses up nothing, neither here nor in the windows before.
        for (const one of taken) await one.reward(tester, 1);
        return { ok: false, window: { ...state, remaining: 0 }, windows };
      }
    }
    return { ok: true, windows };
  }

  #limiter(window: (typeof WINDOWS)[number], quota: number): StoreLimiter {
    const key = `${window.name}:${quota}`;
    const known = this.#limiters.get(key);
    if (known) return known;
    const options = { points: quota, duration: window.seconds, keyPrefix: window.name };
    const limiter = new StoreLimiter(options, this.#store, this.#now);
    this.#limiters.set(key, limiter);
    return limiter;
  }
}

type Base = Pick<WindowState, 'name' | 'quota' | 'windowSeconds'>;

/** `remaining` is -1 when the window is used up: the library says so by rejecting with its result. */
async function consume(limiter: StoreLimiter, tester: string, base: Base): Promise<WindowState> {
  try {
    const { remainingPoints, msBeforeNext } = await limiter.consume(tester, 1);
    return { ...base, remaining: remainingPoints, resetMs: msBeforeNext };
  } catch (result) {
    if (!(result instanceof Result)) throw result;
    return { ...base, remaining: -1, resetMs: result.msBeforeNext };
  }
}
