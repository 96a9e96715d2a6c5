/** The log's tree as the store keeps it: leaves by commit, and above them tiles of 256 hashes (C2SP tlog-tiles). */
import type { Db } from '../store/db.node.ts';
import { HASH_AT_LEAF, LEAF_BYTES, type Leaf, leavesIn, readLeaf } from './leaf.ts';
import { HASH_BYTES, type Hasher, splitOf } from './merkle.ts';

/** Levels of the tree that one level of tiles spans. */
export const TILE_HEIGHT = 8;
export const TILE_WIDTH = 2 ** TILE_HEIGHT;

interface Block {
  readonly first: number;
  readonly entries: Buffer;
}

export class Tree {
  readonly #hasher: Hasher;
  readonly #blocks;
  readonly #last;
  readonly #tile;
  readonly #lastTile;
  readonly #putTile;
  /** The one that was read last: leaves are mostly asked for in order. */
  #block: Block | null = null;

  /** @param connection reads what its connection sees; `fill` is for the writing one */
  constructor({ $client: db }: Db, hasher: Hasher) {
    this.#hasher = hasher;
    this.#last = db.prepare<[], { first: number; bytes: number }>(
      'select first, length(entries) as bytes from leaves order by first desc limit 1',
    );
    this.#blocks = db.prepare<[number, number], Block>(
      `select first, entries from leaves
       where first >= (select coalesce(max(first), 0) from leaves where first <= ?) and first < ? order by first`,
    );
    this.#tile = db.prepare<[number, number], { hashes: Buffer }>(
      'select hashes from tiles where level = ? and n = ?',
    );
    this.#lastTile = db.prepare<[number], { n: number; bytes: number }>(
      'select n, length(hashes) as bytes from tiles where level = ? order by n desc limit 1',
    );
    this.#putTile = db.prepare(
      `insert into tiles (level, n, hashes) values (?, ?, ?)
       on conflict (level, n) do update set hashes = cast(hashes || excluded.hashes as blob)`,
    );
  }

  get size(): number {
    const last = this.#last.get();
    return last ? last.first + last.bytes / LEAF_BYTES : 0;
  }

  /** Blocks that hold the leaves `from` up to, not including, `to`; a few more at both ends. */
  blocks(from: number, to: number): IterableIterator<Block> {
    return this.#blocks.iterate(from, to);
  }

  /** Leaf hashes, 32 bytes each. @throws Error when some are missing */
  leaves(from: number, to: number): Buffer {
    const hashes = Buffer.alloc((to - from) * HASH_BYTES);
    let next = from;
    for (const { first, entries } of this.blocks(from, to)) {
      const end = Math.min(to, first + entries.length / LEAF_BYTES);
      if (first > next) break;
      for (; next < end; next++)
        entries.copy(
          hashes,
          (next - from) * HASH_BYTES,
          (next - first) * LEAF_BYTES + HASH_AT_LEAF,
          (next - first + 1) * LEAF_BYTES,
        );
    }
    if (next < to) throw new Error(`the log's tree has no leaf ${next}`);
    return hashes;
  }

  /** @throws Error when it is missing */
  leaf(index: number): Leaf {
    const { first, entries } = this.#blockOf(index);
    const leaf = readLeaf(entries, index - first);
    if (!leaf) throw new Error(`leaf ${index} of the log's tree is damaged: see "portcullis log verify"`);
    return leaf;
  }

  #blockOf(index: number): Block {
    const known = this.#block;
    if (known && index >= known.first && index < known.first + leavesIn(known.entries)) return known;
    const [block] = [...this.blocks(index, index + 1)];
    if (!block || index >= block.first + leavesIn(block.entries))
      throw new Error(`the log's tree has no leaf ${index}`);
    this.#block = block;
    return block;
  }

  /** Hashes of a tile as auditors fetch it: level 0 are the leaves. */
  tile(level: number, n: number, width: number): Buffer {
    const from = n * TILE_WIDTH;
    if (level === 0) return this.leaves(from, from + width);
    const hashes = this.#tile.get(level, n)?.hashes;
    if (!hashes || hashes.length < width * HASH_BYTES)
      throw new Error(`the log's tree has no tile ${level}/${n} of ${width} hashes`);
    return hashes.subarray(0, width * HASH_BYTES);
  }

  /** The hash above a full tile, as it was kept; undefined when it was not made yet. */
  hashOf(level: number, index: number): Buffer | undefined {
    const at = (index % TILE_WIDTH) * HASH_BYTES;
    const hash = this.#tile.get(level, Math.floor(index / TILE_WIDTH))?.hashes.subarray(at, at + HASH_BYTES);
    return hash?.length === HASH_BYTES ? hash : undefined;
  }

  /** The root over leaves `from` up to, not including, `to`: a subtree of RFC 6962, or all of it. */
  readonly root = (from: number, to: number): Uint8Array => {
    const length = to - from;
    if (length === 0) return this.#hasher.empty;
    const height = Math.log2(length);
    if (Number.isInteger(height) && from % length === 0) return this.#whole(height, from / length);
    const middle = from + splitOf(length);
    return this.#hasher.node(this.root(from, middle), this.root(middle, to));
  };

  /** The root of a whole subtree, out of the tile that its height falls into. */
  #whole(height: number, index: number): Uint8Array {
    const level = Math.floor(height / TILE_HEIGHT);
    const width = 2 ** (height - level * TILE_HEIGHT);
    const at = (index * width) % TILE_WIDTH;
    const n = Math.floor((index * width) / TILE_WIDTH);
    const hashes =
      level === 0 ? this.leaves(index * width, (index + 1) * width) : this.tile(level, n, at + width);
    return this.#fold(level === 0 ? hashes : hashes.subarray(at * HASH_BYTES));
  }

  #fold(hashes: Uint8Array): Uint8Array {
    let row: Uint8Array[] = [];
    for (let at = 0; at < hashes.length; at += HASH_BYTES) row.push(hashes.subarray(at, at + HASH_BYTES));
    while (row.length > 1) {
      const above: Uint8Array[] = [];
      for (let i = 0; i + 1 < row.length; i += 2)
        above.push(this.#hasher.node(row[i] as Uint8Array, row[i + 1] as Uint8Array));
      row = above;
    }
    return Uint8Array.from(row[0] ?? this.#hasher.empty);
  }

  /**
   * Runs inside a writer's job: makes the hashes above at most so many full tiles of leaves.
   * @returns how many were made; less than asked for: all of them are there
   */
  fill(atMost: number): number {
    const whole = Math.floor(this.size / TILE_WIDTH);
    const from = this.#hashesAt(1);
    const to = Math.min(whole, from + atMost);
    for (let n = from; n < to; n++) this.#put(1, n, this.#fold(this.tile(0, n, TILE_WIDTH)));
    return to - from;
  }

  #put(level: number, index: number, hash: Uint8Array): void {
    const n = Math.floor(index / TILE_WIDTH);
    this.#putTile.run(level, n, hash);
    if ((index + 1) % TILE_WIDTH === 0) this.#put(level + 1, n, this.#fold(this.tile(level, n, TILE_WIDTH)));
  }

  #hashesAt(level: number): number {
    const last = this.#lastTile.get(level);
    return last ? last.n * TILE_WIDTH + last.bytes / HASH_BYTES : 0;
  }
}
