/** Whether the store takes writes. After a failure the gate stays closed until a write of real size has succeeded. */
import { sql } from 'drizzle-orm';
import { Refusal } from '../refusal.ts';
import type { Db } from '../store/db.node.ts';
import { probe } from '../store/schema.ts';
import { StoreUnavailable, type Writer } from '../store/writer.ts';

/** After SQLITE_FULL a small insert can succeed, so only a larger one proves that there is room. */
const PROBE_BYTES = 262_144;
const PROBE_EVERY_MS = 250;

export class StoreHealth {
  readonly #writer: Writer;
  readonly #db: Db;
  readonly #recovered: () => void;
  readonly #closing: (fault: string) => void;
  #fault: string | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #closed = false;

  /** @param closed hears that the gate closes, and why */
  constructor(writer: Writer, db: Db, recovered: () => void, closed: (fault: string) => void = () => {}) {
    this.#closing = closed;
    this.#writer = writer;
    this.#db = db;
    this.#recovered = recovered;
  }

  get open(): boolean {
    return this.#fault === null;
  }

  /** @throws Refusal `store_unavailable` while the gate is closed */
  check(): void {
    if (this.#fault !== null) throw new Refusal('store_unavailable', this.#fault);
  }

  /** What a write came to. @throws Refusal `store_unavailable` where the store did not take it */
  async guarded<T>(write: Promise<T>): Promise<T> {
    try {
      return await write;
    } catch (fault) {
      throw this.refusal(fault);
    }
  }

  /** The fault of a write as it goes on; where it is the store's the gate closes. */
  refusal(fault: unknown): unknown {
    if (!(fault instanceof StoreUnavailable)) return fault;
    this.failed(fault);
    return new Refusal('store_unavailable', fault.message);
  }

  failed(fault: unknown): void {
    const text = fault instanceof Error ? fault.message : String(fault);
    if (this.#fault === null) {
      console.error(`gate closed: ${text}`);
      this.#closing(text);
    }
    this.#fault = text;
    if (!this.#timer && !this.#closed) this.#timer = setTimeout(() => void this.#probe(), PROBE_EVERY_MS);
    this.#timer?.unref();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  async #probe(): Promise<void> {
    this.#timer = null;
    const pad = sql`randomblob(${PROBE_BYTES})`;
    try {
      await this.#writer.write(() => {
        this.#db
          .insert(probe)
          .values({ id: 1, pad })
          .onConflictDoUpdate({ target: probe.id, set: { pad } })
          .run();
      });
      await this.#writer.write(() => this.#db.delete(probe).run());
    } catch (fault) {
      this.failed(fault);
      return;
    }
    this.#fault = null;
    console.error('gate open again: the store takes writes');
    this.#recovered();
  }
}
