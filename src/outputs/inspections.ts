/** Reads each finished clip once from upstream, behind the calls and one at a time, to know it again; none that a stop holds. */
import type { Clock, Upstream } from '../deps.ts';
import type { Db } from '../store/db.node.ts';
import type { Writer } from '../store/writer.ts';
import { openContent } from './content.ts';
import type { Inspected, Inspector } from './inspection.ts';

export interface InspectionsOptions {
  readonly db: Db;
  readonly writer: Writer;
  readonly upstream: Upstream;
  readonly inspector: Inspector;
  readonly now: Clock;
  readonly failed: (fault: unknown) => void;
}

interface Due {
  readonly object: string;
  readonly attempts: number;
}

const EVERY_MS = 1_000;
/** A process that dies over a clip leaves it to the others after this. */
const HELD_MS = 300_000;
const FIRST_RETRY_MS = 2_000;
const MOST_ATTEMPTS = 6;
const MOST_FAULT_CHARS = 200;

export class Inspections {
  readonly #o: InspectionsOptions;
  readonly #sql: ReturnType<typeof statements>;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #closing = new AbortController();
  #reading: { readonly object: string; readonly stop: AbortController } | null = null;
  #running: Promise<void> | null = null;

  constructor(options: InspectionsOptions) {
    this.#o = options;
    this.#sql = statements(options.db);
    this.#timer = setInterval(() => this.look(), EVERY_MS);
    this.#timer.unref();
  }

  /** Resolves when nothing more is written. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.#running;
  }

  /** Begins with what is due, unless that is under way; breaks off what a stop has come to hold. */
  look(): void {
    const { object = '', stop } = this.#reading ?? {};
    if (stop && this.#sql.stopped.get(object)) stop.abort();
    this.#running ??= this.#run()
      .catch(this.#o.failed)
      .finally(() => {
        this.#running = null;
      });
  }

  async #run(): Promise<void> {
    const { now } = this.#o;
    for (let due = this.#sql.due.get(now()); due; due = this.#sql.due.get(now())) {
      if (this.#closing.signal.aborted) return;
      await this.#take(due);
    }
  }

  async #take({ object, attempts }: Due): Promise<void> {
    const { writer, now } = this.#o;
    const isOurs = await writer.write(() => this.#sql.hold.run(now() + HELD_MS, object, now()).changes > 0);
    if (!isOurs) return;
    const stop = new AbortController();
    this.#reading = { object, stop };
    try {
      const { inspected, mediaType } = await this.#inspect(object, stop.signal);
      await writer.write(() => this.#enter(object, inspected, mediaType));
    } catch (fault) {
      if (this.#closing.signal.aborted) return;
      if (stop.signal.aborted) return await writer.write(() => void this.#sql.again.run(now(), object));
      const text = (fault instanceof Error ? fault.message : String(fault)).slice(0, MOST_FAULT_CHARS);
      const isLast = attempts + 1 >= MOST_ATTEMPTS;
      const at = now() + (isLast ? 0 : FIRST_RETRY_MS * 4 ** attempts);
      await writer.write(() => this.#sql.failed.run(isLast ? 'failed' : 'waiting', at, text, object));
    } finally {
      this.#reading = null;
    }
  }

  async #inspect(
    video: string,
    stop: AbortSignal,
  ): Promise<{ inspected: Inspected; mediaType: string | null }> {
    const { upstream, inspector } = this.#o;
    const ended = AbortSignal.any([this.#closing.signal, stop]);
    const content = await openContent(upstream, { video, variant: 'video' }, ended);
    if (content.status !== 200 || !content.body) throw new Error(`upstream answered ${content.status}`);
    const inspected = await inspector.inspect(content.body);
    const length = content.headers['content-length'];
    // Nobody knows a clip by a part of it.
    if (ended.aborted || (length !== undefined && Number(length) !== inspected.bytes))
      throw new Error('the clip came in part');
    return { inspected, mediaType: content.headers['content-type'] ?? null };
  }

  /** Runs inside a writer's job. */
  #enter(object: string, { sha256, bytes, c2pa, frames }: Inspected, mediaType: string | null): void {
    const at = this.#o.now();
    const found = c2pa === null ? null : Number(c2pa);
    this.#sql.known.run(sha256, bytes, mediaType, at, found, object);
    if (frames && frames.length > 0) this.#sql.fingerprint.run(object, frames);
    this.#sql.done.run(at, object);
  }
}

/** True of an object `o` while a stop holds over what it was made by: nothing is asked of upstream for it then. */
const STOPPED = `exists (select 1 from switches s left join testers t on t.id = o.tester
  where s.released_at is null and s.effect = 'stop'
  and s.scope in ('global', 'tester:' || o.tester, 'cohort:' || t.cohort, 'model:' || o.model))`;

function statements({ $client: db }: Db) {
  return {
    stopped: db.prepare<[string]>(`select 1 from objects o where o.id = ? and ${STOPPED}`),
    again: db.prepare('update inspections set at = ? where object = ?'),
    due: db.prepare<[number], Due>(
      `select i.object, i.attempts from inspections i join objects o on o.id = i.object and o.deleted_at is null
       where i.state = 'waiting' and i.at <= ? and not ${STOPPED} order by i.at limit 1`,
    ),
    hold: db.prepare(`update inspections set at = ? where object = ? and state = 'waiting' and at <= ?`),
    failed: db.prepare(
      'update inspections set state = ?, at = ?, fault = ?, attempts = attempts + 1 where object = ?',
    ),
    done: db.prepare(`update inspections set state = 'done', at = ?, fault = null where object = ?`),
    known: db.prepare(
      `insert into outputs (object, variant, sha256, tester, bytes, media_type, at, c2pa)
       select id, 'video', ?, tester, ?, ?, ?, ? from objects where id = ?
       on conflict (object, variant, sha256) do update set c2pa = excluded.c2pa`,
    ),
    fingerprint: db.prepare(
      `insert into fingerprints (object, frames) values (?, ?)
       on conflict (object) do update set frames = excluded.frames`,
    ),
  };
}
