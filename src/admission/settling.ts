/** What the warden does for a permit, until its call is settled; and what could not be settled, until the store takes it. */

import type { References } from '../gateway/references.ts';
import type { Refusal } from '../refusal.ts';
import { type Batch, StoreUnavailable, type Writer } from '../store/writer.ts';
import type { Answer, Made, Settlement, Span } from './admission.ts';
import { type Further, furtherOf } from './asked.ts';
import type { Books, Entry } from './books.ts';
import type { Counts } from './counts.ts';
import { type Grounds, personOf } from './decide.ts';
import { type ElsewhereOptions, foreignIn, reserve, reserved } from './elsewhere.ts';
import type { StoreHealth } from './health.ts';
import type { Peers } from './peers.ts';
import type { Keeper, LivePermit, Permits } from './permits.ts';
import { furtherRefusal } from './ruling.ts';

export interface SettlingOptions {
  readonly elsewhere: ElsewhereOptions;
  readonly writer: Writer;
  readonly books: Books;
  readonly permits: Permits;
  readonly peers: Peers;
  readonly counts: Counts;
  readonly health: StoreHealth;
  readonly grounds: Grounds;
  /** Takes the permit back where something has been overlooked. */
  readonly look: (permit: LivePermit) => void;
}

export class Settling implements Keeper {
  readonly #o: SettlingOptions;
  #unsettled: Entry[] = [];

  constructor(options: SettlingOptions) {
    this.#o = options;
  }

  look(permit: LivePermit): void {
    this.#o.look(permit);
  }

  async settle(permit: LivePermit, settlement: Settlement): Promise<void> {
    const { permits, counts, elsewhere, writer, health } = this.#o;
    if (!permits.remove(permit)) return;
    counts.settled(settlement);
    const taken = entryOf(permit, settlement);
    const isApart = elsewhere.reserve && settlement.made?.length;
    const entry = isApart
      ? { ...taken, settlement: await reserved(elsewhere, taken.tester, settlement) }
      : taken;
    try {
      await writer.write((batch) => this.#enter(entry, batch));
    } catch (fault) {
      this.#unsettled.push(entry);
      health.failed(fault);
    }
  }

  async settleThen(permit: LivePermit, settlement: Settlement, send: () => void): Promise<void> {
    const { permits, counts, elsewhere, writer, health } = this.#o;
    if (elsewhere.reserve) await reserve(elsewhere, permit.bearer.tester, settlement.made);
    const entry = entryOf(permit, settlement);
    const settle = writer.write(
      (batch) => this.#enter(entry, batch),
      // A stop that came in between has ended the permit, and answered.
      () => {
        this.look(permit);
        if (!permits.remove(permit)) return;
        counts.settled(settlement);
        send();
      },
    );
    try {
      await settle;
    } catch (fault) {
      // While the store is down it is kept for later; otherwise nothing of it was written.
      if (fault instanceof StoreUnavailable) this.#unsettled.push(entry);
      else permit.charge = entry.charge;
      throw health.refusal(fault);
    }
  }

  async claim({ id, bearer, written }: LivePermit, made: readonly Made[]): Promise<void> {
    const { elsewhere, writer, books, health } = this.#o;
    if (elsewhere.reserve) await reserve(elsewhere, bearer.tester, made);
    await health.guarded(writer.write(() => books.claim(bearer.tester, id, made)));
    written.objects.push(...made.map((one) => one.id));
  }

  own({ bearer }: LivePermit, ids: readonly string[]): ReadonlySet<string> {
    return this.#o.books.objects.own(ids, bearer.tester);
  }

  span({ bearer }: LivePermit, kind: string): Span {
    return this.#o.books.objects.span(bearer.tester, kind);
  }

  reach({ bearer: { tester } }: LivePermit, references: References): Answer {
    const { elsewhere, books } = this.#o;
    const { objects } = books;
    if (!elsewhere.foreign) return objects.refusal(references, tester);
    return foreignIn(elsewhere, objects, references, tester).then((foreign) =>
      objects.refusal(references, tester, foreign),
    );
  }

  judge({ bearer, written }: LivePermit, further: Further): Refusal | null {
    const { grounds } = this.#o;
    const { ledger, now, policies } = grounds;
    const around = {
      asker: personOf(bearer, written.joined, grounds),
      address: written.address,
      at: now(),
      usage: () => ledger.usedBy(bearer.tester, now()),
    };
    return furtherRefusal(policies.inForce(), bearer.cohort, furtherOf(further, around));
  }

  /** The store takes writes again. */
  recovered(): void {
    const { writer, books, health } = this.#o;
    for (const entry of this.#unsettled.splice(0))
      void writer
        .write(() => books.settle(entry))
        .catch((fault) => {
          this.#unsettled.push(entry);
          if (fault instanceof StoreUnavailable) health.failed(fault);
        });
  }

  /** Runs inside a writer's job. */
  #enter(entry: Entry, batch: Batch): void {
    const { books, peers, permits } = this.#o;
    const { tester } = entry;
    books.settle(entry);
    peers.hold(tester, permits.held(tester) + (batch.taken.get(tester) ?? 0));
  }
}

function entryOf(permit: LivePermit, settlement: Settlement): Entry {
  const { id, bearer, revoked, charge, written } = permit;
  permit.charge = null;
  const rule = revoked?.rule ?? written.rule;
  return { id, tester: bearer.tester, settlement, ...written, rule, charge };
}
