/** Signs the log's tree every few seconds, keeps the checkpoint, and sends it outside. */

import type { Clock } from '../deps.ts';
import type { Db } from '../store/db.node.ts';
import type { Writer } from '../store/writer.ts';
import type { LogKey } from './log-key.ts';
import { checkpointText } from './note.ts';
import type { Tree } from './tree.ts';

/** Full tiles of leaves that one transaction makes the hashes of: a few milliseconds of work. */
const TILES_AT_ONCE = 16;

export interface Sealed {
  readonly size: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly root: Buffer;
  readonly note: string;
}

/** A place outside where checkpoints go as they are made. @throws Error when it did not take it */
export type Publish = (note: string) => Promise<void>;

export interface SealerOptions {
  readonly db: Db;
  /** Over the writing connection. */
  readonly tree: Tree;
  readonly writer: Writer;
  readonly key: LogKey;
  readonly everyMs: number;
  readonly now: Clock;
  readonly publish: readonly { readonly name: string; readonly send: Publish }[];
  readonly onFault: (what: string, fault: unknown) => void;
}

export class Sealer {
  readonly #o: SealerOptions;
  readonly #last;
  readonly #insert;
  /** What each place outside has not taken yet. */
  readonly #behind = new Map<string, string>();
  #turn: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(options: SealerOptions) {
    this.#o = options;
    const { $client: db } = options.db;
    this.#last = db.prepare<[], Sealed>('select * from checkpoints order by size desc limit 1');
    this.#insert = db.prepare('insert into checkpoints (size, at, root, note) values (?, ?, ?, ?)');
  }

  start(): void {
    this.#timer = setInterval(() => void this.seal(), this.#o.everyMs);
    this.#timer.unref();
  }

  /** Never rejects: a fault is told, and the next turn tries again. */
  seal(): Promise<void> {
    this.#turn = this.#turn
      .then(() => this.#seal())
      .catch((fault: unknown) => this.#o.onFault('the log could not be sealed', fault))
      .then(() => this.#publish());
    return this.#turn;
  }

  /** The last checkpoint of this process, over everything that is committed. */
  async close(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    await this.seal();
  }

  async #seal(): Promise<void> {
    const { writer, tree, key, now } = this.#o;
    // Inside a job, so that nothing is counted that is not committed, and all tiles up to there are made.
    const fill = () => (tree.fill(TILES_AT_ONCE) === TILES_AT_ONCE ? null : tree.size);
    let size = await writer.write(fill);
    while (size === null) size = await writer.write(fill);
    // Another process of this database may have signed it.
    if (size <= (this.#last.get()?.size ?? 0)) return;
    const root = Buffer.from(tree.root(0, size));
    const note = await key.sign(checkpointText({ origin: key.name, size, root }));
    const kept = await writer.write(() => {
      if (size <= (this.#last.get()?.size ?? 0)) return false;
      this.#insert.run(size, now(), root, note);
      return true;
    });
    if (kept) for (const { name } of this.#o.publish) this.#behind.set(name, note);
  }

  /** One after another; a place that takes none keeps nobody else waiting for long. */
  async #publish(): Promise<void> {
    for (const { name, send } of this.#o.publish) {
      const note = this.#behind.get(name);
      if (note === undefined) continue;
      try {
        await send(note);
        if (this.#behind.get(name) === note) this.#behind.delete(name);
      } catch (fault) {
        this.#o.onFault(`checkpoint not taken by ${name}`, fault);
      }
    }
  }
}
