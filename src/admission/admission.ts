/** The one stateful step, as a port: it decides and records, and gives a refusal or a permit. Types only. */
import type { Call } from '../gateway/describe.ts';
import type { References } from '../gateway/references.ts';
import type { Units } from '../gateway/units.ts';
import type { AskedOutput } from '../outputs/holding.ts';
import type { Refusal, RefusalCode } from '../refusal.ts';
import type { Identity } from '../token/verify.ts';
import type { Further } from './asked.ts';
import type { ModerationSaid } from './moderated.ts';

/** What is known of a request from its first byte on; goes into its row whatever becomes of it. */
export interface Arrival {
  /** UUIDv7. */
  readonly id: string;
  /** Unix milliseconds. */
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly address: string | null;
  readonly agent: string | null;
  readonly clientRequestId: string | null;
}

export interface Ask {
  readonly arrival: Arrival;
  readonly who: Identity;
  readonly call: Call;
  /** What the moderation service said of its words; null: it was not asked. */
  readonly moderation?: ModerationSaid | null;
}

/** What a refused call was known to be when it was refused. */
export interface RefusedCall {
  readonly arrival: Arrival;
  readonly who: Identity | null;
  readonly operation: string | null;
  readonly refusal: Refusal;
}

export type Outcome = 'complete' | 'cut' | 'client-gone' | 'upstream-error' | RefusalCode;

/** An object at upstream that a call made. */
export interface Made {
  readonly id: string;
  /** `videos`, `files`, … */
  readonly kind: string;
  /** Unix seconds, as upstream says. */
  readonly upstreamAt: number | null;
  /** Length of a video. */
  readonly seconds: number | null;
  /** True for a job that has not ended: its units are settled when it has. */
  readonly isRunning: boolean;
}

/** A job that has ended. */
export interface JobState {
  readonly id: string;
  readonly failed: boolean;
  /** Units of which upstream says nothing stay as they were set aside. */
  readonly used: Units;
}

/** When the objects of a tester were made (Unix seconds); null when it is not known of all of them. */
export interface Span {
  readonly count: number;
  readonly oldest: number | null;
  readonly newest: number | null;
}

/** How a permitted call ended. */
export interface Settlement {
  readonly outcome: Outcome;
  readonly detail: string | null;
  /** Status that the tester got; null when the tester got none. */
  readonly status: number | null;
  readonly upstreamStatus: number | null;
  readonly upstreamRequestId: string | null;
  readonly firstByteMs: number | null;
  readonly durationMs: number;
  readonly bytesOut: number;
  /** Of a socket: bytes that came in after the row was written. */
  readonly bytesIn?: number;
  /** SHA-256 of the whole output, lower-case hex. */
  readonly outputHash?: string | null;
  /** Whose bytes the answer was. */
  readonly output?: (AskedOutput & { readonly mediaType: string | null }) | null;
  /** Units that are known; the others stay as they were set aside. */
  readonly used?: Units;
  readonly made?: readonly Made[];
  readonly jobs?: readonly JobState[];
  /** The object that upstream deleted. */
  readonly deleted?: string | null;
}

/** Why a permit ended early. */
export interface Revocation {
  readonly scope: string;
  /** `switch:ID`, for the log. */
  readonly rule: string;
  readonly refusal: Refusal;
}

/** Held for review, or given with a mark only. */
export type Withheld = 'output_held' | 'output_unmarked';

/** A promise where somebody else has to be asked. */
export type Answer = Refusal | null | Promise<Refusal | null>;

/** The right to stream one answer. */
export interface Permit {
  readonly id: string;
  /** How an answer is refused that holds what a model made; null: it may. */
  readonly withholds: Withheld | null;
  /** The code to burn into the clip; null: it goes as it comes. */
  readonly mark: string | null;
  /** Headers of ours for the answer, name and value in turn. */
  readonly headers: readonly string[];
  /** Set once and for all when a switch takes it back. Listen right before the dispatch: that looks once more. */
  readonly revoked: Revocation | null;
  /**
   * Right before the answer's head goes out, and before each piece behind it: from the first on a cut breaks a stream
   * instead of refusing a call. False when it has been taken back, and its listener told.
   */
  begin(): boolean;
  /** At most one listener; called at once when the permit is revoked. */
  onRevoked(listener: (revocation: Revocation) => void): void;
  /** Ends the permit and gives its slot back; once. Resolves when the row is settled. */
  settle(settlement: Settlement): Promise<void>;
  /**
   * Settles the row first, with what the call made, and then runs `send`; not when the permit has ended meanwhile.
   * @throws Refusal when it could not be committed; the permit then goes on.
   */
  settleThen(settlement: Settlement, send: () => void): Promise<void>;
  /** Makes objects the tester's; resolves when that is durable. @throws Refusal */
  claim(made: readonly Made[]): Promise<void>;
  /** Those of the ids that are the tester's own. */
  own(ids: readonly string[]): ReadonlySet<string>;
  span(kind: string): Span;
  /** The refusal of what is named and is not the tester's own. */
  reach(references: References): Answer;
  /** The refusal of what an open socket asks for further. */
  judge(further: Further): Refusal | null;
}

export interface Admission {
  /** True when the words of this call are to be moderated, and nothing else stands against it. Changes nothing. */
  needsModeration(ask: Ask): boolean;
  /** Commits the call's row with its decision. @throws Refusal, its row committed with it. */
  admit(ask: Ask): Promise<Permit>;
  /**
   * The same for who follows a link to a released output, which has been verified: nobody but the link says who asks.
   * @throws Refusal `link_unknown`, its row committed with it
   */
  admitLink(arrival: Arrival, link: string): Promise<{ readonly permit: Permit; readonly call: Call }>;
  /** Commits the row of a call that was refused before admission. */
  refuse(call: RefusedCall): Promise<void>;
}
