/** What of Workers the gate uses: bindings, and the context of an object. Types only. */
import type { ObjectStorage } from '../store/durable.worker.ts';
import type { D1 } from './archive.worker.ts';
import type { Delivery } from './intake.worker.ts';
import type { Leased, Told, Update } from './leased.worker.ts';
import type { Said, Share } from './usage.worker.ts';

export interface Storage extends ObjectStorage {
  /** Unix milliseconds. One alarm an object: the later call counts. */
  setAlarm(atMs: number): Promise<void>;
  getAlarm(): Promise<number | null>;
}

export interface ObjectContext {
  readonly id: { readonly name?: string };
  readonly storage: Storage;
  /** Nothing reaches the object until it has ended; where it throws the object begins anew. */
  blockConcurrencyWhile<T>(work: () => Promise<T>): Promise<T>;
}

/** An object as others call it. */
export interface Stub {
  fetch(request: Request): Promise<Response>;
}

/** What the gate's object is asked. */
export interface GateStub extends Stub {
  lease(name: string, since: number): Promise<Leased>;
  deliver(delivery: Delivery): Promise<void>;
  /** Whose those of the ids are that are another tester's. */
  foreign(ids: readonly string[], tester: string): Promise<ReadonlyMap<string, string>>;
  /** @returns why they cannot be made the tester's; null: they are kept for this one */
  reserve(tester: string, ids: readonly string[]): Promise<string | null>;
  /** Sets aside for a call what it asks for of what its cohort shares. @returns why there is no room; null: it is set aside */
  share(share: Share): Promise<Said | null>;
  /** The issuer's name and public keys. */
  issuer(): Promise<PublicKeys>;
  /** Whose clip a link shows; null: nobody's. */
  holderOf(link: string): Promise<string | null>;
  minute(): Promise<void>;
}

/** What a tester's object is asked. */
export interface TesterStub extends Stub {
  obey(update: Update): Promise<Told>;
  /** Calls of drills that reached the upstream which stands in for the real one. */
  dispatched(): Promise<number>;
}

export interface PublicKeys {
  readonly issuer: string;
  readonly keys: import('jose').JSONWebKeySet;
}

export interface Env {
  readonly GATE: { getByName(name: string): GateStub };
  readonly TESTER: { getByName(name: string): TesterStub };
  readonly ARCHIVE?: D1;
  readonly ASSETS?: Stub;
  readonly HELD?: Bucket;
  readonly [text: string]: unknown;
}

/** What is used of R2. */
export interface Bucket {
  get(
    key: string,
    options: { readonly range?: { readonly offset: number; readonly length: number } },
  ): Promise<{ readonly body: ReadableStream<Uint8Array> } | null>;
  /** Refuses bytes with another checksum. */
  put(key: string, value: ReadableStream<Uint8Array>, options: { readonly sha256: string }): Promise<unknown>;
  delete(key: string): Promise<void>;
}
