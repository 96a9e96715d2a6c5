/** What the gate's object and a tester's say to each other of what holds. Types only. */
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
  /** Unix milliseconds. */
  readonly at: number;
  readonly callsRefusedInFlight: number;
  readonly streamsCut: number;
  /** When the last byte of a stream that it cut had left; null: it cut none. */
  readonly lastByteAt: number | null;
}
