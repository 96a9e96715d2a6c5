/** What an answer tells: the objects that it shows for the first time, how far jobs are, what was used. Pure. */
import type { JobState, Made } from '../admission/admission.ts';
import type { Fields } from './body.ts';
import type { AnswerReading } from './describe.ts';
import { isCount, tokensIn, type Units } from './units.ts';

/** The objects that a JSON answer, or the part of an event that stands for one, shows at the places of the route table. */
export function madeIn(makes: AnswerReading['makes'], answer: unknown): Made[] {
  return Object.entries(makes ?? {}).flatMap(([place, kind]) =>
    holdersOf(answer, place.split('.')).flatMap(({ holder, name }) => {
      const id = holder[name];
      return typeof id === 'string' && id !== '' ? [madeOf(id, kind, holder, place === 'id')] : [];
    }),
  );
}

function madeOf(id: string, kind: string, holder: Fields, isAnswer: boolean): Made {
  const at = holder.created_at ?? holder.created;
  const isRunning = isAnswer && isUnfinished(holder.status);
  return { id, kind, upstreamAt: isCount(at) ? at : null, seconds: secondsOf(holder), isRunning };
}

/** The objects that hold the last name of a path such as `output[].id`. */
function holdersOf(value: unknown, [step, ...rest]: readonly string[]): { holder: Fields; name: string }[] {
  if (!isFields(value) || step === undefined) return [];
  if (rest.length === 0) return [{ holder: value, name: step }];
  if (!step.endsWith('[]')) return holdersOf(value[step], rest);
  const list = value[step.slice(0, -2)];
  return Array.isArray(list) ? list.flatMap((one) => holdersOf(one, rest)) : [];
}

/** How far the jobs of an answer are that have ended; those that run on change nothing. */
export function jobsIn(answer: unknown): JobState[] {
  if (!isFields(answer)) return [];
  const jobs = Array.isArray(answer.data) ? answer.data : [answer];
  return jobs.filter(isFields).flatMap((job) => {
    if (typeof job.id !== 'string' || typeof job.status !== 'string' || isUnfinished(job.status)) return [];
    return [{ id: job.id, failed: job.status === 'failed', used: usedIn(job) }];
  });
}

/** What upstream says that was used; units of which it says nothing are absent. */
export function usedIn(answer: unknown): Units {
  if (!isFields(answer)) return {};
  const tokens = tokensIn(answer.usage);
  const videoSeconds = secondsOf(answer);
  return { ...(tokens === null ? {} : { tokens }), ...(videoSeconds === null ? {} : { videoSeconds }) };
}

/** Upstreams write it as a number, or as a string of digits. */
function secondsOf({ seconds }: Fields): number | null {
  const value =
    typeof seconds === 'string' && /^\d{1,6}(?:\.\d{1,3})?$/.test(seconds) ? Number(seconds) : seconds;
  return isCount(value) ? value : null;
}

function isUnfinished(status: unknown): boolean {
  return status === 'queued' || status === 'in_progress';
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
