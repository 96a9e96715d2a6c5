/** Stops that release themselves: not before their time by the wall clock, nor before as long has passed. */
import type { Clock } from '../deps.ts';
import type { Db } from '../store/db.node.ts';
import type { Writer } from '../store/writer.ts';
import { releaseSwitches } from './switches.ts';

interface Timed {
  readonly id: number;
  readonly scope: string;
  readonly until: number;
}

const LOOK_MS = 250;
const ACTOR = { operator: 'until', address: null } as const;
const REASON = 'Its time is over.';

export class SelfReleases {
  readonly #db: Db;
  readonly #writer: Writer;
  readonly #now: Clock;
  readonly #timed;
  /** By switch, on the monotonic clock: a wall clock that is set ahead must let nobody in. */
  readonly #dueAt = new Map<number, number>();
  #lookedAt = -LOOK_MS;
  #busy = false;

  constructor(db: Db, writer: Writer, now: Clock) {
    this.#db = db;
    this.#writer = writer;
    this.#now = now;
    this.#timed = db.$client.prepare<[], Timed>(
      `select id, scope, until from switches where released_at is null and effect = 'stop' and until is not null`,
    );
  }

  look(failed: (fault: unknown) => void): void {
    const passed = performance.now();
    if (this.#busy || passed - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = passed;
    const now = this.#now();
    const timed = this.#timed.all();
    if (timed.length === 0) this.#dueAt.clear();
    for (const { id, until } of timed)
      if (!this.#dueAt.has(id)) this.#dueAt.set(id, passed + Math.max(0, until - now));
    const due = timed.filter(({ id, until }) => until <= now && (this.#dueAt.get(id) ?? Infinity) <= passed);
    if (due.length > 0) void this.#release(due).catch(failed);
  }

  async #release(due: readonly Timed[]): Promise<void> {
    this.#busy = true;
    try {
      await this.#writer.write(() => {
        const told = { reason: REASON, at: this.#now(), actor: ACTOR };
        for (const { id, scope } of due) releaseSwitches(this.#db, scope, told, [id]);
      });
    } finally {
      this.#busy = false;
    }
  }
}
