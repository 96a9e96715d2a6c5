/** What `/readyz` says: whether calls can be let through, and what the last drill of the stop showed. */
import type { Drills } from './drills.ts';

/** Anybody asks this: a store that cannot be read is a gate that is not ready, and no fault of the asker's. */
export function readiness(isLogWritable: () => boolean, drills: Drills, required: boolean) {
  try {
    const armed = drills.armed().state;
    return { ready: isLogWritable() && (armed !== 'failed' || !required), armed };
  } catch {
    return { ready: false, armed: 'unknown' };
  }
}
