/** Who goes first: calls, before whatever else there is to do. */

/** Lets everything else that waits go first: calls above all. A write to a stream that has room does not. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const JOBS_A_TURN = 25;
const waiting: (() => void)[] = [];

/** Runs the job in a later turn, with a few others at most, in the order in which they came. */
export function later(job: () => void): void {
  if (waiting.push(job) === 1) setImmediate(drain);
}

function drain(): void {
  for (const job of waiting.slice(0, JOBS_A_TURN)) {
    try {
      job();
    } catch (fault) {
      console.error('what was left for later failed:', fault);
    }
  }
  waiting.splice(0, JOBS_A_TURN);
  if (waiting.length > 0) setImmediate(drain);
}
