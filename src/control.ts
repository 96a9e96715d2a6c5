/** What the control side (admin API, console) may ask of the gate. Types only. */
import type { Scope } from './admission/scope.ts';
import type { Clock } from './deps.ts';
import type { LogSide } from './log/log-side.ts';
import type { Db } from './store/db.node.ts';
import type { Job } from './store/writer.ts';

/** Who acts, and from where: goes into the `acts` table with every act. */
export interface Actor {
  readonly operator: string;
  readonly address: string | null;
}

export interface StopOrder {
  readonly scope: Scope;
  readonly effect: 'stop' | 'revoke';
  /** Shown to testers. */
  readonly reason: string | null;
}

/** The acknowledgement of a stop. It is given when nothing in the scope is dispatched any more. */
export interface Stopped {
  /** Id of the row in `switches`; null when the store took no write and the stop holds in memory only. */
  readonly id: number | null;
  readonly scope: string;
  readonly effect: 'stop' | 'revoke';
  readonly reason: string | null;
  readonly requestedAt: number;
  readonly committedAt: number;
  readonly durable: boolean;
  readonly nodes: readonly {
    readonly node: string;
    /** Null: this process did not answer in time; it looks at the switches before it sends anything. */
    readonly confirmedAt: number | null;
    /** Calls in flight that had no answer yet. */
    readonly callsRefusedInFlight: number;
    /** Answers that were being streamed. */
    readonly streamsCut: number;
  }[];
}

export interface Released {
  readonly scope: string;
  readonly ids: readonly number[];
  /** Stops among them that the store had not taken yet, and so have no id. */
  readonly heldInMemory: number;
  readonly releasedAt: number;
}

export interface IssuedToken {
  /** The token itself: shown once, kept nowhere. */
  readonly token: string;
  readonly jti: string;
  readonly tester: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** A key of ours that is in force: the newest signs, the others verify until their end. */
export interface KeyInForce {
  readonly kid: string;
  readonly state: 'signing' | 'verifying';
  /** Unix milliseconds; null where the key file does not say. */
  readonly createdAt: number | null;
  /** Unix milliseconds; null for the signing key. */
  readonly signedUntil: number | null;
  /** Unix milliseconds; null for the signing key. */
  readonly verifiesUntil: number | null;
}

export interface Live {
  readonly node: string;
  readonly startedAt: number;
  readonly openCalls: number;
  /** False while the store refuses writes, and so every call is refused. */
  readonly logWritable: boolean;
}

/** The gate as the control side sees it. */
export interface Control {
  readonly now: Clock;
  /** Reads: committed rows only. Never used to write. */
  readonly reader: Db;
  /** Builds the statements of a job; used inside `write` only. */
  readonly writer: Db;
  /** Runs the job in the next group commit, and resolves when it is durable. */
  write<T>(job: Job<T>): Promise<T>;
  stop(order: StopOrder, actor: Actor): Promise<Stopped>;
  /** Releases every engaged stop of exactly this scope; revocations stay. */
  release(scope: Scope, reason: string | null, actor: Actor): Promise<Released>;
  /**
   * @param renews jti of the token that this one takes the place of; it is left as it is
   * @throws TesterUnknown
   */
  issueToken(
    tester: string,
    lifetimeDays: number | null,
    actor: Actor,
    renews?: string,
  ): Promise<IssuedToken>;
  /** The signing key first. */
  keys(): readonly KeyInForce[];
  /**
   * A new key signs from now on.
   * @param overlapMs how long the older keys go on verifying; null: until the last token has expired
   */
  rotateKeys(overlapMs: number | null, actor: Actor): Promise<void>;
  /** @throws KeyUnknown KeySigns */
  withdrawKey(kid: string, actor: Actor): Promise<void>;
  live(): Live;
  readonly log: LogSide;
  /** Runs inside a writer's job: destroys what was kept of a tester's texts. @returns how many */
  forget(tester: string): number;
  /** Names of the cohorts that have rules in the configuration. */
  readonly cohortsWithRules: readonly string[] | 'all';
}
