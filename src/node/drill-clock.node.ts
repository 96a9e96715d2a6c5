/** Runs drills by themselves: shortly after the start when none is fresh, then as often as is asked. */
import type { Drills } from '../drills.ts';

const LOOK_MS = 60_000;
const FIRST_LOOK_MS = 120_000;
const HOUR_MS = 3_600_000;
/** Several gates that start together do not drill together. */
const JITTER = 0.1;
const ACTOR = { operator: 'schedule', address: null } as const;

/** @returns how to end it */
export function startDrillClock(drills: Drills, now: () => number): () => void {
  const { everyHours } = drills;
  if (everyHours === 0) return () => {};
  const everyMs = everyHours * HOUR_MS * (1 - JITTER * Math.random());
  const look = () => {
    const lastAt = drills.lastAt();
    if (drills.running || (lastAt !== null && now() - lastAt < everyMs)) return;
    drills.run(ACTOR).catch((fault) => console.error('portcullis: a drill could not be recorded:', fault));
  };
  let timer = setTimeout(() => {
    look();
    timer = setInterval(look, LOOK_MS);
    timer.unref();
  }, FIRST_LOOK_MS);
  timer.unref();
  return () => clearTimeout(timer);
}
