/** Who holds a lease, and what each has been told: a change of the directory is out when every holder knows it, or holds no more. */
import { NOTHING_CUT, sum } from '../admission/cut.ts';
import type { Confirmed, PeerParts, Peers } from '../admission/peers.ts';
import type { Clock } from '../deps.ts';
import type { ObjectStorage } from '../store/durable.worker.ts';
import { rowsOf } from '../store/durable.worker.ts';
import type { Feed } from '../store/feed.worker.ts';
import type { Transaction } from '../store/writer.ts';
import { within } from './lease.worker.ts';
import type { Leased, Told, Update } from './leased.worker.ts';
import type { PublicKeys } from './runtime.worker.ts';

export interface HoldersOptions {
  readonly storage: ObjectStorage;
  readonly feed: Feed;
  readonly leaseMs: number;
  readonly now: Clock;
  readonly issuer: () => PublicKeys;
  readonly linkKey: string;
  readonly tell: (name: string, update: Update) => Promise<Told>;
}

interface Holder {
  readonly name: string;
  /** Number of the newest change that it is known to know; null: this object began after it was told. */
  seq: number | null;
  /** Unix milliseconds. */
  until: number;
}

/** What came of telling one holder. */
interface Heard {
  readonly name: string;
  /** Null: it did not answer while its lease held. */
  readonly told: Told | null;
  readonly lapsedAt: number | null;
}

/** Of its directory an object is sent so many rows at once. */
const ROWS_AT_ONCE = 500;
/** Every row of a call that came from a tester's object stands under this number: those objects settle their own. */
const TESTERS = 1;
const TESTER = 'tester:';
/** What a holder may be late with breaking off what it streams, when its lease is over. */
const GRACE_MS = 100;

export class Holders {
  readonly #o: HoldersOptions;
  readonly #holders = new Map<string, Holder>();
  #latest: Promise<readonly Heard[]> = Promise.resolve([]);
  readonly #rounds = new Set<Promise<unknown>>();
  #hasBegun = false;
  /** Up to which change the holders are told, or being told. */
  #spread: number;

  constructor(options: HoldersOptions) {
    this.#o = options;
    const { storage, now, leaseMs, feed } = options;
    storage.sql.exec('create table if not exists holders (name text primary key) without rowid');
    this.#spread = feed.last;
    // Whoever held one before this object began may do so for as long as one lasts.
    for (const { name } of rowsOf(storage, 'select name from holders'))
      this.#holders.set(String(name), { name: String(name), seq: null, until: now() + leaseMs });
  }

  get count(): number {
    return this.#holders.size;
  }

  /** A lease, and what has changed since. */
  grant(name: string, since: number): Leased {
    const { now, leaseMs, storage, linkKey } = this.#o;
    const update = this.#update(name, since);
    const until = now() + leaseMs;
    const known = this.#holders.get(name);
    if (known) {
      known.until = until;
      known.seq = since;
    } else {
      this.#holders.set(name, { name, seq: since, until });
      storage.sql.exec('insert or ignore into holders values (?)', name);
    }
    return { ...update, ms: leaseMs, linkKey };
  }

  /** Transactions whose changes the holders are told right behind the commit. */
  around({ run, isJobFault }: Transaction): Transaction {
    return {
      run: (work, committed) =>
        run(work, () => {
          this.#tell();
          committed();
        }),
      isJobFault,
    };
  }

  /** Something that is in no row has changed: the keys. */
  tellAll(): void {
    this.#begin(this.#holding());
  }

  /** What came of the newest change, when every holder that it concerns knows it or has lost its lease. */
  get latest(): Promise<readonly Heard[]> {
    return this.#latest;
  }

  /** The gate has begun, and answers what holders ask. */
  begin(): void {
    this.#hasBegun = true;
  }

  /** Resolves when that is so of all changes that are committed now; while the gate begins, at once: holders wait for it. */
  async told(): Promise<void> {
    if (this.#hasBegun) await Promise.all(this.#rounds);
  }

  /** Lets go of those whose lease is over. */
  sweep(): void {
    const { now, storage } = this.#o;
    for (const { name, until } of this.#holders.values())
      if (until < now()) {
        this.#holders.delete(name);
        storage.sql.exec('delete from holders where name = ?', name);
      }
  }

  /** Whoever holds none any more has to ask before anything passes, and is told then. */
  #holding(): Holder[] {
    const now = this.#o.now();
    return [...this.#holders.values()].filter(({ until }) => until > now);
  }

  #tell(): void {
    const { feed } = this.#o;
    const [before, last] = [this.#spread, feed.last];
    if (last === before) return;
    this.#spread = last;
    const concerned = feed.concerned(before);
    const all = this.#holding();
    const some =
      concerned === 'all' ? all : all.filter(({ name }) => concerned.some((id) => TESTER + id === name));
    this.#begin(some);
  }

  #begin(holders: readonly Holder[]): void {
    const round = Promise.all(holders.map((one) => this.#confirmed(one)));
    this.#latest = round;
    this.#rounds.add(round);
    void round.finally(() => this.#rounds.delete(round));
  }

  /** Leases that are given from now on come with the change, so only the one of now has to end. */
  async #confirmed(holder: Holder): Promise<Heard> {
    const { now, tell } = this.#o;
    const { name, until } = holder;
    try {
      // A page for who knows nothing leaves out what is over: whoever may know something is made to ask.
      const update = this.#update(name, holder.seq ?? this.#o.feed.last);
      const told = await within(Math.max(0, until - now()), tell(name, update));
      if (!update.more) holder.seq = Math.max(holder.seq ?? 0, update.seq);
      return { name, told, lapsedAt: null };
    } catch (fault) {
      const left = until + GRACE_MS - now();
      if (left > 0) {
        console.error(`portcullis: ${name} could not be told of a change:`, fault);
        await new Promise((resolve) => setTimeout(resolve, left));
      }
      return { name, told: null, lapsedAt: until + GRACE_MS };
    }
  }

  #update(name: string, since: number): Update {
    const { feed, issuer } = this.#o;
    const tester = name.startsWith(TESTER) ? name.slice(TESTER.length) : '';
    const { seq, changes, more } = feed.since(since, tester, ROWS_AT_ONCE);
    return { since, seq, changes, more, issuer: issuer() };
  }
}

/** The gate's own warden among those that hold leases. */
export const holdersAsPeers =
  (holders: Holders) =>
  ({ db, name, now }: PeerParts): Peers => {
    const { $client: client } = db;
    client.prepare('delete from nodes where id <> ?').run(TESTERS);
    client
      .prepare(`insert or ignore into nodes (id, lock, name, started_at) values (?, 'objects', 'objects', ?)`)
      .run(TESTERS, now());
    const joined = client
      .prepare(`insert into nodes (lock, name, started_at) values ('gate', ?, ?)`)
      .run(name, now());
    client
      .prepare('create index if not exists requests_open on requests (tester) where outcome is null')
      .run();
    const open = client.prepare<[string, number], { calls: number }>(
      'select count(*) as calls from requests where tester = ? and outcome is null and node = ?',
    );
    return {
      self: Number(joined.lastInsertRowid),
      shared: false,
      isDue: false,
      join: async () => {},
      look: async () => 0,
      othersHold: (tester) => open.get(tester, TESTERS)?.calls ?? 0,
      hold: () => {},
      confirm: () => {},
      confirmations: async (switchId) => (await holders.latest).map((one) => confirmedBy(switchId, one)),
      leave: () => {},
    };
  };

function confirmedBy(switchId: number, { name, told, lapsedAt }: Heard): Confirmed {
  if (!told) return { name, confirmation: null, lapsedAt };
  const cut = told.cuts.filter((one) => one.switch === switchId).reduce(sum, NOTHING_CUT);
  return {
    name,
    confirmation: { at: told.at, ...cut, lastByteAt: cut.streamsCut > 0 ? told.at : null },
    lapsedAt,
  };
}

/** The warden of a tester's object: nobody else admits the calls of this tester. What it left open before is lost. */
export const nobodyElse = (): Peers => ({
  self: TESTERS,
  shared: false,
  isDue: false,
  join: async () => {},
  look: async () => 0,
  othersHold: () => 0,
  hold: () => {},
  confirm: () => {},
  confirmations: async () => [],
  leave: () => {},
});
