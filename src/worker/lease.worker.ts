/** A tester's object and its lease: without one that holds nothing passes, and what passes is broken off when it runs out. */
import { createLocalJWKSet, type JWTVerifyGetKey } from 'jose';
import type { Revocation } from '../admission/admission.ts';
import type { CutBySwitch } from '../admission/cut.ts';
import type { Clock } from '../deps.ts';
import { Refusal } from '../refusal.ts';
import { turn } from '../turn.ts';
import type { CutBy, Leased, Told, Update } from './leased.worker.ts';
import type { PublicKeys } from './runtime.worker.ts';

export interface LeaseOptions {
  /** Asks the gate. @param since number of the newest change that is known here */
  readonly ask: (since: number) => Promise<Leased>;
  /** Number of the newest change that is known here. */
  readonly known: () => number;
  /** Enters what has changed, durably, and cuts what it does not let on. @param cut told in the turn in which it does */
  readonly apply: (update: Update, cut: (cuts: CutBySwitch) => void) => Promise<void>;
  /** Cuts everything. */
  readonly lapse: (revocation: Revocation) => void;
  readonly openCalls: () => number;
  readonly now: Clock;
}

/** How long a question to the gate may take at most. */
const PATIENCE_MS = 2_000;
/** Of a lease: a call that comes in its last part would see it end while it is judged. */
const JUDGED_PART = 8;
/** Lost: the stream's own refusal tells why. */
const LAPSED = 'lease';

export class Lease {
  readonly #o: LeaseOptions;
  /** Until then calls may pass, Unix milliseconds. */
  #until = 0;
  /** How long the one of now was given for. */
  #ms = 0;
  #asking: Promise<void> | null = null;
  #keeping = false;
  /** True while the gate gives none. */
  #isAway = false;
  #keys: PublicKeys | null = null;
  #find: JWTVerifyGetKey | null = null;
  #generation = 0;
  #linkKey = '';
  /** What was cut with which change: a stop may come with a lease before the gate tells of it, and is confirmed nevertheless. */
  #cuts: (CutBy & { readonly seq: number })[] = [];

  constructor(options: LeaseOptions) {
    this.#o = options;
  }

  get holds(): boolean {
    return this.#o.now() < this.#until;
  }

  /** The keys of our own issuer; null without a lease. */
  get keys(): { readonly find: JWTVerifyGetKey; readonly generation: number } | null {
    return this.holds && this.#find ? { find: this.#find, generation: this.#generation } : null;
  }

  /** The name of our own issuer; empty before the first lease. */
  get issuer(): string {
    return this.#keys?.issuer ?? '';
  }

  /** Empty before the first lease. */
  get linkKey(): string {
    return this.#linkKey;
  }

  holdsKey(kid: string | undefined): boolean {
    return this.#keys?.keys.keys.some((one) => one.kid === kid) ?? false;
  }

  /** Asks for a lease where none holds for as long as it takes to judge a call. Never rejects. */
  async renew(): Promise<void> {
    if (this.#until - this.#o.now() <= this.#ms / JUDGED_PART) await this.#ask();
  }

  /** @throws Refusal `authority_unreachable` */
  async require(): Promise<void> {
    await this.renew();
    const lost = this.standing();
    if (lost) throw lost.refusal;
    this.#keep();
  }

  /** Why nothing may pass now; null: it may. */
  standing(): Revocation | null {
    if (this.holds) return null;
    const refusal = new Refusal('authority_unreachable', 'no lease from the gate');
    return { scope: 'global', rule: LAPSED, refusal };
  }

  /** The gate tells what has changed. Resolves when that holds here. @throws Error when it cannot be entered */
  async obey(update: Update): Promise<Told> {
    // The gate asks no more of what it knows to be known here.
    this.#cuts = this.#cuts.filter(({ seq }) => seq > update.since);
    await this.#enter(update);
    const cuts = this.#cuts.map(({ seq: _, ...cut }) => cut);
    // What was written to streams leaves this object by the end of the turn.
    if (cuts.length > 0) await turn();
    return { at: this.#o.now(), cuts };
  }

  /** Another question is not asked meanwhile: its answer would say no more. */
  #ask(): Promise<void> {
    this.#asking ??= this.#renewed()
      .catch((fault: unknown) => this.#failed(fault))
      .finally(() => {
        this.#asking = null;
      });
    return this.#asking;
  }

  /** Told once, until it is well again. */
  #failed(fault: unknown): void {
    if (!this.#isAway) console.error('portcullis: the gate gives no lease:', String(fault));
    this.#isAway = true;
  }

  async #renewed(): Promise<void> {
    const { ask, known, now } = this.#o;
    // From before the question: the gate counts from when it answers, and so never to an earlier end.
    const askedAt = now();
    const leased = await within(PATIENCE_MS, ask(known()));
    await this.#enter(leased);
    this.#linkKey = leased.linkKey;
    this.#until = askedAt + leased.ms;
    this.#ms = leased.ms;
    this.#isAway = false;
  }

  async #enter(update: Update): Promise<void> {
    const { known, apply, ask } = this.#o;
    this.#take(update.issuer);
    // It builds on something that did not come here.
    const isGap = update.since > known();
    let next: Update = isGap ? await within(PATIENCE_MS, ask(known())) : update;
    for (;;) {
      const { seq } = next;
      if (seq > known())
        await apply(next, (cuts) => {
          for (const [id, cut] of cuts) this.#cuts.push({ seq, switch: id, ...cut });
        });
      if (!next.more) return;
      next = await within(PATIENCE_MS, ask(known()));
    }
  }

  #take(issuer: PublicKeys): void {
    if (JSON.stringify(issuer) === JSON.stringify(this.#keys)) return;
    this.#keys = issuer;
    this.#find = createLocalJWKSet(issuer.keys);
    this.#generation++;
  }

  /** While calls are open the lease is renewed long before its end; where that fails they are cut at its end. */
  #keep(): void {
    if (this.#keeping) return;
    this.#keeping = true;
    void this.#kept();
  }

  async #kept(): Promise<void> {
    const { openCalls, now } = this.#o;
    try {
      // The call that asked is not open yet.
      do {
        const left = this.#until - now();
        if (left <= 0) return this.#lapsed();
        await sleep(Math.min(left, Math.max(20, left / 3)));
        if (openCalls() > 0) await Promise.race([this.#ask(), sleep(Math.max(0, this.#until - now()))]);
      } while (openCalls() > 0 || this.holds);
    } finally {
      // In the turn of the last look: a call that comes behind it has one of its own.
      this.#keeping = false;
    }
  }

  #lapsed(): void {
    const lost = this.standing();
    if (lost) this.#o.lapse(lost);
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** @throws Error */
export async function within<T>(ms: number, asked: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  asked.catch(() => {});
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
  }
}
