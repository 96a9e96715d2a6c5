/** The permits of this process: who streams now, so that a stop can cut them. */
import type { References } from '../gateway/references.ts';
import type { Refusal } from '../refusal.ts';
import type { Answer, Made, Permit, Revocation, Settlement, Span, Withheld } from './admission.ts';
import type { Further } from './asked.ts';
import type { Charge } from './quotas.ts';
import type { Bearer } from './scope.ts';

/** What the warden does for a permit. */
export interface Keeper {
  /** Makes sure that nothing has been overlooked which takes the permit back. */
  look(permit: LivePermit): void;
  settle(permit: LivePermit, settlement: Settlement): Promise<void>;
  settleThen(permit: LivePermit, settlement: Settlement, send: () => void): Promise<void>;
  claim(permit: LivePermit, made: readonly Made[]): Promise<void>;
  own(permit: LivePermit, ids: readonly string[]): ReadonlySet<string>;
  span(permit: LivePermit, kind: string): Span;
  reach(permit: LivePermit, references: References): Answer;
  judge(permit: LivePermit, further: Further): Refusal | null;
}

/** Of the row of a call, what settling it needs again. */
export interface Written {
  readonly rule: string | null;
  readonly bytesIn: number;
  /** What of the asker rules may read, for what an open socket asks further. */
  readonly joined: number;
  readonly address: string | null;
  /** Ids that the call named; those that it makes are added. */
  readonly objects: string[];
  /** The code of the clip. */
  readonly mark: string | null;
}

/** What a decision grants. */
export interface Grant {
  readonly bearer: Bearer;
  /** Unix milliseconds at which the token was issued: revocations take what was issued before. */
  readonly issuedAt: number;
  /** Headers of ours for the answer, name and value in turn. */
  readonly headers: readonly string[];
  /** What it set aside; null when it is refused. */
  readonly charge: Charge | null;
  /** How an answer is refused that holds what a model made; null: it may. */
  readonly withholds: Withheld | null;
  /** The clip is given with a code burnt into it. */
  readonly marks: boolean;
  /** The refusal of what does not hold any more while it streams, beyond the switches; null: nothing has to. */
  readonly stands: (() => Refusal | null) | null;
  /** Whose slots it takes: the tester's, or a link's own. */
  readonly holder: string;
}

export class LivePermit implements Permit {
  readonly id: string;
  readonly grant: Grant;
  /** What its row says. */
  readonly written: Written;
  revoked: Revocation | null = null;
  streaming = false;
  slot = -1;
  /** What was set aside for it; null once somebody settles that. */
  charge: Charge | null;
  #listener: ((revocation: Revocation) => void) | null = null;
  readonly #keeper: Keeper;

  constructor(id: string, grant: Grant, written: Written, keeper: Keeper) {
    this.id = id;
    this.grant = grant;
    this.charge = grant.charge;
    this.written = written;
    this.#keeper = keeper;
  }

  get bearer(): Bearer {
    return this.grant.bearer;
  }

  get issuedAt(): number {
    return this.grant.issuedAt;
  }

  get headers(): readonly string[] {
    return this.grant.headers;
  }

  get withholds(): Withheld | null {
    return this.grant.withholds;
  }

  get mark(): string | null {
    return this.written.mark;
  }

  onRevoked(listener: (revocation: Revocation) => void): void {
    this.#keeper.look(this);
    if (this.revoked) listener(this.revoked);
    else this.#listener = listener;
  }

  begin(): boolean {
    this.#keeper.look(this);
    this.streaming = this.revoked === null;
    return this.streaming;
  }

  revoke(revocation: Revocation): void {
    if (this.revoked) return;
    this.revoked = revocation;
    const listener = this.#listener;
    this.#listener = null;
    try {
      listener?.(revocation);
    } catch (fault) {
      // One stream that cannot be told must not keep a stop from the others.
      console.error(`call ${this.id} could not be cut cleanly:`, fault);
    }
  }

  settle(settlement: Settlement): Promise<void> {
    this.#listener = null;
    return this.#keeper.settle(this, settlement);
  }

  settleThen(settlement: Settlement, send: () => void): Promise<void> {
    return this.#keeper.settleThen(this, settlement, send);
  }

  claim(made: readonly Made[]): Promise<void> {
    return this.#keeper.claim(this, made);
  }

  own(ids: readonly string[]): ReadonlySet<string> {
    return this.#keeper.own(this, ids);
  }

  span(kind: string): Span {
    return this.#keeper.span(this, kind);
  }

  reach(references: References): Answer {
    return this.#keeper.reach(this, references);
  }

  judge(further: Further): Refusal | null {
    return this.#keeper.judge(this, further);
  }
}

/** A slot array with a free list: with thousands of calls in flight a Set made the collector pause five times longer. */
export class Permits {
  readonly #slots: (LivePermit | null)[] = [];
  readonly #free: number[] = [];
  readonly #held = new Map<string, number>();
  /** By owner, of permits that take no slot of the owner's. */
  readonly #linked = new Map<string, number>();
  readonly #conditional = new Set<LivePermit>();
  #open = 0;

  get open(): number {
    return this.#open;
  }

  /** Calls in flight, by holder. */
  get byTester(): ReadonlyMap<string, number> {
    return this.#held;
  }

  /** Calls in flight of one holder. */
  held(holder: string): number {
    return this.#held.get(holder) ?? 0;
  }

  /** True while anything in flight is a tester's, by whatever way. */
  concerns(tester: string): boolean {
    return this.#held.has(tester) || this.#linked.has(tester);
  }

  #counted({ grant: { holder, bearer } }: LivePermit, by: 1 | -1): void {
    count(this.#held, holder, by);
    if (holder !== bearer.tester) count(this.#linked, bearer.tester, by);
  }

  add(permit: LivePermit): void {
    permit.slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[permit.slot] = permit;
    this.#open++;
    if (permit.grant.stands) this.#conditional.add(permit);
    this.#counted(permit, 1);
  }

  /** False when it was removed before. */
  remove(permit: LivePermit): boolean {
    if (this.#slots[permit.slot] !== permit) return false;
    this.#slots[permit.slot] = null;
    this.#free.push(permit.slot);
    this.#open--;
    this.#conditional.delete(permit);
    this.#counted(permit, -1);
    return true;
  }

  /** Takes back those that do not stand any more. */
  recheck(): void {
    for (const permit of this.#conditional) {
      const refusal = permit.grant.stands?.() ?? null;
      if (refusal) permit.revoke({ scope: 'release', rule: refusal.public.rule ?? 'outputs', refusal });
    }
  }

  revokeAll(revocation: Revocation): void {
    for (const permit of this) permit.revoke(revocation);
  }

  *[Symbol.iterator](): Generator<LivePermit> {
    for (const permit of this.#slots) if (permit) yield permit;
  }
}

function count(of: Map<string, number>, key: string, by: 1 | -1): void {
  const n = (of.get(key) ?? 0) + by;
  if (n > 0) of.set(key, n);
  else of.delete(key);
}
