/** What the gate's object and a tester's say to each other of what holds. Types only. */
import type { Cut } from '../admission/cut.ts';
import type { Change } from '../store/feed.worker.ts';
import type { PublicKeys } from './runtime.worker.ts';

/** What has changed of the directory, as far as it concerns one tester. */
export interface Update {
  /** Number of the change that the receiver has to know already. */
  readonly since: number;
  /** Number of the newest change in it. */
  readonly seq: number;
  readonly changes: readonly Change[];
  /** True: there is more than these, to be asked for. */
  readonly more: boolean;
  readonly issuer: PublicKeys;
}

/** Leave to let calls pass. */
export interface Leased extends Update {
  /** How long it holds, counted from when it was asked for. */
  readonly ms: number;
  /** Signs links: secret. */
  readonly linkKey: string;
}

/** What a tester's object did with an update. */
export interface Told {
  /** Unix milliseconds; what was written to the streams that were cut has left by then. */
  readonly at: number;
  /** Of switches that the update may be about. */
  readonly cuts: readonly CutBy[];
}

/** What one switch cut. */
export interface CutBy extends Cut {
  readonly switch: number;
}
