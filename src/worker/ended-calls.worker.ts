/** What a delivery tells of calls that have ended, for the counters: each once, however often it comes. */
import type { Counts } from '../admission/counts.ts';
import { type ObjectStorage, rowsOf } from '../store/durable.worker.ts';
import type { Row } from '../store/feed.worker.ts';
import type { Delivery } from './intake.worker.ts';

/** Those of the delivery that are not known to have ended; to be asked before it is taken in. */
export function endedIn(storage: ObjectStorage, { changes }: Delivery): Row[] {
  return changes.flatMap(({ table, key, row }) => {
    if (table !== 'requests' || !row || row.outcome === null) return [];
    const [known] = rowsOf(storage, 'select outcome from requests where id = ?', key[0] ?? null);
    return known?.outcome ? [] : [row];
  });
}

export function countEnded(counts: Counts, ended: readonly Row[]): void {
  for (const { decision, outcome, duration_ms, first_byte_ms, bytes_out } of ended) {
    counts.ended(String(outcome));
    if (decision === 'refused') continue;
    counts.durations.add(Number(duration_ms ?? 0));
    if (typeof first_byte_ms === 'number') counts.firstBytes.add(first_byte_ms);
    counts.bytesOut += Number(bytes_out ?? 0);
  }
}
