/** Stops in this process: engaging and releasing them, cutting what they hit, obeying those that somebody else wrote. */
import type { Actor, Reach, Released, StopOrder, Stopped } from '../control.ts';
import type { Clock } from '../deps.ts';
import { harmless } from '../printable.ts';
import type { Db } from '../store/db.node.ts';
import { StoreUnavailable, type Writer } from '../store/writer.ts';
import { turn } from '../turn.ts';
import { sumsOf } from './acknowledgement.ts';
import { enterCancellations } from './cancellations.ts';
import { type Cut, type CutBySwitch, NOTHING_CUT, sum } from './cut.ts';
import { Cutter } from './cutter.ts';
import type { StoreHealth } from './health.ts';
import type { Peers } from './peers.ts';
import type { Permits } from './permits.ts';
import { covers, type Scope } from './scope.ts';
import { SelfReleases } from './self-releases.ts';
import type { Statements } from './statements.ts';
import { insertSwitch, readmit, releaseSwitches, type Switch } from './switches.ts';

export interface StopsOptions {
  readonly db: Db;
  readonly writer: Writer;
  readonly permits: Permits;
  readonly statements: Statements;
  readonly peers: Peers;
  readonly health: StoreHealth;
  readonly now: Clock;
  readonly node: string;
  /** True while somebody has put the file there that stops everything. */
  readonly stopFile: () => boolean;
}

/** The file that stops everything is still there. */
export class StopFileThere extends Error {
  constructor() {
    super('The file STOP in the data directory stops everything: remove it first.');
  }
}

interface Engaged {
  readonly stop: Switch;
  readonly revocation: Switch | null;
  readonly jobs: number;
}

/** A stop that the store did not take, and what is to be written when it takes writes again. */
interface Held extends Switch {
  readonly order: StopOrder;
}

const RECOVERED = { operator: 'recovered', address: null } as const;
const BY_FILE = { operator: 'file:STOP', address: null } as const;
const FILE_NOTE = 'The file STOP is in the data directory.';

export class Stops {
  /** Stops that the store did not take; they hold in memory. */
  readonly memory = new Set<Held>();
  readonly #o: StopsOptions;
  readonly #selfReleases: SelfReleases;
  readonly #cutter: Cutter;
  readonly #wholeStop;
  readonly #epoch;
  #confirmed = 0;
  #byFile: Promise<unknown> | null = null;

  constructor(options: StopsOptions) {
    const { db, writer, now } = options;
    this.#o = options;
    this.#selfReleases = new SelfReleases(db, writer, now);
    const { $client: client } = db;
    this.#cutter = new Cutter(db, options.permits);
    this.#wholeStop = client.prepare<[], Switch>(
      `select id, scope, effect, reason, engaged_at as engagedAt from switches where scope = 'global' and effect = 'stop'
       and released_at is null and until is null and not exists (select 1 from readmissions where switch = switches.id) limit 1`,
    );
    this.#epoch = client.prepare<[number], { leaf: number | null }>('select leaf from switches where id = ?');
  }

  /** Engages a switch; resolves when the row is durable and every permit in its scope is revoked, in every process. */
  async stop(asked: StopOrder, actor: Actor): Promise<Stopped> {
    const { now, node } = this.#o;
    const order = { ...asked, reason: shown(asked.reason), note: shown(asked.note) };
    const [requestedAt, began] = [now(), performance.now()];
    let cut = NOTHING_CUT;
    const { stop, revocation, jobs } = await this.#engage(order, actor, requestedAt, (engaged) => {
      cut = sum(
        this.#cutter.cut(engaged.stop),
        engaged.revocation ? this.#cutter.cut(engaged.revocation) : NOTHING_CUT,
      );
    });
    const committedAt = now();
    const [ownMs, others] = await Promise.all([
      cut.streamsCut > 0 ? lastByteMs(began) : null,
      stop.id === null ? [] : this.#o.peers.confirmations(stop.id, requestedAt),
    ]);
    return {
      id: stop.id,
      epoch: stop.id === null ? null : (this.#epoch.get(stop.id)?.leaf ?? null),
      scope: order.scope,
      effect: order.effect,
      reason: order.reason,
      note: order.note,
      until: order.until ?? null,
      revocation: revocation?.id ?? null,
      jobs,
      requestedAt,
      committedAt,
      durable: stop.id !== null,
      ...sumsOf({ node, confirmedAt: committedAt, lapsedAt: null, ...cut }, ownMs, others, requestedAt),
    };
  }

  async #engage(
    order: StopOrder,
    actor: Actor,
    at: number,
    cut: (engaged: Engaged) => void,
  ): Promise<Engaged> {
    const { writer, health } = this.#o;
    try {
      return await writer.write(() => this.#enter(order, at, actor), cut);
    } catch (fault) {
      if (!(fault instanceof StoreUnavailable)) throw fault;
      // A stop is never lost to a full disk: it holds in memory, and the answer says that it is not durable.
      health.failed(fault);
      const { scope, effect, reason } = order;
      const stop: Held = { id: null, scope, effect, reason, engagedAt: at, order };
      const engaged = { stop, revocation: null, jobs: 0 };
      cut(engaged);
      this.memory.add(stop);
      return engaged;
    }
  }

  /** Runs inside a writer's job. */
  #enter(order: StopOrder, at: number, actor: Actor): Engaged {
    const { db } = this.#o;
    const whole = order.unlessStopped ? this.#wholeStop.get() : undefined;
    const stop = whole ?? insertSwitch(db, order, at, actor);
    const revoke: StopOrder = { ...order, effect: 'revoke', until: null, cancelUpstream: false };
    const revocation = order.revokeTokens ? insertSwitch(db, revoke, at, actor) : null;
    return { stop, revocation, jobs: order.cancelUpstream ? enterCancellations(db, stop, at) : 0 };
  }

  async release(scope: Scope, reason: string | null, actor: Actor): Promise<Released> {
    const { db, writer, now, stopFile } = this.#o;
    if (scope === 'global' && stopFile()) throw new StopFileThere();
    const releasedAt = now();
    const ids = await writer.write(() => releaseSwitches(db, scope, { reason, at: releasedAt, actor }));
    const held = [...this.memory].filter((one) => one.scope === scope && one.effect === 'stop');
    for (const one of held) this.memory.delete(one);
    return { scope, ids, heldInMemory: held.length, releasedAt };
  }

  readmit(switchId: number, scopes: readonly Scope[], reason: string | null, actor: Actor): Promise<Scope[]> {
    const { db, writer, now, stopFile } = this.#o;
    if (stopFile()) return Promise.reject(new StopFileThere());
    return writer.write(() => readmit(db, switchId, scopes, { reason, at: now(), actor }));
  }

  reach(scope: Scope): Reach {
    const reach = { node: this.#o.node, calls: 0, streams: 0 };
    for (const permit of this.#o.permits)
      if (!permit.revoked && covers(scope, permit.bearer)) {
        if (permit.streaming) reach.streams++;
        else reach.calls++;
      }
    return reach;
  }

  /** Cuts what every engaged switch holds, and tells whoever engaged it. */
  obey(): CutBySwitch {
    const { peers } = this.#o;
    const engaged = this.#engaged();
    const cuts = this.#cutter.cutAll(engaged);
    const fresh = engaged.filter(({ id }) => id > this.#confirmed);
    this.#confirmed = fresh.at(-1)?.id ?? this.#confirmed;
    if (fresh.length > 0 && peers.shared)
      void this.#confirm(fresh.map(({ id }) => ({ id, cut: cuts.get(id) ?? NOTHING_CUT })));
    return cuts;
  }

  /** By their numbers, with whom each lets through. */
  #engaged() {
    const { allEngaged, readmitted } = this.#o.statements;
    const through = Map.groupBy(readmitted.all(), (one) => one.switch);
    return allEngaged.all().map((row) => {
      const scopes = through.get(row.id);
      return scopes ? { ...row, readmits: new Set(scopes.map(({ scope }) => scope)) } : row;
    });
  }

  /** What happens without anybody's asking: stops whose time has come end, and the file stops everything. */
  tick(): void {
    this.#selfReleases.look((fault) => this.#o.health.failed(fault));
    if (this.#byFile || !this.#o.stopFile() || this.#isWhole()) return;
    this.#byFile = this.stop(stopAll(FILE_NOTE), BY_FILE).finally(() => {
      this.#byFile = null;
    });
    this.#byFile.catch((fault) => this.#o.health.failed(fault));
  }

  /** The store takes writes again: what was kept in memory meanwhile is made durable. */
  recovered(): void {
    const { writer, health } = this.#o;
    for (const one of this.memory)
      void writer
        .write(() => {
          // Released while it waited for the store: it must not come back.
          if (this.memory.has(one)) this.#enter(one.order, one.engagedAt, RECOVERED);
        })
        .then(() => this.memory.delete(one))
        .catch((fault) => health.failed(fault));
  }

  #isWhole(): boolean {
    const held = [...this.memory].some(({ scope, effect }) => scope === 'global' && effect === 'stop');
    return held || this.#wholeStop.get() !== undefined;
  }

  async #confirm(obeyed: readonly { id: number; cut: Cut }[]): Promise<void> {
    const { writer, peers, health, now } = this.#o;
    await turn();
    const at = now();
    await writer
      .write(() => {
        for (const { id, cut } of obeyed) peers.confirm(id, cut, cut.streamsCut > 0 ? at : null);
      })
      .catch((fault) => health.failed(fault));
  }
}

/** What was written to the streams that were cut leaves this process by the end of the turn. */
async function lastByteMs(began: number): Promise<number> {
  await turn();
  return Math.ceil(performance.now() - began);
}

/** The stop of everything that no operator of the API orders: each process is given it, and one of them writes it. */
export function stopAll(note: string): StopOrder {
  return { scope: 'global', effect: 'stop', reason: null, note, unlessStopped: true };
}

function shown(text: string | null | undefined): string | null {
  return text ? harmless(text) : null;
}
