/** What this process has done since it started: plain numbers, for calls must not wait for whoever counts them. */
import type { Totals } from '../control.ts';
import type { Settlement } from './admission.ts';

/** Upper bounds in milliseconds; Prometheus wants them cumulative, which is made of them when it asks. */
export const BOUNDS_MS = [10, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000];

export class Histogram {
  /** One more than there are bounds: what is beyond the last. */
  readonly counts = new Array<number>(BOUNDS_MS.length + 1).fill(0);
  sumMs = 0;

  add(ms: number): void {
    let i = 0;
    while (i < BOUNDS_MS.length && ms > (BOUNDS_MS[i] as number)) i++;
    this.counts[i] = (this.counts[i] as number) + 1;
    this.sumMs += ms;
  }

  take({ counts, sumMs }: Pick<Histogram, 'counts' | 'sumMs'>): void {
    for (const [i, n] of counts.entries()) this.counts[i] = (this.counts[i] ?? 0) + n;
    this.sumMs += sumMs;
  }
}

export class Counts {
  /** Calls that have ended, by outcome: few, for outcomes are. */
  readonly outcomes = new Map<string, number>();
  readonly durations = new Histogram();
  readonly firstBytes = new Histogram();
  bytesOut = 0;

  ended(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }

  settled({ outcome, durationMs, firstByteMs, bytesOut }: Settlement): void {
    this.ended(outcome);
    this.durations.add(durationMs);
    if (firstByteMs !== null) this.firstBytes.add(firstByteMs);
    this.bytesOut += bytesOut;
  }
}

/** The same of several processes. Histograms share their bounds. */
export function sumOf(all: readonly Totals[]): Totals {
  const sum = { open: 0, bytesOut: 0, outcomes: new Map<string, number>() };
  const [durations, firstBytes] = [new Histogram(), new Histogram()];
  for (const one of all) {
    sum.open += one.open;
    sum.bytesOut += one.bytesOut;
    for (const [outcome, n] of one.outcomes) sum.outcomes.set(outcome, (sum.outcomes.get(outcome) ?? 0) + n);
    durations.take(one.durations);
    firstBytes.take(one.firstBytes);
  }
  return { ...sum, durations, firstBytes };
}
