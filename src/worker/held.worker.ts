/** Clips that are held for review, kept in a bucket of ours: upstream's own go after a while, and a reviewer's look must not. */
import type { AnswerHeaders, Clock, Upstream } from '../deps.ts';
import { type Content, type ContentAsk, mediaHeaders, openContent } from '../outputs/content.ts';
import { type ObjectStorage, rowsOf } from '../store/durable.worker.ts';
import type { Bucket } from './runtime.worker.ts';

export interface HeldOptions {
  readonly storage: ObjectStorage;
  readonly bucket: Bucket;
  readonly upstream: Upstream;
  readonly now: Clock;
  /** True of cohorts whose outputs are held. */
  readonly holds: (cohort: string) => boolean;
  /** Copies that are older go; null: none does for its age. */
  readonly keepDays: number | null;
  readonly failed: (fault: unknown) => void;
}

interface Clip {
  readonly object: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly media_type: string | null;
}

interface Due extends Clip {
  /** How often it was begun with before. */
  readonly tries: number;
}

declare class FixedLengthStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor(bytes: number);
}

const AT_ONCE = 20;
/** How often a reading is held against the stops. */
const WATCH_MS = 100;
/** Each further one waits four times as long: about a day in all. */
const FIRST_RETRY_MS = 60_000;
const MOST_TRIES = 7;
const DAY_MS = 86_400_000;
/** Nothing is read for what a stop holds, as it is in `outputs/inspections.ts`. */
const STOPPED = `exists (select 1 from switches s where s.released_at is null and s.effect = 'stop'
  and s.scope in ('global', 'tester:' || t.id, 'cohort:' || t.cohort, 'model:' || o.model))`;

export class Held {
  readonly #o: HeldOptions;
  #running: Promise<void> | null = null;

  constructor(options: HeldOptions) {
    this.#o = options;
    // `begun`: bytes may be in the bucket, and it is tried again at `at`. `gone`: none may, and with an empty `sha256` none are.
    options.storage.sql.exec(
      `create table if not exists held (object text primary key, sha256 text not null, bytes integer not null, media_type text,
       state text not null, tries integer not null, at integer not null) without rowid`,
    );
  }

  /** Keeps what is held and known by its bytes, and lets go of what is gone. Never rejects. */
  look(): Promise<void> {
    this.#running ??= this.#look()
      .catch(this.#o.failed)
      .finally(() => {
        this.#running = null;
      });
    return this.#running;
  }

  /** The clip as it was kept; null: it was not. */
  async open(ask: ContentAsk): Promise<Content | null> {
    const { video, variant, range = null, ifRange = null, headOnly = false } = ask;
    const [clip] = this.#rows<Clip>(`select * from held where object = ? and state = 'kept'`, video);
    if (variant !== 'video' || !clip) return null;
    const etag = `"${clip.sha256}"`;
    const isPart = !headOnly && (ifRange === null || ifRange === etag);
    const part = isPart ? partOf(range, clip.bytes) : null;
    const told = { 'content-type': clip.media_type ?? '', 'accept-ranges': 'bytes', etag };
    if (part === 'none') return content(416, { ...told, 'content-range': `bytes */${clip.bytes}` }, null);
    const { offset, length } = part ?? { offset: 0, length: clip.bytes };
    const found = headOnly ? null : await this.#get(clip, part ? { range: part } : {});
    if (!headOnly && !found) return null;
    const whole = { ...told, 'content-length': String(length) };
    const span = `bytes ${offset}-${offset + length - 1}/${clip.bytes}`;
    const headers = part ? { ...whole, 'content-range': span } : whole;
    return content(part ? 206 : 200, headers, found?.body ?? null);
  }

  /** Runs inside a writer's job: what the tester has made until now is kept no longer, and not again. */
  forget(tester: string): void {
    this.#rows(
      `insert into held select id, '', 0, null, 'gone', 0, ? from objects where tester = ? and kind in ('videos', 'entered')
       on conflict (object) do update set state = 'gone'`,
      this.#o.now(),
      tester,
    );
  }

  /** Upstream may still have what the bucket does not give. */
  #get(clip: Clip, options: Parameters<Bucket['get']>[1]): ReturnType<Bucket['get']> {
    return this.#o.bucket.get(keyOf(clip), options).catch((fault) => {
      this.#o.failed(fault);
      return null;
    });
  }

  async #look(): Promise<void> {
    for (const clip of this.#over()) {
      await this.#o.bucket.delete(keyOf(clip));
      this.#rows(`update held set state = 'gone', sha256 = '' where object = ?`, clip.object);
    }
    for (const clip of this.#due()) await this.#keep(clip).catch(this.#o.failed);
  }

  /** Deleted at upstream, by whomever; its tester's, who is forgotten; or older than copies may be. */
  #over(): Clip[] {
    const { now, keepDays } = this.#o;
    const before = keepDays === null ? 0 : now() - keepDays * DAY_MS;
    return this.#rows<Clip>(
      `select h.* from held h left join objects o on o.id = h.object
       where h.sha256 <> '' and (h.state = 'gone' or o.id is null or o.deleted_at is not null or h.at < ?) limit 500`,
      before,
    );
  }

  /** The newest first, by the bytes that were known when it was begun with. */
  #due(): Due[] {
    const { holds, now, keepDays } = this.#o;
    const cohorts = this.#rows<{ name: string }>('select name from cohorts').map(({ name }) => name);
    return this.#rows<Due>(
      `select u.object, coalesce(h.sha256, u.sha256) as sha256, coalesce(h.bytes, u.bytes) as bytes,
         iif(h.object is null, u.media_type, h.media_type) as media_type, coalesce(h.tries, 0) as tries, max(u.at)
       from outputs u join objects o on o.id = u.object join testers t on t.id = o.tester left join held h on h.object = u.object
       where u.variant = 'video' and u.at >= ? and o.deleted_at is null and not ${STOPPED}
         and (h.object is null or (h.state = 'begun' and h.at <= ? and h.tries < ${MOST_TRIES}))
         and t.cohort in (select value from json_each(?))
       group by u.object order by max(u.at) desc limit ${AT_ONCE}`,
      ...[keepDays === null ? 0 : now() - keepDays * DAY_MS, now(), JSON.stringify(cohorts.filter(holds))],
    );
  }

  /** Whole and with the bytes that are known, or not at all. The row comes first: no bytes lie in the bucket that it does not tell of. */
  async #keep({ tries, ...clip }: Due): Promise<void> {
    const { now } = this.#o;
    // The look may have been long.
    if (this.#isStopped(clip) || !this.#begin(clip, tries)) return;
    const stop = new AbortController();
    const watch = setInterval(() => this.#isStopped(clip) && stop.abort(), WATCH_MS);
    try {
      await this.#read(clip, stop.signal);
    } catch (fault) {
      // Tried when the stop is over, as if it had not been begun with.
      if (!stop.signal.aborted) throw fault;
      const again = `update held set tries = ?, at = ? where object = ? and state = 'begun'`;
      this.#rows(again, tries, now(), clip.object);
    } finally {
      clearInterval(watch);
    }
  }

  /** False: it has been let go meanwhile. */
  #begin({ object, sha256, bytes, media_type }: Clip, tries: number): boolean {
    const text = `insert into held values (?, ?, ?, ?, 'begun', ?, ?)
      on conflict (object) do update set tries = excluded.tries, at = excluded.at where state = 'begun' returning object`;
    const again = this.#o.now() + FIRST_RETRY_MS * 4 ** tries;
    return this.#rows(text, object, sha256, bytes, media_type, tries + 1, again).length > 0;
  }

  async #read(clip: Clip, stopped: AbortSignal): Promise<void> {
    const { upstream, bucket, now } = this.#o;
    const content = await openContent(upstream, { video: clip.object, variant: 'video' }, stopped);
    if (content.status !== 200 || !content.body) throw new Error(`upstream answered ${content.status}`);
    const body = content.body.pipeThrough(new FixedLengthStream(clip.bytes), { signal: stopped });
    await bucket.put(keyOf(clip), body, { sha256: clip.sha256 });
    const kept = `update held set state = 'kept', at = ? where object = ? and state = 'begun'`;
    this.#rows(kept, now(), clip.object);
  }

  #isStopped({ object }: Clip): boolean {
    const text = `select 1 from objects o join testers t on t.id = o.tester where o.id = ? and ${STOPPED}`;
    return this.#rows(text, object).length > 0;
  }

  #rows<Row>(text: string, ...values: (string | number | null)[]): Row[] {
    return rowsOf(this.#o.storage, text, ...values) as unknown as Row[];
  }
}

/** By the same allow-list as upstream's: what was said of the bytes when they came may be anything. */
function content(status: Content['status'], headers: AnswerHeaders, body: Content['body']): Content {
  return { status, headers: mediaHeaders(status, headers) ?? {}, body };
}

/** Nobody guesses it, and another clip has another one. */
const keyOf = ({ object, sha256 }: Clip): string => `clips/${encodeURIComponent(object)}/${sha256}`;

/** One range (RFC 9110 section 14.1.2). Null: the whole is asked for; `none`: no byte of it is there. */
function partOf(range: string | null, bytes: number): { offset: number; length: number } | 'none' | null {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range ?? '') ?? [];
  if (from === '' && to === '') return null;
  const offset = from === '' ? Math.max(0, bytes - Number(to)) : Number(from);
  const last = from === '' || to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1);
  if (from !== '' && to !== '' && Number(to) < Number(from)) return null;
  return offset > last ? 'none' : { offset, length: last - offset + 1 };
}
