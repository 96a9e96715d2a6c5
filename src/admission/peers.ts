/** Whoever else admits calls under the same switches: other processes on this database, or objects that hold a lease. Types only. */
import type { Clock } from '../deps.ts';
import type { Db } from '../store/db.node.ts';
import type { Writer } from '../store/writer.ts';
import type { Cut } from './cut.ts';

/** What the warden gives to find its peers by. */
export interface PeerParts {
  readonly db: Db;
  readonly writer: Writer;
  /** As acknowledgements of stops call this one. */
  readonly name: string;
  readonly now: Clock;
  /** Calls in flight of each tester here. */
  readonly held: () => Iterable<readonly [tester: string, calls: number]>;
}

export interface Confirmation extends Cut {
  /** Unix milliseconds. */
  readonly at: number;
  readonly lastByteAt: number | null;
}

export interface Confirmed {
  readonly name: string;
  /** Null: it did not answer in time. */
  readonly confirmation: Confirmation | null;
  /** When a silent one had lost its lease: from then on it lets nothing pass before it has looked at the switches. */
  readonly lapsedAt: number | null;
}

export interface Peers {
  /** Number of this one, in the rows of the calls that it admits. */
  readonly self: number;
  /** True while there are others. */
  readonly shared: boolean;
  /** True when it is time to look again. */
  readonly isDue: boolean;
  /** Resolves when every other one counts with this one. */
  join(): Promise<void>;
  /** Learns who there is. @returns how many have died */
  look(): Promise<number>;
  /** Calls in flight of a tester elsewhere. Runs inside a writer's job. */
  othersHold(tester: string): number;
  /** Tells the others what this one holds. Runs inside a writer's job. */
  hold(tester: string, calls: number): void;
  /** Tells whoever engaged a switch that it holds here. Runs inside a writer's job. */
  confirm(switchId: number, cut: Cut, lastByteAt: number | null): void;
  /** Resolves when each of the others has confirmed the switch or lost its lease. @param requestedAt Unix milliseconds */
  confirmations(switchId: number, requestedAt: number): Promise<readonly Confirmed[]>;
  /** Runs inside a writer's job, as the last one. */
  leave(): void;
}
