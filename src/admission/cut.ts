/** What a stop ended, counted. */
import type { Revocation } from './admission.ts';
import type { LivePermit } from './permits.ts';

export interface Cut {
  /** Calls in flight that had no answer yet. */
  readonly callsRefusedInFlight: number;
  /** Answers that were being streamed. */
  readonly streamsCut: number;
}

/** By the numbers of the switches that did it. */
export type CutBySwitch = ReadonlyMap<number, Cut>;

export const NOTHING_CUT: Cut = { callsRefusedInFlight: 0, streamsCut: 0 };

/** Takes a permit back. */
export function cut(permit: LivePermit, revocation: Revocation): Cut {
  if (permit.revoked) return NOTHING_CUT;
  const { streaming } = permit;
  permit.revoke(revocation);
  return { callsRefusedInFlight: streaming ? 0 : 1, streamsCut: streaming ? 1 : 0 };
}

export function sum(a: Cut, b: Cut): Cut {
  return {
    callsRefusedInFlight: a.callsRefusedInFlight + b.callsRefusedInFlight,
    streamsCut: a.streamsCut + b.streamsCut,
  };
}
