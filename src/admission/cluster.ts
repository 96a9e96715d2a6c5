/** Several processes on one database: who lives, what each holds, and which of them have confirmed a stop. */
import type { Db } from '../store/db.node.ts';
import type { Cut } from './cut.ts';
import type { Confirmation, Confirmed, PeerParts, Peers } from './peers.ts';

/** How the runtime tells whether a process lives: by a lock that the operating system takes back, never by a clock. */
export interface Liveness {
  /** Names this process's own lock. */
  readonly own: string;
  isAlive(lock: string): boolean;
  forget(lock: string): void;
}

interface ClusterOptions extends PeerParts {
  readonly liveness: Liveness;
}

interface NodeRow {
  readonly id: number;
  readonly lock: string;
  readonly name: string;
  readonly sees: number;
}

/** How long a stop waits for another process; one that is silent for longer looks at the switches before it sends anything. */
export const CONFIRM_MS = 2_000;
const JOIN_MS = 5_000;
const STEP_MS = 5;
const LOOK_MS = 250;

/** Peers as processes on one database. */
export const clusterBy =
  (liveness: Liveness) =>
  (parts: PeerParts): Peers =>
    new Cluster({ ...parts, liveness });

class Cluster implements Peers {
  readonly self: number;
  readonly #o: ClusterOptions;
  readonly #sql: ReturnType<typeof statements>;
  #others: readonly NodeRow[] = [];
  #lookedAt = 0;

  constructor(options: ClusterOptions) {
    this.#o = options;
    this.#sql = statements(options.db);
    this.self = Number(this.#sql.join.run(options.liveness.own, options.name, options.now()).lastInsertRowid);
  }

  /** True while another process serves from this database. */
  get shared(): boolean {
    return this.#others.length > 0;
  }

  /** True when it is time to look again. */
  get isDue(): boolean {
    return performance.now() - this.#lookedAt > LOOK_MS;
  }

  /** Resolves when every other process counts with this one. @throws Error when one of them does not answer. */
  async join(): Promise<void> {
    const until = performance.now() + JOIN_MS;
    for (;;) {
      await this.look();
      const silent = this.#others.filter(({ sees }) => sees < this.self);
      if (silent.length === 0) return;
      if (performance.now() > until)
        throw new Error(
          `Process ${silent[0]?.id} on the same data directory does not answer: end it, or set PORTCULLIS_DATA_DIR.`,
        );
      await sleep(STEP_MS);
    }
  }

  /**
   * Learns who lives. New ones are told that we count with them; what dead ones held is given back.
   * @returns how many have died
   */
  async look(): Promise<number> {
    this.#lookedAt = performance.now();
    const others = this.#sql.nodes.all().filter(({ id }) => id !== this.self);
    const dead = others.filter(({ lock }) => !this.#o.liveness.isAlive(lock));
    const isNew = others.some(({ id }) => !this.#others.some((known) => known.id === id));
    this.#others = others.filter((one) => !dead.includes(one));
    if (dead.length === 0 && !isNew) return 0;
    await this.#o.writer.write(() => {
      for (const { id } of dead) this.#sql.bury(id);
      for (const [tester, calls] of this.#o.held()) this.hold(tester, calls);
      this.#sql.see.run(Math.max(0, ...this.#others.map(({ id }) => id)), this.self);
    });
    for (const { lock } of dead) this.#o.liveness.forget(lock);
    return dead.length;
  }

  /** Calls in flight of a tester in the other processes. Runs inside a writer's job. */
  othersHold(tester: string): number {
    return this.shared ? (this.#sql.othersHold.get(tester, this.self)?.calls ?? 0) : 0;
  }

  /** Tells the other processes what this one holds. Runs inside a writer's job. */
  hold(tester: string, calls: number): void {
    if (this.shared) this.#sql.hold.run(tester, this.self, calls);
  }

  /** Tells whoever engaged a switch that it holds here. Runs inside a writer's job. */
  confirm(switchId: number, { callsRefusedInFlight, streamsCut }: Cut, lastByteAt: number | null): void {
    const now = this.#o.now();
    this.#sql.confirm.run(switchId, this.self, now, callsRefusedInFlight, streamsCut, lastByteAt);
  }

  async confirmations(switchId: number, requestedAt: number): Promise<Confirmed[]> {
    // Not the wall clock: whoever sets that must not make a stop wait, or name somebody silent.
    const until = performance.now() + CONFIRM_MS;
    for (;;) {
      const found = this.#sql.confirmations.all(switchId);
      const silent = this.#others.filter(({ id }) => !found.some(({ node }) => node === id));
      const waits = silent.some(({ lock }) => this.#o.liveness.isAlive(lock));
      if (!waits || performance.now() > until)
        return this.#others.map(({ id, name }) => {
          const confirmation = found.find(({ node }) => node === id) ?? null;
          return { name, confirmation, lapsedAt: confirmation ? null : requestedAt + CONFIRM_MS };
        });
      await sleep(STEP_MS);
    }
  }

  /** Runs inside a writer's job, as the last one. */
  leave(): void {
    this.#sql.bury(this.self);
  }
}

function statements({ $client: db }: Db) {
  const ofNode = ['nodes where id', 'slots where node', 'confirmations where node'].map((text) =>
    db.prepare(`delete from ${text} = ?`),
  );
  return {
    join: db.prepare('insert into nodes (lock, name, started_at) values (?, ?, ?)'),
    nodes: db.prepare<[], NodeRow>('select id, lock, name, sees from nodes'),
    see: db.prepare('update nodes set sees = ? where id = ?'),
    bury: (node: number) => {
      for (const statement of ofNode) statement.run(node);
    },
    othersHold: db.prepare<[string, number], { calls: number }>(
      'select sum(calls) as calls from slots where tester = ? and node <> ?',
    ),
    hold: db.prepare(
      'insert into slots (tester, node, calls) values (?, ?, ?) on conflict (tester, node) do update set calls = excluded.calls',
    ),
    confirm: db.prepare(
      `insert into confirmations (switch, node, at, calls_refused, streams_cut, last_byte_at)
       values (?, ?, ?, ?, ?, ?) on conflict do nothing`,
    ),
    confirmations: db.prepare<[number], Confirmation & { node: number }>(
      `select node, at, calls_refused as callsRefusedInFlight, streams_cut as streamsCut,
       last_byte_at as lastByteAt from confirmations where switch = ?`,
    ),
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
