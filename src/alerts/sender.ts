/** Takes alerts out of the outbox to their targets, each target on its own, until each is delivered or given up. */
import type { Clock } from '../deps.ts';
import { insertAct } from '../log/acts.ts';
import type { Db } from '../store/db.node.ts';
import type { Writer } from '../store/writer.ts';
import type { Target } from './events.ts';
import { post } from './post.ts';

export interface Waiting {
  readonly id: number;
  readonly message: string;
  readonly body: string;
  readonly event: string;
  readonly attempts: number;
}

export interface SenderOptions {
  readonly db: Db;
  readonly writer: Writer;
  readonly targets: readonly Target[];
  readonly now: Clock;
  readonly failed: (fault: unknown) => void;
}

const EVERY_MS = 500;
/** A process that dies while it sends leaves the alert to the others after this. */
const HELD_MS = 30_000;
const FIRST_RETRY_MS = 5_000;
const LONGEST_RETRY_MS = 6 * 3_600_000;
/** With the times between them about three days. */
const MOST_ATTEMPTS = 19;
const KEPT_MS = 30 * 86_400_000;
const ACTOR = { operator: 'portcullis', address: null } as const;

export class Sender {
  readonly #o: SenderOptions;
  readonly #sql: ReturnType<typeof statements>;
  readonly #busy = new Set<string>();
  readonly #sending = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: SenderOptions) {
    this.#o = options;
    this.#sql = statements(options.db);
    this.#timer = setInterval(() => this.look(), EVERY_MS);
    this.#timer.unref();
  }

  /** Breaks off what is being sent, which then waits for the next start. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await Promise.allSettled(this.#sending);
  }

  /** One target that hangs holds up no other. */
  look(): void {
    for (const target of this.#o.targets) {
      if (this.#busy.has(target.name)) continue;
      const due = this.#sql.due.get(target.name, this.#o.now());
      if (!due || this.#closing.signal.aborted) continue;
      const sending = this.#send(target, due).catch(this.#o.failed);
      this.#sending.add(sending);
      void sending.then(() => this.#sending.delete(sending));
    }
  }

  async #send(target: Target, one: Waiting): Promise<void> {
    const { writer, now } = this.#o;
    this.#busy.add(target.name);
    try {
      const isOurs = await writer.write(() => this.#sql.hold.run(now() + HELD_MS, one.id, now()).changes > 0);
      if (isOurs) await this.#told(target, one, await post(target, one, now(), this.#closing.signal));
    } finally {
      this.#busy.delete(target.name);
    }
    this.look();
  }

  /** @param fault null: it was taken */
  #told({ name }: Target, { id, event, attempts }: Waiting, fault: string | null): Promise<void> {
    const { db, writer, now } = this.#o;
    const state = fault === null ? 'delivered' : attempts + 1 >= MOST_ATTEMPTS ? 'failed' : 'waiting';
    return writer.write(() => {
      this.#sql.told.run(state, fault, state === 'waiting' ? now() + backOffMs(attempts) : now(), id);
      this.#sql.purge.run(now() - KEPT_MS);
      if (state === 'failed')
        insertAct(db, ACTOR, {
          at: now(),
          act: 'alert.give-up',
          subject: `${event} to ${name}`,
          reason: fault,
        });
    });
  }
}

function backOffMs(attempts: number): number {
  const jitter = 0.9 + 0.2 * Math.random();
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 4 ** attempts) * jitter;
}

function statements({ $client: db }: Db) {
  return {
    due: db.prepare<[string, number], Waiting>(
      `select id, message, body, event, attempts from outbox
       where state = 'waiting' and target = ? and next_at <= ? order by next_at limit 1`,
    ),
    hold: db.prepare(`update outbox set next_at = ? where id = ? and state = 'waiting' and next_at <= ?`),
    told: db.prepare(
      'update outbox set state = ?, fault = ?, next_at = ?, attempts = attempts + 1 where id = ?',
    ),
    purge: db.prepare(`delete from outbox where state <> 'waiting' and next_at < ?`),
  };
}
