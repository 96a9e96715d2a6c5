/** What the control side (admin API, console) may ask of the gate. Types only. */
import type { Histogram } from './admission/counts.ts';
import type { InForce } from './admission/policies.ts';
import type { Room } from './admission/room.ts';
import type { Scope } from './admission/scope.ts';
import type { Outbox } from './alerts/outbox.ts';
import type { Settings } from './config.ts';
import type { Loaded, PolicyOrder } from './control-policy.ts';
import type { Clock } from './deps.ts';
import type { Drills } from './drills.ts';
import type { LogSide } from './log/log-side.ts';
import type { Content, ContentAsk } from './outputs/content.ts';
import type { Inspector } from './outputs/inspection.ts';
import type { LinkSigner } from './outputs/link-token.ts';
import type { Policy } from './policy/policy.ts';
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
  /** For operators only. */
  readonly note?: string | null;
  /** Unix milliseconds at which a stop releases itself. */
  readonly until?: number | null;
  /** Ends the tokens in the scope too, for good. */
  readonly revokeTokens?: boolean;
  /** Deletes running jobs of the scope at upstream, and hands out nothing that was made under it. */
  readonly cancelUpstream?: boolean;
  /** Where everything is stopped already, that stop is the answer: several processes are given one order. */
  readonly unlessStopped?: boolean;
}

/** The acknowledgement of a stop. It is given when nothing in the scope is dispatched any more. */
export interface Stopped {
  /** Id of the row in `switches`; null when the store took no write and the stop holds in memory only. */
  readonly id: number | null;
  /** Index of its entry in the log's tree: of two changes of switches the later one has the greater. */
  readonly epoch: number | null;
  readonly scope: string;
  readonly effect: 'stop' | 'revoke';
  readonly reason: string | null;
  readonly note: string | null;
  readonly until: number | null;
  /** Id of the revocation that came with it. */
  readonly revocation: number | null;
  /** Jobs that are being cancelled at upstream. */
  readonly jobs: number;
  readonly requestedAt: number;
  readonly committedAt: number;
  readonly durable: boolean;
  /** The one that answers first. Where there are many, only who is silent or cut something; the sums count all. */
  readonly nodes: readonly NodeStopped[];
  /** How many confirmed that nothing in the scope passes there. */
  readonly confirmed: number;
  /** How many did not, and have lost their lease. */
  readonly lapsed: number;
  /** Calls in flight and streams together, everywhere. */
  readonly cut: number;
  /** From the order to the last confirmation. */
  readonly ms: number;
  /** From the order to the last byte of a stream that it cut; null where none was cut. */
  readonly lastByteMs: number | null;
}

export interface NodeStopped {
  readonly node: string;
  /** Null: it did not answer in time. */
  readonly confirmedAt: number | null;
  /** When a silent one had lost its lease: from then on it looks at the switches before it lets anything pass. */
  readonly lapsedAt: number | null;
  /** Calls in flight that had no answer yet. */
  readonly callsRefusedInFlight: number;
  /** Answers that were being streamed. */
  readonly streamsCut: number;
}

export interface Released {
  readonly scope: string;
  readonly ids: readonly number[];
  /** Stops among them that the store had not taken yet, and so have no id. */
  readonly heldInMemory: number;
  readonly releasedAt: number;
}

/** What a stop would end in this process. */
export interface Reach {
  readonly node: string;
  readonly calls: number;
  readonly streams: number;
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

/** What the configuration says of releases. */
export interface Releasing {
  /** How many different people must approve one. */
  readonly approvals: number;
  /** How long a link works when nobody says. */
  readonly linkDays: number;
  /** What links begin with; null: they are given as paths. */
  readonly publicUrl: string | null;
}

/** What calls came to. Plain data: it goes from process to process. */
export interface Totals {
  /** Calls in flight. */
  readonly open: number;
  readonly bytesOut: number;
  readonly outcomes: ReadonlyMap<string, number>;
  readonly durations: Pick<Histogram, 'counts' | 'sumMs'>;
  readonly firstBytes: Pick<Histogram, 'counts' | 'sumMs'>;
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
  /** Releases every engaged stop of exactly this scope; revocations stay. @throws StopFileThere */
  release(scope: Scope, reason: string | null, actor: Actor): Promise<Released>;
  /**
   * Lets some back in while the stop holds for the rest.
   * @throws SwitchUnknown StopFileThere @returns those of the scopes that it did not let through before
   */
  readmit(switchId: number, scopes: readonly Scope[], reason: string | null, actor: Actor): Promise<Scope[]>;
  /** What a stop of this scope would end now. */
  reach(scope: Scope): Reach;
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
  /** The bytes of a video: a copy of ours where there is one, else upstream's. @throws ContentUnavailable */
  content(ask: ContentAsk, signal: AbortSignal): Promise<Content>;
  /** Cuts what a release or a link does not let on any more. */
  recheck(): void;
  readonly links: LinkSigner;
  readonly inspector: Inspector;
  /** Of releases, as the configuration says. */
  readonly releasing: Releasing;
  live(): Live;
  /** What the configuration says, without its secrets. */
  readonly settings: Settings;
  readonly log: LogSide;
  /** Runs inside a writer's job: destroys what was kept of a tester's texts, and of clips. @returns how many texts */
  forget(tester: string): number;
  /** Of all processes that share the listeners, since they started. */
  totals(): Promise<Totals>;
  readonly outbox: Outbox;
  readonly drills: Drills;
  /** What testers and cohorts have left of their limits and quotas. */
  readonly room: Room;
  /** True where tokens of outside issuers are taken: those need no row here. */
  readonly outsideIssuers: boolean;
  /** The usage policy; null: none can be read, and so nothing is allowed. */
  policy(): InForce | null;
  /** @throws PolicyError */
  checkPolicy(text: string): Policy;
  /** Puts it in force, in every process on this database. @throws PolicyError: nothing has changed then */
  loadPolicy(order: PolicyOrder, actor: Actor): Promise<Loaded>;
}
