/** The permits of this process: who streams now, so that a stop can cut them. */
import type { Permit, Revocation, Settlement } from './admission.ts';
import type { Bearer } from './scope.ts';

export class LivePermit implements Permit {
  readonly id: string;
  readonly headers: readonly string[];
  readonly bearer: Bearer;
  /** Unix milliseconds at which the token was issued: revocations take what was issued before. */
  readonly issuedAt: number;
  revoked: Revocation | null = null;
  streaming = false;
  slot = -1;
  #listener: ((revocation: Revocation) => void) | null = null;
  readonly #settle: (permit: LivePermit, settlement: Settlement) => Promise<void>;

  constructor(
    id: string,
    bearer: Bearer,
    issuedAt: number,
    headers: readonly string[],
    settle: (permit: LivePermit, settlement: Settlement) => Promise<void>,
  ) {
    this.id = id;
    this.bearer = bearer;
    this.issuedAt = issuedAt;
    this.headers = headers;
    this.#settle = settle;
  }

  onRevoked(listener: (revocation: Revocation) => void): void {
    if (this.revoked) listener(this.revoked);
    else this.#listener = listener;
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
    return this.#settle(this, settlement);
  }
}

/** A slot array with a free list: with thousands of calls in flight a Set made the collector pause five times longer. */
export class Permits {
  readonly #slots: (LivePermit | null)[] = [];
  readonly #free: number[] = [];
  readonly #held = new Map<string, number>();
  #open = 0;

  get open(): number {
    return this.#open;
  }

  /** Calls in flight of one tester. */
  held(tester: string): number {
    return this.#held.get(tester) ?? 0;
  }

  add(permit: LivePermit): void {
    permit.slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[permit.slot] = permit;
    this.#open++;
    const { tester } = permit.bearer;
    this.#held.set(tester, this.held(tester) + 1);
  }

  /** False when it was removed before. */
  remove(permit: LivePermit): boolean {
    if (this.#slots[permit.slot] !== permit) return false;
    this.#slots[permit.slot] = null;
    this.#free.push(permit.slot);
    this.#open--;
    const { tester } = permit.bearer;
    const left = this.held(tester) - 1;
    if (left > 0) this.#held.set(tester, left);
    else this.#held.delete(tester);
    return true;
  }

  *[Symbol.iterator](): Generator<LivePermit> {
    for (const permit of this.#slots) if (permit) yield permit;
  }
}
