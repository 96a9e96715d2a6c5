/** What the portal may ask of the gate. Types only. */
import type { AddressLimit } from '../admission/address-limit.ts';
import type { Room } from '../admission/room.ts';
import type { Switch } from '../admission/switches.ts';
import type { Clock, Digest } from '../deps.ts';
import type { Route } from '../gateway/routes.ts';
import type { Visit } from '../gateway/visit.ts';
import type { Finder } from '../log/find.ts';
import type { CohortPolicy } from '../policy/policy.ts';
import type { Db } from '../store/db.node.ts';
import type { Job } from '../store/writer.ts';
import type { Signing } from '../token/keys.ts';
import type { Identity, Verifier } from '../token/verify.ts';

export interface Portal {
  readonly now: Clock;
  /** Reads: committed rows only. */
  readonly reader: Db;
  /** Builds the statements of a job; used inside `write` only. */
  readonly writer: Db;
  write<T>(job: Job<T>): Promise<T>;
  /** What was withdrawn streams no more. */
  readonly recheck: () => void;
  readonly newDigest: () => Digest;
  readonly verifier: Verifier;
  /** The same count of refused calls by address as at the gateway. */
  readonly attempts: AddressLimit;
  /** What the policy in force grants a cohort; null: nothing. */
  readonly rules: (cohort: string) => CohortPolicy | null;
  /** The version of the terms that the policy in force asks for; null: none. */
  readonly requiredTerms: () => number | null;
  /** What is left of limits and quotas. */
  readonly room: Room;
  /** Stops that the store did not take. */
  readonly memoryStops: ReadonlySet<Switch>;
  /** By so much an outside issuer's clock may be ahead. */
  readonly skewMs: number;
  readonly find: Finder;
  readonly keys: {
    readonly issuer: string;
    signing(): Signing;
    holds(kid: string): boolean;
  };
  /** What testers call the gateway; null where nobody has said. */
  readonly publicUrl: string | null;
  /** Null: this gate does not offer the operation. */
  readonly route: (operation: string) => Route | null;
}

/** Who is signed in, and by which grant. */
export interface Visitor {
  readonly tester: string;
  /** As a call of the tester's is made in this grant's name. */
  readonly identity: Identity;
  /** Of the token that was shown; null for a one-time link. */
  readonly jti: string | null;
  /** What every form of this visitor's must bring back; null where no cookie speaks, and so no other site can. */
  readonly csrf: string | null;
  /** Unix milliseconds. */
  readonly expiresAt: number;
}

export interface PortalEnv {
  Bindings: { readonly visit: Visit };
  Variables: { visitor: Visitor };
}
