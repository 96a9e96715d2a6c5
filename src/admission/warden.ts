/** The warden: decides and records each call in one committed step, and takes permits back when a switch says so. */
import type { AlertEvent } from '../alerts/events.ts';
import type { Live } from '../control.ts';
import type { Clock } from '../deps.ts';
import type { Call } from '../gateway/describe.ts';
import type { Captures } from '../log/captures.ts';
import { type Admitted, repeatedEntry, requestEntry, settledEntry } from '../log/entry.ts';
import { firstIdOf, LONGEST_CALL_MS, timeOf } from '../log/id.ts';
import type { Journal } from '../log/journal.ts';
import type { Sha256 } from '../log/merkle.ts';
import { knownIn } from '../outputs/known.ts';
import { linksIn } from '../outputs/links.ts';
import { marksIn } from '../outputs/marks.ts';
import { holdingIn, termsIn } from '../outputs/standing.ts';
import { Refusal } from '../refusal.ts';
import type { Db } from '../store/db.node.ts';
import { type Batch, StoreUnavailable, type Writer } from '../store/writer.ts';
import type { Admission, Arrival, Ask, Permit, RefusedCall, Revocation, Settlement } from './admission.ts';
import { furtherOf } from './asked.ts';
import { type Books, type Entry, openBooks } from './books.ts';
import { CONFIRM_MS } from './cluster.ts';
import { Counts } from './counts.ts';
import type { CutBySwitch } from './cut.ts';
import { consider, type Decision, decide, type Grounds, isHeldUp, personOf } from './decide.ts';
import { decideLink, type Judged } from './decide-link.ts';
import { askElsewhere, type ElsewhereOptions, foreignIn, reserve, reserved } from './elsewhere.ts';
import { Folds } from './folds.ts';
import { StoreHealth } from './health.ts';
import { RequestLimits } from './limits.ts';
import { isModerated } from './moderated.ts';
import { objectsIn } from './objects.ts';
import type { PeerParts, Peers } from './peers.ts';
import { type Keeper, LivePermit, Permits } from './permits.ts';
import { grantOf, type Policies } from './policies.ts';
import { ledgerIn, utcDay } from './quotas.ts';
import { admittedRow, refusedRow } from './rows.ts';
import { furtherRefusal } from './ruling.ts';
import { counterStore, prepareStatements, type Statements } from './statements.ts';
import { Stops } from './stops.ts';

export interface WardenOptions extends ElsewhereOptions {
  readonly db: Db;
  readonly writer: Writer;
  readonly journal: Journal;
  readonly captures: Pick<Captures, 'keep'>;
  /** A row whose id is older than this when it is written comes late: the log's index does not count with it. */
  readonly quietMs: number;
  readonly policies: Policies;
  readonly now: Clock;
  /** Where testers accept the terms. */
  readonly termsLink: string;
  readonly sha256: Sha256;
  /** By so much an outside issuer's clock may be ahead: a revocation takes what it issued meanwhile. */
  readonly skewMs?: number;
  /** Names this process in acknowledgements. */
  readonly node: string;
  /** Who else admits calls under the same switches. */
  readonly peers: (parts: PeerParts) => Peers;
  /** How often the switches table, and the file that stops everything, are looked at; 0: when `look` is called. */
  readonly watchMs: number;
  /** Somebody else ends stops whose time is over, and owns the file that stops everything. */
  readonly obeysOnly?: boolean;
  /** Why nothing may pass now, whatever the switches say; null: it may. Asked before each dispatch and each answer's head. */
  readonly standing?: () => Revocation | null;
  readonly stopFile?: () => boolean;
  /** Hears of what operators should know, within a writer's job. */
  readonly alert?: (event: AlertEvent, message?: string) => void;
  /** Hears the same where the store takes no writes. */
  readonly alertNow?: (event: AlertEvent, message: string) => void;
}

/** Less than a stop waits for a process that does not answer. */
const STALE_MS = CONFIRM_MS / 4;

export class Warden implements Admission {
  readonly #options: WardenOptions;
  readonly #statements: Statements;
  readonly #permits = new Permits();
  readonly #grounds: Grounds;
  readonly #health: StoreHealth;
  readonly #startedAt: number;
  readonly #folds = new Folds();
  readonly counts = new Counts();
  readonly #books: Books;
  readonly #marks: ReturnType<typeof marksIn>;
  readonly #peers: Peers;
  readonly #stops: Stops;
  #lookedAt = performance.now();
  #unsettled: Entry[] = [];
  #unwritable: readonly [event: AlertEvent, message: string] | null = null;
  readonly #watch: ReturnType<typeof setInterval> | null;
  #seenVersion: unknown;
  /** True when another connection has committed since the last look at who lives. */
  #stirred = false;

  constructor(options: WardenOptions) {
    const { db, policies, now } = options;
    this.#options = options;
    this.#startedAt = now();
    this.#statements = prepareStatements(db);
    const { writer, journal } = options;
    this.#books = openBooks(this.#statements, ledgerIn(db), objectsIn(db), knownIn(db), journal, now);
    this.#marks = marksIn(db, options.sha256);
    const held = () => this.#permits.byTester;
    const { node, stopFile = () => false } = options;
    this.#peers = options.peers({ db, name: node, writer, now, held });
    this.#health = new StoreHealth(
      writer,
      db,
      () => this.#recovered(),
      (fault) => this.#closed(fault),
    );
    this.#stops = new Stops({
      ...{ db, writer, now, node, stopFile },
      permits: this.#permits,
      statements: this.#statements,
      peers: this.#peers,
      health: this.#health,
    });
    this.#grounds = {
      statements: this.#statements,
      limits: new RequestLimits(counterStore(db), now),
      policies,
      permits: this.#permits,
      objects: this.#books.objects,
      ledger: this.#books.ledger,
      terms: termsIn(db, options.termsLink),
      holding: holdingIn(db),
      links: linksIn(db),
      peers: this.#peers,
      now,
      skewMs: options.skewMs ?? 0,
      memoryStops: this.#stops.memory,
    };
    this.#watch = options.watchMs > 0 ? setInterval(() => this.#glance(), options.watchMs) : null;
    this.#watch?.unref();
  }

  needsModeration(ask: Ask): boolean {
    if (!this.#options.policies.inForce()?.policy.moderates) return false;
    const considered = consider(ask, this.#grounds);
    const { refusal, granted } = considered;
    if (refusal || !granted || !isModerated(granted, ask.call.operation)) return false;
    return !isHeldUp(considered, this.#grounds);
  }

  async admit(ask: Ask): Promise<Permit> {
    const { foreign, share } = this.#options;
    const elsewhere = foreign || share ? await askElsewhere(this.#options, ask, this.#grounds) : undefined;
    const judge = async (batch: Batch) => ({
      ask,
      decision: await decide(ask, batch, this.#grounds, elsewhere),
    });
    return (await this.#let(judge)).permit;
  }

  async admitLink(arrival: Arrival, link: string): Promise<{ permit: Permit; call: Call }> {
    const { permit, ask } = await this.#let((batch) => decideLink(arrival, link, batch, this.#grounds));
    return { permit, call: ask.call };
  }

  /** @throws Refusal, its row committed */
  async #let(judge: (batch: Batch) => Judged | Promise<Judged>): Promise<{ permit: Permit; ask: Ask }> {
    this.#health.check();
    const { permit, ask, decision } = await this.#guarded(
      this.#options.writer.write<Judged & { permit: LivePermit | null }>(
        async (batch) => {
          // A call that waited while the store failed: a small row may still fit where the next one will not.
          this.#health.check();
          const judged = await judge(batch);
          return { ...judged, permit: this.#written(judged) };
        },
        // Live from the commit on, before anybody else runs: a stop in the same commit finds it.
        ({ permit }) => permit && this.#permits.add(permit),
      ),
    );
    if (permit) return { permit, ask };
    const refusal = decision.refusal ?? new Refusal('gateway_fault');
    this.counts.ended(refusal.code);
    refusal.recorded = true;
    throw refusal;
  }

  /** Runs inside a writer's job. */
  #written({ ask, decision }: Judged): LivePermit | null {
    const { refusal, bearer } = decision;
    const row = admittedRow(ask, decision, this.#options.now(), this.#peers.self);
    this.#record(row);
    this.#capture(ask, decision, row.at);
    if (refusal?.code === 'quota_exceeded') this.#usedUp(refusal, bearer.tester, row.at);
    if (refusal) return null;
    const { rule, bytesIn } = row;
    const mark = decision.marks ? this.#mark(ask, bearer.tester, row.at) : null;
    const about = { joined: decision.asked?.tester.joined ?? 0, address: ask.arrival.address };
    const written = { rule, bytesIn, ...about, mark };
    const objects = ask.call.named.map(({ id }) => id);
    return new LivePermit(ask.arrival.id, decision, { ...written, objects }, this.#keeper);
  }

  /** Runs inside a writer's job. */
  #mark({ arrival, call }: Ask, tester: string, at: number): string {
    return this.#marks({ request: arrival.id, tester, object: call.output?.object ?? '', at });
  }

  async refuse(call: RefusedCall): Promise<void> {
    this.#health.check();
    const now = this.#options.now();
    const fold = this.#folds.into(call, now);
    this.counts.ended(call.refusal.code);
    await this.#guarded(
      this.#options.writer.write(() => {
        if (!fold || !this.#repeat(fold)) this.#record(refusedRow(call, now));
      }),
    );
  }

  /** Runs inside a writer's job. */
  #record(row: Admitted): void {
    const leaf = this.#options.journal.append('request', row.id, requestEntry(row));
    this.#statements.record.run({ ...row, leaf });
    if (this.#options.now() - timeOf(row.id) > this.#options.quietMs / 2)
      this.#statements.reopen.run({ id: row.id });
  }

  /** Of calls that were refused before the policy was asked, too. */
  #capture({ arrival, who, call }: Ask, { granted, bearer }: Decision, at: number): void {
    if (call.body === null) return;
    const { captures, policies } = this.#options;
    const inForce = granted ? null : policies.inForce();
    const how = (granted ?? (inForce && grantOf(inForce, bearer.cohort)))?.capture ?? 'none';
    if (how === 'none') return;
    const { tester } = who;
    captures.keep(how, { request: arrival.id, tester, at, body: call.body, prompt: call.words().text });
  }

  /** Told at once, and durably when that can be, under one id. */
  #closed(fault: string): void {
    const at = this.#options.now();
    this.#unwritable = [{ event: 'log.unwritable', at, data: { fault } }, `unwritable-${at}`];
    this.#options.alertNow?.(...this.#unwritable);
  }

  /** Once for each tester, quota and day (UTC). */
  #usedUp({ public: { rule = '' }, detail }: Refusal, tester: string, at: number): void {
    const message = `quota-${tester}-${rule}-${utcDay(at)}`;
    this.#options.alert?.({ event: 'quota.exhausted', at, data: { tester, rule, detail } }, message);
  }

  /** Runs inside a writer's job. False when there is no such row. */
  #repeat(id: string): boolean {
    if (this.#statements.repeat.run({ id }).changes === 0) return false;
    this.#options.journal.append('repeated', id, repeatedEntry(id));
    return true;
  }

  readonly #keeper: Keeper = {
    // A process that was stopped, or busy for long, may have missed what another one wrote.
    look: (permit) => {
      if (performance.now() - this.#lookedAt > STALE_MS) this.#glance();
      const revocation = this.#options.standing?.() ?? null;
      if (revocation) permit.revoke(revocation);
    },
    settle: async (permit, settlement) => {
      if (!this.#permits.remove(permit)) return;
      this.counts.settled(settlement);
      const taken = entryOf(permit, settlement);
      const apart = this.#options.reserve && settlement.made?.length;
      const entry = apart
        ? { ...taken, settlement: await reserved(this.#options, taken.tester, settlement) }
        : taken;
      try {
        await this.#options.writer.write((batch) => this.#enter(entry, batch));
      } catch (fault) {
        this.#unsettled.push(entry);
        this.#health.failed(fault);
      }
    },
    settleThen: async (permit, settlement, send) => {
      if (this.#options.reserve) await reserve(this.#options, permit.bearer.tester, settlement.made);
      const entry = entryOf(permit, settlement);
      const settle = this.#options.writer.write(
        (batch) => this.#enter(entry, batch),
        // A stop that came in between has ended the permit, and answered.
        () => {
          this.#keeper.look(permit);
          if (!this.#permits.remove(permit)) return;
          this.counts.settled(settlement);
          send();
        },
      );
      await this.#guarded(settle, entry).catch((fault: unknown) => {
        // Nothing of it was written, unless the store is down and it is kept for later.
        if (!this.#unsettled.includes(entry)) permit.charge = entry.charge;
        throw fault;
      });
    },
    claim: async ({ id, bearer, written }, made) => {
      if (this.#options.reserve) await reserve(this.#options, bearer.tester, made);
      await this.#guarded(this.#options.writer.write(() => this.#books.claim(bearer.tester, id, made)));
      written.objects.push(...made.map((one) => one.id));
    },
    own: ({ bearer }, ids) => this.#books.objects.own(ids, bearer.tester),
    span: ({ bearer }, kind) => this.#books.objects.span(bearer.tester, kind),
    reach: ({ bearer: { tester } }, references) => {
      const { objects } = this.#books;
      if (!this.#options.foreign) return objects.refusal(references, tester);
      return foreignIn(this.#options, objects, references, tester).then((foreign) =>
        objects.refusal(references, tester, foreign),
      );
    },
    judge: ({ bearer, written }, further) => {
      const { ledger, now, policies } = this.#grounds;
      const asker = personOf(bearer, written.joined, this.#grounds);
      const around = {
        asker,
        address: written.address,
        at: now(),
        usage: () => ledger.usedBy(bearer.tester, now()),
      };
      return furtherRefusal(policies.inForce(), bearer.cohort, furtherOf(further, around));
    },
  };

  /** Runs inside a writer's job. */
  #enter(entry: Entry, batch: Batch): void {
    const { tester } = entry;
    this.#books.settle(entry);
    this.#peers.hold(tester, this.#permits.held(tester) + (batch.taken.get(tester) ?? 0));
  }

  /** A release or a link changed: what does not stand any more is cut. */
  recheck(): void {
    this.#permits.recheck();
  }

  get quietMs(): number {
    return this.#options.quietMs;
  }

  get stops(): Stops {
    return this.#stops;
  }

  /** Calls in flight of a tester, in every process. */
  held(tester: string): number {
    return this.#permits.held(tester) + this.#peers.othersHold(tester);
  }

  live(): Live {
    return {
      node: this.#options.node,
      startedAt: this.#startedAt,
      openCalls: this.#permits.open,
      logWritable: this.#health.open,
    };
  }

  /** Rows that processes which are gone left open, settled as lost; how many. */
  async settleLost(): Promise<number> {
    const newest = this.#statements.newest.get();
    if (!newest) return 0;
    const from = firstIdOf(timeOf(newest.id) - LONGEST_CALL_MS);
    return this.#options.writer.write(() => {
      const open = this.#statements.openOfTheGone.all({ from });
      for (const row of open) {
        const entry = settledEntry({ ...row, outcome: 'lost' });
        const settledLeaf = this.#options.journal.append('settled', row.id, entry);
        this.#statements.lose.run({ id: row.id, settledLeaf });
      }
      return open.length;
    });
  }

  /** Resolves when every other process on this database counts with this one. */
  join(): Promise<void> {
    return this.#peers.join();
  }

  /** The last write of this process. */
  async leave(): Promise<void> {
    await this.#options.writer.write(() => this.#peers.leave()).catch(() => {});
  }

  close(): void {
    if (this.#watch) clearInterval(this.#watch);
    this.#health.close();
  }

  /** Cuts what the rows of switches, releases and links do not let on now. */
  look(): CutBySwitch {
    const cuts = this.#stops.obey();
    this.#permits.recheck();
    return cuts;
  }

  /** Cuts everything. */
  lapse(revocation: Revocation): void {
    this.#permits.revokeAll(revocation);
  }

  /** `data_version` changes when another connection commits: another process, or somebody who wrote a switch by hand. */
  #glance(): void {
    this.#lookedAt = performance.now();
    try {
      const version = this.#options.db.$client.pragma('data_version', { simple: true });
      const changed = version !== this.#seenVersion;
      if (changed) {
        this.look();
        this.#seenVersion = version;
      }
      if (!this.#options.obeysOnly) this.#stops.tick();
      // A change that comes too soon after the last look is looked at with the next: it may be a process that joins.
      this.#stirred ||= changed;
      if ((this.#stirred || this.#peers.shared) && this.#peers.isDue) this.#lookAtOthers();
    } catch (fault) {
      this.#health.failed(fault);
    }
  }

  #lookAtOthers(): void {
    this.#stirred = false;
    this.#peers
      .look()
      .then((died) => (died > 0 ? this.settleLost() : 0))
      .catch((fault) => this.#health.failed(fault));
  }

  /** @param entry kept until the store takes it */
  async #guarded<T>(write: Promise<T>, entry?: Entry): Promise<T> {
    try {
      return await write;
    } catch (fault) {
      if (!(fault instanceof StoreUnavailable)) throw fault;
      if (entry) this.#unsettled.push(entry);
      this.#health.failed(fault);
      throw new Refusal('store_unavailable', fault.message);
    }
  }

  /** The store takes writes again: what was kept in memory meanwhile is made durable. */
  #recovered(): void {
    const { writer, alert } = this.#options;
    const told = this.#unwritable;
    this.#unwritable = null;
    if (told) void writer.write(() => alert?.(...told)).catch((fault) => this.#health.failed(fault));
    this.#stops.recovered();
    for (const entry of this.#unsettled.splice(0))
      void writer
        .write(() => this.#books.settle(entry))
        .catch((fault) => {
          this.#unsettled.push(entry);
          if (fault instanceof StoreUnavailable) this.#health.failed(fault);
        });
  }
}

function entryOf(permit: LivePermit, settlement: Settlement): Entry {
  const { id, bearer, revoked, charge, written } = permit;
  permit.charge = null;
  const rule = revoked?.rule ?? written.rule;
  return { id, tester: bearer.tester, settlement, ...written, rule, charge };
}
