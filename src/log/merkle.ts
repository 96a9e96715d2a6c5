/** The Merkle tree of RFC 6962 section 2.1: hashes of leaves and nodes, and proofs, over whatever holds the hashes. Pure. */

/** SHA-256 of the bytes: 32 bytes. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

export const HASH_BYTES = 32;

export interface Hasher {
  leaf(entry: Uint8Array): Uint8Array;
  node(left: Uint8Array, right: Uint8Array): Uint8Array;
  /** Of no leaves at all. */
  readonly empty: Uint8Array;
}

export function hasherOf(sha256: Sha256): Hasher {
  const pair = new Uint8Array(1 + 2 * HASH_BYTES);
  pair[0] = 1;
  return {
    leaf(entry) {
      const prefixed = new Uint8Array(1 + entry.length);
      prefixed.set(entry, 1);
      return sha256(prefixed);
    },
    node(left, right) {
      pair.set(left, 1);
      pair.set(right, 1 + HASH_BYTES);
      return sha256(pair);
    },
    empty: sha256(new Uint8Array(0)),
  };
}

/** The root over leaves `from` up to, not including, `to`; both ends of a subtree of the RFC. */
export type RangeRoot = (from: number, to: number) => Uint8Array;

/** Where a range of more than one leaf is split: the largest power of two below its length. */
export function splitOf(length: number): number {
  return 2 ** Math.ceil(Math.log2(length) - 1);
}

/** PATH(m, D[n]), from the leaf up (section 2.1.1). */
export function inclusionProof(index: number, size: number, root: RangeRoot): Uint8Array[] {
  const path = (m: number, from: number, to: number): Uint8Array[] => {
    if (to - from === 1) return [];
    const middle = from + splitOf(to - from);
    return m < middle
      ? [...path(m, from, middle), root(middle, to)]
      : [...path(m, middle, to), root(from, middle)];
  };
  return path(index, 0, size);
}

/** The root that a leaf and its PATH lead to: the other side of `inclusionProof`. */
export function rootFrom(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
  hasher: Hasher,
) {
  const climb = (from: number, to: number, left: readonly Uint8Array[]): Uint8Array | null => {
    if (to - from === 1) return left.length === 0 ? leaf : null;
    const sibling = left.at(-1);
    const middle = from + splitOf(to - from);
    const own =
      sibling &&
      (index < middle ? climb(from, middle, left.slice(0, -1)) : climb(middle, to, left.slice(0, -1)));
    if (!own || !sibling) return null;
    return index < middle ? hasher.node(own, sibling) : hasher.node(sibling, own);
  };
  return index < size ? climb(0, size, proof) : null;
}

/** PROOF(m, D[n]) (section 2.1.2): that the tree of the older size is the beginning of that of the newer. */
export function consistencyProof(older: number, newer: number, root: RangeRoot): Uint8Array[] {
  const sub = (m: number, from: number, to: number, whole: boolean): Uint8Array[] => {
    if (m === to) return whole ? [] : [root(from, to)];
    const middle = from + splitOf(to - from);
    return m <= middle
      ? [...sub(m, from, middle, whole), root(middle, to)]
      : [...sub(m, middle, to, false), root(from, middle)];
  };
  return older === 0 || older === newer ? [] : sub(older, 0, newer, true);
}

/** Adds leaf after leaf, and knows the root at any time; holds one hash for each bit of the size. */
export class RunningRoot {
  readonly #hasher: Hasher;
  readonly #onWhole: (height: number, index: number, root: Uint8Array) => void;
  /** Roots of whole subtrees, the largest first, with their heights. */
  readonly #stack: { hash: Uint8Array; height: number }[] = [];
  size = 0;

  /** @param onWhole hears of each whole subtree of more than one leaf */
  constructor(hasher: Hasher, onWhole: (height: number, index: number, root: Uint8Array) => void = () => {}) {
    this.#hasher = hasher;
    this.#onWhole = onWhole;
  }

  add(leaf: Uint8Array): void {
    let top = { hash: leaf, height: 0 };
    for (let left = this.#stack.at(-1); left?.height === top.height; left = this.#stack.at(-1)) {
      this.#stack.pop();
      top = { hash: this.#hasher.node(left.hash, top.hash), height: top.height + 1 };
      this.#onWhole(top.height, Math.floor(this.size / 2 ** top.height), top.hash);
    }
    this.#stack.push(top);
    this.size++;
  }

  root(): Uint8Array {
    const [last, ...larger] = [...this.#stack].reverse();
    if (!last) return this.#hasher.empty;
    return larger.reduce((right, { hash }) => this.#hasher.node(hash, right), last.hash);
  }
}
