/** Rate limits of a tester: rate-limiter-flexible over the writer's transaction, so limits and row commit together. */
// Single files of the package: its index loads a client for every store there is.
import Result from 'rate-limiter-flexible/lib/RateLimiterRes.js';
import StoreAbstract from 'rate-limiter-flexible/lib/RateLimiterStoreAbstract.js';
import type { Clock } from '../deps.ts';

/** What is absent does not limit. */
export interface Limits {
  readonly requestsPerSecond?: number | undefined;
  readonly requestsPerMinute?: number | undefined;
  readonly requestsPerDay?: number | undefined;
  /** Calls at the same time. */
  readonly concurrent?: number | undefined;
}

/** What one window of one tester has used up, and when it ends. */
export interface Counter {
  readonly points: number;
  readonly expire: number | null;
}

/** The windows of one tester, by name. */
export type Counters = Map<string, Counter>;

/** Reads and writes all windows of a tester at once. */
export interface CounterStore {
  load(tester: string): Counters;
  save(tester: string, counters: Counters): void;
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

/** A window as the next call finds it; null: that call starts a new one. */
function running(known: Counter | undefined, now: number): Counter | null {
  return known && known.expire !== null && known.expire > now ? known : null;
}

/** A clock that was set back must not make a window longer; what it has used up stays. */
function shortened(counter: Counter, seconds: number, now: number): Counter {
  const latest = now + seconds * 1000;
  return (counter.expire ?? 0) > latest ? { points: counter.points, expire: latest } : counter;
}

/** What each window that limits has used up, for whoever asks between calls. */
export function windowsIn(counters: Counters, limits: Limits, now: number) {
  return WINDOWS.flatMap(({ name, key, seconds }) => {
    const limit = limits[key];
    if (limit === undefined) return [];
    const known = running(counters.get(name), now);
    const counter = known && shortened(known, seconds, now);
    return [{ name, key, limit, used: counter?.points ?? 0, resetsAt: counter?.expire ?? null }];
  });
}

/** A tester's overrides stand in the place of what the cohort's rules say. */
export function overridden<T extends object>(rules: T, overrides: string | null): T {
  return overrides === null ? rules : { ...rules, ...(JSON.parse(overrides) as T) };
}

/** The library's limiter over the counters that were loaded for this call, with the clock passed in. */
class LoadedLimiter extends StoreAbstract {
  readonly #now: Clock;
  readonly #loaded: () => Counters;
  readonly #name: string;

  constructor(name: string, points: number, duration: number, loaded: () => Counters, now: Clock) {
    super({ points, duration, keyPrefix: name });
    this.#name = name;
    this.#loaded = loaded;
    this.#now = now;
  }

  async _upsert(_key: string, points: number, lifetimeMs: number): Promise<Counter> {
    const now = this.#now();
    const known = running(this.#loaded().get(this.#name), now);
    const counter = known
      ? { points: known.points + points, expire: known.expire }
      : { points, expire: now + lifetimeMs };
    this.#loaded().set(this.#name, counter);
    return counter;
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
  readonly #limiters = new Map<string, LoadedLimiter>();
  /** The counters of the tester whose call is being decided; jobs of a writer run one after the other. */
  #loaded: Counters = new Map();

  constructor(store: CounterStore, now: Clock) {
    this.#store = store;
    this.#now = now;
  }

  /** Runs inside a writer's job. A refused call uses up nothing. @throws when the store fails; never lets a call pass for it. */
  async take(tester: string, limits: Limits): Promise<Taken> {
    this.#loaded = this.#store.load(tester);
    this.#shorten(tester);
    const windows: WindowState[] = [];
    for (const window of WINDOWS) {
      const quota = limits[window.key];
      if (quota === undefined) continue;
      const base = { name: window.name, quota, windowSeconds: window.seconds };
      const state = await consume(this.#limiter(window, quota), tester, base);
      windows.push(state);
      if (state.remaining < 0) return { ok: false, window: { ...state, remaining: 0 }, windows };
    }
    if (windows.length > 0) this.#store.save(tester, this.#loaded);
    return { ok: true, windows };
  }

  /** True when the next call would be refused. Changes nothing. */
  isUsedUp(tester: string, limits: Limits): boolean {
    return windowsIn(this.#store.load(tester), limits, this.#now()).some(({ used, limit }) => used >= limit);
  }

  /** Kept at once: seen anew at each refused call, the end would move on with the clock. */
  #shorten(tester: string): void {
    let changed = false;
    for (const { name, seconds } of WINDOWS) {
      const counter = this.#loaded.get(name);
      const short = counter && shortened(counter, seconds, this.#now());
      if (!short || short === counter) continue;
      this.#loaded.set(name, short);
      changed = true;
    }
    if (changed) this.#store.save(tester, this.#loaded);
  }

  #limiter(window: (typeof WINDOWS)[number], quota: number): LoadedLimiter {
    const key = `${window.name}:${quota}`;
    const known = this.#limiters.get(key);
    if (known) return known;
    const limiter = new LoadedLimiter(window.name, quota, window.seconds, () => this.#loaded, this.#now);
    this.#limiters.set(key, limiter);
    return limiter;
  }
}

type Base = Pick<WindowState, 'name' | 'quota' | 'windowSeconds'>;

/** `remaining` is -1 when the window is used up: the library says so by rejecting with its result. */
async function consume(limiter: LoadedLimiter, tester: string, base: Base): Promise<WindowState> {
  try {
    const { remainingPoints, msBeforeNext } = await limiter.consume(tester, 1);
    return { ...base, remaining: remainingPoints, resetMs: msBeforeNext };
  } catch (result) {
    if (!(result instanceof Result)) throw result;
    return { ...base, remaining: -1, resetMs: result.msBeforeNext };
  }
}
