/** The warden: decides and records each call in one committed step, and takes permits back when a switch says so. */
import type { AlertEvent } from '../alerts/events.ts';
import type { Live } from '../control.ts';
import type { Clock } from '../deps.ts';
import type { Call } from '../gateway/describe.ts';
import type { Captures } from '../log/captures.ts';
import { settledEntry } from '../log/entry.ts';
import { firstIdOf, LONGEST_CALL_MS, timeOf } from '../log/id.ts';
import type { Journal } from '../log/journal.ts';
import type { Sha256 } from '../log/merkle.ts';
import { knownIn } from '../outputs/known.ts';
import { linksIn } from '../outputs/links.ts';
import { marksIn } from '../outputs/marks.ts';
import { holdingIn, termsIn } from '../outputs/standing.ts';
import { Refusal } from '../refusal.ts';
import type { Db } from '../store/db.node.ts';
import type { Batch, Writer } from '../store/writer.ts';
import type { Admission, Arrival, Ask, Permit, RefusedCall, Revocation } from './admission.ts';
import { openBooks } from './books.ts';
import { counterStore } from './counters.ts';
import { Counts } from './counts.ts';
import type { CutBySwitch } from './cut.ts';
import { consider, decide, type Grounds, isHeldUp } from './decide.ts';
import { decideLink, type Judged } from './decide-link.ts';
import { askElsewhere, type ElsewhereOptions } from './elsewhere.ts';
import { Folds } from './folds.ts';
import { StoreHealth } from './health.ts';
import { RequestLimits } from './limits.ts';
import { isModerated } from './moderated.ts';
import { objectsIn } from './objects.ts';
import type { PeerParts, Peers } from './peers.ts';
import { LivePermit, Permits } from './permits.ts';
import type { Policies } from './policies.ts';
import { ledgerIn } from './quotas.ts';
import { Recorder } from './recorder.ts';
import { Settling } from './settling.ts';
import { prepareStatements, type Statements } from './statements.ts';
import { Stops } from './stops.ts';
import { Watch } from './watch.ts';

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

export class Warden implements Admission {
  readonly counts = new Counts();
  readonly #options: WardenOptions;
  readonly #statements: Statements;
  readonly #permits = new Permits();
  readonly #grounds: Grounds;
  readonly #health: StoreHealth;
  readonly #startedAt: number;
  readonly #folds = new Folds();
  readonly #recorder: Recorder;
  readonly #settling: Settling;
  readonly #peers: Peers;
  readonly #stops: Stops;
  readonly #watch: Watch;
  #unwritable: readonly [event: AlertEvent, message: string] | null = null;

  constructor(options: WardenOptions) {
    const { db, policies, now, writer, journal, node, stopFile = () => false } = options;
    this.#options = options;
    this.#startedAt = now();
    const statements = prepareStatements(db);
    this.#statements = statements;
    const permits = this.#permits;
    const books = openBooks(statements, ledgerIn(db), objectsIn(db), knownIn(db), journal, now);
    const peers = options.peers({ db, name: node, writer, now, held: () => permits.byTester });
    this.#peers = peers;
    const health = new StoreHealth(
      writer,
      db,
      () => this.#recovered(),
      (fault) => this.#closed(fault),
    );
    this.#health = health;
    this.#stops = new Stops({ ...{ db, writer, now, node, stopFile }, permits, statements, peers, health });
    this.#grounds = {
      ...{ statements, policies, permits, peers, now },
      limits: new RequestLimits(counterStore(db), now),
      objects: books.objects,
      ledger: books.ledger,
      terms: termsIn(db, options.termsLink),
      holding: holdingIn(db),
      links: linksIn(db),
      skewMs: options.skewMs ?? 0,
      memoryStops: this.#stops.memory,
    };
    const { captures, quietMs, alert } = options;
    this.#recorder = new Recorder({
      ...{ statements, journal, captures, policies, now, quietMs, alert },
      ...{ marks: marksIn(db, options.sha256), self: peers.self },
    });
    this.#settling = new Settling({
      ...{ elsewhere: options, writer, books, permits, peers, counts: this.counts, health },
      grounds: this.#grounds,
      look: (permit) => this.#lookAt(permit),
    });
    this.#watch = new Watch({
      ...{ db, everyMs: options.watchMs, peers, health },
      changed: () => this.look(),
      tick: () => options.obeysOnly || this.#stops.tick(),
      died: () => this.settleLost(),
    });
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
    const { permit, ask, decision } = await this.#health.guarded(
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
  #written(judged: Judged): LivePermit | null {
    const written = this.#recorder.judged(judged);
    return written && new LivePermit(judged.ask.arrival.id, judged.decision, written, this.#settling);
  }

  async refuse(call: RefusedCall): Promise<void> {
    this.#health.check();
    const now = this.#options.now();
    const fold = this.#folds.into(call, now);
    this.counts.ended(call.refusal.code);
    await this.#health.guarded(this.#options.writer.write(() => this.#recorder.refused(call, fold, now)));
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
    this.#watch.close();
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

  #lookAt(permit: LivePermit): void {
    this.#watch.catchUp();
    const revocation = this.#options.standing?.() ?? null;
    if (revocation) permit.revoke(revocation);
  }

  /** Told at once, and durably when that can be, under one id. */
  #closed(fault: string): void {
    const at = this.#options.now();
    this.#unwritable = [{ event: 'log.unwritable', at, data: { fault } }, `unwritable-${at}`];
    this.#options.alertNow?.(...this.#unwritable);
  }

  /** The store takes writes again: what was kept in memory meanwhile is made durable. */
  #recovered(): void {
    const { writer, alert } = this.#options;
    const told = this.#unwritable;
    this.#unwritable = null;
    if (told) void writer.write(() => alert?.(...told)).catch((fault) => this.#health.failed(fault));
    this.#stops.recovered();
    this.#settling.recovered();
  }
}
