/** Calls minute by minute: what charts of the last hour are made of. Reads only; minutes that are over are read once. */
import type { Db } from '../store/db.node.ts';
import { turn } from '../turn.ts';
import { firstIdOf } from './id.ts';

export interface Minute {
  /** When it began, Unix milliseconds. */
  readonly at: number;
  readonly calls: number;
  /** Refused calls by the code of the refusal. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Units used, or set aside while that is not known. */
  readonly units: Readonly<Record<Unit, number>>;
  /** Calls that began in this minute, by the minute in which they ended; null: they have not. */
  readonly ended: ReadonlyMap<number | null, number>;
}

const UNITS = ['videoSeconds', 'images', 'tokens', 'bytes'] as const;
export type Unit = (typeof UNITS)[number];

interface Row extends Record<Unit, number | null> {
  readonly refusal: string | null;
  readonly ended: number | null;
  readonly calls: number;
}

const MINUTE_MS = 60_000;
export const MOST_MINUTES = 240;
/** So many rows as come in this time are read in one go: other work waits for no more. */
const SLICE_MS = 5_000;
/** A row is written when the body of its call is there, so minutes go on growing for a while. */
const QUIET_MS = 240_000;
/** Many viewers are shown one reading. */
const SAME_MS = 1_000;

export class Series {
  readonly #rows;
  readonly #over = new Map<number, Minute>();
  #last: { readonly at: number; readonly minutes: number; readonly read: Promise<Minute[]> } | null = null;

  constructor({ $client: db }: Db) {
    const units = UNITS.map((unit) => `sum(units ->> '${unit}') as "${unit}"`).join(', ');
    this.#rows = db.prepare<[string, string], Row>(
      `select refusal, ended, sum(repeats) as calls, ${units} from (
         select case decision when 'refused' then coalesce(outcome, 'refused') end as refusal, repeats,
           case when outcome is not null then cast((at + coalesce(duration_ms, 0)) / ${MINUTE_MS} as integer) * ${MINUTE_MS} end as ended,
           coalesce(job_used, used, reserved) as units
         from requests where id >= ? and id < ?)
       group by refusal, ended`,
    );
  }

  /** The last minutes, the oldest first; the newest is not over. */
  minutes(nowMs: number, count: number): Promise<Minute[]> {
    const last = this.#last;
    if (last && last.minutes === count && Math.abs(nowMs - last.at) < SAME_MS) return last.read;
    const read = this.#read(nowMs, count);
    this.#last = { at: nowMs, minutes: count, read };
    read.catch(() => {
      this.#last = null;
    });
    return read;
  }

  async #read(nowMs: number, count: number): Promise<Minute[]> {
    const newest = nowMs - (nowMs % MINUTE_MS);
    const oldest = newest - (count - 1) * MINUTE_MS;
    for (const at of this.#over.keys()) if (at < newest - MOST_MINUTES * MINUTE_MS) this.#over.delete(at);
    const minutes: Minute[] = [];
    for (let at = oldest; at <= newest; at += MINUTE_MS) {
      const minute = this.#over.get(at) ?? (await this.#minute(at));
      if (at + MINUTE_MS + QUIET_MS < nowMs && !minute.ended.has(null)) this.#over.set(at, minute);
      minutes.push(minute);
    }
    return minutes;
  }

  async #minute(at: number): Promise<Minute> {
    const minute = {
      ...{ at, calls: 0, refusals: {} as Record<string, number> },
      units: { videoSeconds: 0, images: 0, tokens: 0, bytes: 0 },
      ended: new Map<number | null, number>(),
    };
    for (let from = at; from < at + MINUTE_MS; from += SLICE_MS) {
      const rows = this.#rows.all(firstIdOf(from), firstIdOf(from + SLICE_MS));
      for (const row of rows) {
        minute.calls += row.calls;
        if (row.refusal !== null)
          minute.refusals[row.refusal] = (minute.refusals[row.refusal] ?? 0) + row.calls;
        else minute.ended.set(row.ended, (minute.ended.get(row.ended) ?? 0) + row.calls);
        for (const unit of UNITS) minute.units[unit] += row[unit] ?? 0;
      }
      if (rows.length > 0) await turn();
    }
    return minute;
  }
}

/** How many of these calls were open at the end of each minute. */
export function openAtEnds(minutes: readonly Minute[]): number[] {
  return minutes.map(({ at: end }, i) => {
    const begun = minutes.slice(0, i + 1).flatMap(({ ended }) => [...ended]);
    return begun.reduce((sum, [ended, calls]) => sum + (ended === null || ended > end ? calls : 0), 0);
  });
}
