/** What auditors are served of the log's tree: checkpoints, tiles, entries, proofs, bundles. Reads only. */
import { desc, inArray } from 'drizzle-orm';
import type { Db } from '../store/db.node.ts';
import { checkpoints, requests } from '../store/schema.ts';
import { type Asked, bundleLines, everything, only } from './bundle.ts';
import { type CallsOf, callsOfIn } from './calls-of.ts';
import { type OpenedCapture, openCapture, type Sealing, searchPrompts } from './captures.ts';
import { Finder } from './find.ts';
import type { LogKey } from './log-key.ts';
import { consistencyProof, type Hasher, hasherOf, inclusionProof, rootFrom, type Sha256 } from './merkle.ts';
import { openCheckpoint, readVerifierKey } from './note.ts';
import { type EntryText, entriesOf } from './rows.ts';
import { Series } from './series.ts';
import { TILE_WIDTH, Tree } from './tree.ts';

export interface ProvenEntry {
  readonly index: number;
  /** Null: the row was let go. */
  readonly entry: string | null;
  readonly hash: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export class LogSide {
  readonly key: Pick<LogKey, 'name' | 'verifier'>;
  readonly find: Finder;
  readonly series: Series;
  readonly callsOf: CallsOf;
  readonly #sealing: Sealing;
  readonly #db: Db;
  readonly #sha256: Sha256;
  readonly #tree: Tree;
  readonly #entry: EntryText;

  constructor(db: Db, key: Pick<LogKey, 'name' | 'verifier'>, sha256: Sha256, sealing: Sealing) {
    this.#sealing = sealing;
    this.#sha256 = sha256;
    const hasher: Hasher = hasherOf(sha256);
    this.#db = db;
    this.key = key;
    this.find = new Finder(db);
    this.series = new Series(db);
    this.callsOf = callsOfIn(db);
    this.#tree = new Tree(db, hasher);
    this.#entry = entriesOf(db);
  }

  /** Entries so far, those after the last checkpoint included. */
  get size(): number {
    return this.#tree.size;
  }

  checkpoint() {
    return this.#db.select().from(checkpoints).orderBy(desc(checkpoints.size)).limit(1).get();
  }

  /** What was kept of the text of a call; null: nothing. */
  capture(request: string): OpenedCapture | null {
    return openCapture(this.#db, this.#sealing, request);
  }

  /** @throws RangeError */
  prompts(words: string, limit: number): string[] {
    return searchPrompts(this.#db, words, limit);
  }

  /** Null: not (yet) a tile of the tree. */
  tile(level: number, n: number, width: number): Uint8Array | null {
    const signed = this.checkpoint()?.size ?? 0;
    if ((n * TILE_WIDTH + width) * TILE_WIDTH ** level > signed) return null;
    return this.#tile(level, n, width);
  }

  #tile(level: number, n: number, width: number): Uint8Array | null {
    try {
      return this.#tree.tile(level, n, width);
    } catch {
      return null;
    }
  }

  /** C2SP tlog-tiles, entry bundle. Null: there is none, or rows of it were let go. */
  entries(n: number, width: number): Uint8Array | null {
    if (n * TILE_WIDTH + width > (this.checkpoint()?.size ?? 0)) return null;
    const parts: Uint8Array[] = [];
    for (let index = n * TILE_WIDTH; index < n * TILE_WIDTH + width; index++) {
      const { kind, ref } = this.#tree.leaf(index);
      const text = this.#entry(kind, ref);
      if (text === null) return null;
      const entry = Buffer.from(text);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(entry.length);
      parts.push(length, entry);
    }
    return Buffer.concat(parts);
  }

  /** The entries about one call, each with its proof in the tree of the last checkpoint. */
  proofs(request: string): { size: number; note: string; entries: ProvenEntry[] } | null {
    const signed = this.checkpoint();
    if (!signed) return null;
    const entries = this.#leavesOf([request])
      .filter((index) => index < signed.size)
      .map((index) => {
        const { kind, ref, hash } = this.#tree.leaf(index);
        const proof = inclusionProof(index, signed.size, this.#tree.root);
        return { index, entry: this.#entry(kind, ref), hash, proof };
      });
    return { size: signed.size, note: signed.note, entries };
  }

  /** Whether the entries about one call still say what was signed; null: no checkpoint signs them yet. @throws NoteFault */
  async check(request: string) {
    const proofs = this.proofs(request);
    const at = this.checkpoint()?.at;
    if (!proofs || at === undefined || proofs.entries.length === 0) return null;
    const { root, size } = await openCheckpoint(
      proofs.note,
      readVerifierKey(this.key.verifier, this.#sha256),
      this.#sha256,
    );
    const hasher = hasherOf(this.#sha256);
    const entries = proofs.entries.map(({ index, entry, hash, proof }) => {
      const made = entry === null ? null : hasher.leaf(new TextEncoder().encode(entry));
      const leads = rootFrom(hash, index, size, proof, hasher);
      return { index, unchanged: isSame(made, hash), included: isSame(leads, root) };
    });
    return { size, at, entries };
  }

  /** @throws RangeError when one of the sizes is none that was signed */
  consistency(older: number, newer: number): Uint8Array[] {
    const signed = this.checkpoint()?.size ?? 0;
    if (older > newer || newer > signed) throw new RangeError(`sizes up to ${signed}, the older one first`);
    return consistencyProof(older, newer, this.#tree.root);
  }

  /** Lines of a bundle, up to the last checkpoint. @param ids of requests; null: everything */
  bundle(ids: readonly string[] | null): Generator<string> | null {
    const signed = this.checkpoint();
    if (!signed) return null;
    const asked: Asked = ids === null ? everything : only(this.#leavesOf(ids));
    const source = { tree: this.#tree, entry: this.#entry, size: signed.size, note: signed.note };
    return bundleLines({ ...source, verifier: this.key.verifier }, asked);
  }

  /** In rising order. */
  #leavesOf(ids: readonly string[]): number[] {
    const found: number[] = [];
    for (let at = 0; at < ids.length; at += 100) {
      const rows = this.#db
        .select({ leaf: requests.leaf, settled: requests.settledLeaf })
        .from(requests)
        .where(inArray(requests.id, ids.slice(at, at + 100)));
      for (const { leaf, settled } of rows.all())
        for (const index of [leaf, settled]) if (index !== null) found.push(index);
    }
    return found.sort((a, b) => a - b);
  }
}

function isSame(made: Uint8Array | null, kept: Uint8Array): boolean {
  return made !== null && Buffer.compare(made, kept) === 0;
}
