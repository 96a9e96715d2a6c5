/** Jobs that a stop cancels at upstream: entered with the stop, and carried out behind it until each has ended. */
import type { Clock, Upstream } from '../deps.ts';
import { insertAct } from '../log/acts.ts';
import type { Db } from '../store/db.node.ts';
import type { Writer } from '../store/writer.ts';
import type { Switch } from './switches.ts';

interface Waiting {
  readonly switch: number;
  readonly object: string;
  readonly attempts: number;
}

const EVERY_MS = 1_000;
const AT_ONCE = 8;
/** A process that dies while it asks leaves the job to the others after this. */
const HELD_MS = 60_000;
const FIRST_RETRY_MS = 1_000;
const MOST_ATTEMPTS = 7;
const ACTOR = { operator: 'portcullis', address: null } as const;

/** Runs inside a writer's job. How many running jobs there are in the scope that were not entered before. */
export function enterCancellations({ $client: db }: Db, { id, scope }: Switch, at: number): number {
  const [, kind = 'global', name = ''] = /^(\w+):(.*)$/s.exec(scope) ?? [];
  const [inScope, names] = IN_SCOPE[kind] ?? ['0', 0];
  return db
    .prepare(
      `insert or ignore into cancellations (switch, object, at) select ?, o.id, ? from objects o
       where o.pending is not null and o.kind = 'videos' and o.deleted_at is null and ${inScope}`,
    )
    .run(id, at, ...(names === 1 ? [name] : [])).changes;
}

const IN_SCOPE: Readonly<Record<string, readonly [sql: string, names: 0 | 1]>> = {
  global: ['1', 0],
  cohort: ['o.tester in (select id from testers where cohort = ?)', 1],
  tester: ['o.tester = ?', 1],
  model: ['o.model = ?', 1],
  token: ['o.token = ?', 1],
};

export interface CancellerOptions {
  readonly db: Db;
  readonly writer: Writer;
  readonly upstream: Upstream;
  readonly now: Clock;
  /** So long after a stop a call may still have been let through, where rows come in behind the fact; 0: they never do. */
  readonly lateMs: number;
  readonly failed: (fault: unknown) => void;
}

export class Canceller {
  readonly #o: CancellerOptions;
  readonly #sql: ReturnType<typeof statements>;
  readonly #timer: ReturnType<typeof setInterval>;
  #asking = 0;

  constructor(options: CancellerOptions) {
    this.#o = options;
    this.#sql = statements(options.db, options.lateMs);
    this.#timer = setInterval(() => void this.look().catch(options.failed), EVERY_MS);
    this.#timer.unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Enters jobs that were on their way when the stop came, and asks upstream for as many as are due. */
  async look(): Promise<void> {
    const { writer, now } = this.#o;
    if (this.#sql.late.get() !== undefined)
      await writer.write(() => {
        for (const { switch: by, object } of this.#sql.late.all()) this.#sql.enter.run(by, object, now());
      });
    const due = this.#sql.due.all(now(), AT_ONCE - this.#asking);
    for (const one of due) void this.#cancel(one).catch(this.#o.failed);
  }

  async #cancel(one: Waiting): Promise<void> {
    const { writer, now } = this.#o;
    this.#asking++;
    try {
      const isOurs = await writer.write(
        () => this.#sql.hold.run(now() + HELD_MS, one.switch, one.object, now()).changes > 0,
      );
      if (isOurs) await this.#told(one, await this.#ask(one.object));
    } finally {
      this.#asking--;
    }
  }

  /** The status of upstream's answer; null: none came. */
  #ask(id: string): Promise<number | null> {
    return new Promise((resolve) => {
      let status: number | null = null;
      const target = `/v1/videos/${encodeURIComponent(id)}`;
      this.#o.upstream.send(
        { method: 'DELETE', target, headers: ['accept', 'application/json'], body: null },
        {
          head: (code) => {
            status = code;
          },
          data: () => true,
          end: () => resolve(status),
          error: () => resolve(null),
        },
      );
    });
  }

  async #told({ switch: by, object, attempts }: Waiting, status: number | null): Promise<void> {
    const { db, writer, now } = this.#o;
    // 404: it is gone already, and that is what was asked for.
    const isGone = status !== null && (status < 300 || status === 404);
    const state = isGone ? 'cancelled' : attempts + 1 >= MOST_ATTEMPTS ? 'failed' : 'waiting';
    await writer.write(() => {
      const at = state === 'waiting' ? now() + FIRST_RETRY_MS * 4 ** attempts : now();
      this.#sql.told.run(state, status, at, by, object);
      if (isGone) this.#sql.gone.run(now(), object);
      if (state === 'waiting') return;
      const reason = `${state} for switch ${by}, upstream answered ${status ?? 'nothing'}`;
      insertAct(db, ACTOR, { at: now(), act: 'object.cancel', subject: object, reason });
    });
  }
}

/**
 * Jobs of calls that were let through before an engaged stop that cancels, and became known only behind it. Where rows come
 * in behind the fact their order says nothing, and their time does.
 */
const late = (lateMs: number) => `from switches s
  join objects o on o.pending is not null and o.kind = 'videos' and o.deleted_at is null
  join requests r on r.id = o.request and (r.leaf < s.leaf${lateMs > 0 ? ` or (${beforeHeard(lateMs)})` : ''})
  where s.released_at is null and s.cancels = 1
    and (s.scope in ('global', 'tester:' || o.tester, 'model:' || o.model, 'token:' || o.token)
      or s.scope = 'cohort:' || r.cohort)
    and not exists (select 1 from cancellations c where c.switch = s.id and c.object = o.id)`;

/** Whoever had been let back in by then called with leave. */
const beforeHeard = (
  lateMs: number,
) => `r.at < s.engaged_at + ${lateMs} and not exists (select 1 from readmissions a
  where a.switch = s.id and a.scope in ('tester:' || o.tester, 'cohort:' || r.cohort) and a.at < r.at)`;

function statements({ $client: db }: Db, lateMs: number) {
  return {
    late: db.prepare<[], { switch: number; object: string }>(
      `select s.id as switch, o.id as object ${late(lateMs)}`,
    ),
    enter: db.prepare('insert or ignore into cancellations (switch, object, at) values (?, ?, ?)'),
    due: db.prepare<[number, number], Waiting>(
      `select switch, object, attempts from cancellations where state = 'waiting' and at <= ? order by at limit ?`,
    ),
    hold: db.prepare(
      `update cancellations set at = ? where switch = ? and object = ? and state = 'waiting' and at <= ?`,
    ),
    told: db.prepare(
      `update cancellations set state = ?, status = ?, at = ?, attempts = attempts + 1
       where switch = ? and object = ?`,
    ),
    gone: db.prepare('update objects set deleted_at = ?, pending = null where id = ?'),
  };
}
