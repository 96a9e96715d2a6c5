/** Clips that are held for review, kept in a bucket of ours: upstream's own go after a while, and a reviewer's look must not. */
import type { Clock, Upstream } from '../deps.ts';
import { type Content, type ContentAsk, openContent } from '../outputs/content.ts';
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

declare class FixedLengthStream extends TransformStream<Uint8Array, Uint8Array> {
  constructor(bytes: number);
}

const AT_ONCE = 20;
/** How often a reading is held against the stops. */
const WATCH_MS = 100;
const DAY_MS = 86_400_000;
/** Nothing is read for what a stop holds, as it is in `outputs/inspections.ts`. */
const STOPPED = `exists (select 1 from switches s where s.released_at is null and s.effect = 'stop'
  and s.scope in ('global', 'tester:' || t.id, 'cohort:' || t.cohort, 'model:' || o.model))`;

export class Held {
  readonly #o: HeldOptions;
  #running: Promise<void> | null = null;

  constructor(options: HeldOptions) {
    this.#o = options;
    options.storage.sql.exec(
      'create table if not exists held (object text primary key, sha256 text not null, bytes integer not null, media_type text, at integer not null) without rowid',
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
  async open({ video, variant, range = null, headOnly = false }: ContentAsk): Promise<Content | null> {
    const [clip] = this.#rows<Clip>('select * from held where object = ?', video);
    if (variant !== 'video' || !clip) return null;
    const part = partOf(range, clip.bytes);
    const type = { 'content-type': clip.media_type ?? 'application/octet-stream', 'accept-ranges': 'bytes' };
    if (part === 'none')
      return { status: 416, headers: { 'content-range': `bytes */${clip.bytes}`, ...type }, body: null };
    const { offset, length } = part ?? { offset: 0, length: clip.bytes };
    const found = headOnly ? null : await this.#o.bucket.get(keyOf(clip), part ? { range: part } : {});
    if (!headOnly && !found) return null;
    const span: Record<string, string> = part
      ? { 'content-range': `bytes ${offset}-${offset + length - 1}/${clip.bytes}` }
      : {};
    const headers = { ...type, ...span, 'content-length': String(length), etag: `"${clip.sha256}"` };
    return { status: part ? 206 : 200, headers, body: found?.body ?? null };
  }

  async #look(): Promise<void> {
    for (const clip of this.#over()) {
      await this.#o.bucket.delete(keyOf(clip));
      this.#rows('delete from held where object = ?', clip.object);
    }
    for (const clip of this.#due()) await this.#keep(clip).catch(this.#o.failed);
  }

  /** Deleted at upstream, by whomever; or older than copies may be. */
  #over(): Clip[] {
    const { now, keepDays } = this.#o;
    const before = keepDays === null ? 0 : now() - keepDays * DAY_MS;
    return this.#rows<Clip>(
      `select h.* from held h left join objects o on o.id = h.object
       where o.id is null or o.deleted_at is not null or h.at < ? limit 500`,
      before,
    );
  }

  #due(): Clip[] {
    const rows = this.#rows<Clip & { readonly cohort: string; readonly at: number }>(
      `select u.object, u.sha256, u.bytes, u.media_type, t.cohort, u.at from outputs u join objects o on o.id = u.object
       join testers t on t.id = o.tester
       where u.variant = 'video' and o.deleted_at is null and not ${STOPPED}
         and not exists (select 1 from held h where h.object = u.object) order by u.at desc limit 500`,
    );
    const { holds, now, keepDays } = this.#o;
    const since = keepDays === null ? 0 : now() - keepDays * DAY_MS;
    return rows.filter(({ cohort, at }) => at >= since && holds(cohort)).slice(0, AT_ONCE);
  }

  /** Whole and with the bytes that are known, or not at all. */
  async #keep(clip: Clip): Promise<void> {
    const stop = new AbortController();
    const watch = setInterval(() => this.#isStopped(clip) && stop.abort(), WATCH_MS);
    try {
      await this.#read(clip, stop.signal);
    } finally {
      clearInterval(watch);
    }
  }

  async #read(clip: Clip, stopped: AbortSignal): Promise<void> {
    const { upstream, bucket, now } = this.#o;
    const content = await openContent(upstream, { video: clip.object, variant: 'video' }, stopped);
    if (content.status !== 200 || !content.body) throw new Error(`upstream answered ${content.status}`);
    const body = content.body.pipeThrough(new FixedLengthStream(clip.bytes), { signal: stopped });
    await bucket.put(keyOf(clip), body, { sha256: clip.sha256 });
    this.#rows(
      'insert or replace into held values (?, ?, ?, ?, ?)',
      ...[clip.object, clip.sha256, clip.bytes, clip.media_type, now()],
    );
  }

  #isStopped({ object }: Clip): boolean {
    const text = `select 1 from objects o join testers t on t.id = o.tester where o.id = ? and ${STOPPED}`;
    return this.#rows(text, object).length > 0;
  }

  #rows<Row>(text: string, ...values: (string | number | null)[]): Row[] {
    return rowsOf(this.#o.storage, text, ...values) as unknown as Row[];
  }
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
