/**
 * A part of the log that proves itself elsewhere: JSON lines in the order of the tree. The first names the format, the key
 * and the signed checkpoint; then come entries (`i`, `e`), hashes of entries whose rows were let go (`i`, `h`), and one
 * hash for each subtree of which nothing was asked (`skip`, `h`). The root over them is the checkpoint's.
 */
import { z } from 'zod';
import type { Leaf } from './leaf.ts';
import { type Hasher, hasherOf, type Sha256, splitOf } from './merkle.ts';
import { type Checkpoint, NoteFault, openCheckpoint, readVerifierKey } from './note.ts';
import type { EntryText } from './rows.ts';
import type { Tree } from './tree.ts';

export const FORMAT = 'portcullis-log-bundle/1';

export interface BundleSource {
  readonly tree: Tree;
  readonly entry: EntryText;
  /** Over the tree up to here. */
  readonly size: number;
  readonly note: string;
  readonly verifier: string;
}

/** True when the range holds an entry that is asked for. */
export type Asked = (from: number, to: number) => boolean;

export const everything: Asked = () => true;

/** @param indexes in rising order */
export function only(indexes: readonly number[]): Asked {
  return (from, to) => {
    const at = firstFrom(indexes, from);
    return at < indexes.length && (indexes[at] as number) < to;
  };
}

export function* bundleLines(source: BundleSource, asked: Asked): Generator<string> {
  const { tree, entry, size, note, verifier } = source;
  yield line({ bundle: FORMAT, key: verifier, checkpoint: note });
  yield* walk(0, size);

  function* walk(from: number, to: number): Generator<string> {
    if (from === to) return;
    if (!asked(from, to)) {
      yield line({ skip: [from, to], h: base64(tree.root(from, to)) });
      return;
    }
    if (to - from === 1) {
      yield leafLine(from, tree.leaf(from), entry);
      return;
    }
    const middle = from + splitOf(to - from);
    yield* walk(from, middle);
    yield* walk(middle, to);
  }
}

function leafLine(i: number, { kind, ref, hash }: Leaf, entry: EntryText): string {
  const e = entry(kind, ref);
  return line(e === null ? { i, h: base64(hash) } : { i, e });
}

const Head = z.object({ bundle: z.literal(FORMAT), key: z.string(), checkpoint: z.string() });
const hash = z.base64().length(44);
const Line = z.union([
  z.strictObject({ i: z.int(), e: z.string() }),
  z.strictObject({ i: z.int(), h: hash }),
  z.strictObject({ skip: z.tuple([z.int(), z.int()]), h: hash }),
]);
type Line = z.output<typeof Line>;

export interface BundleReport {
  readonly checkpoint: Checkpoint;
  readonly key: string;
  readonly entries: number;
  readonly letGo: number;
}

export class BundleFault extends Error {}

/**
 * Recomputes the checkpoint's root out of the lines, one after another.
 * @param key the verifier key from a source that is trusted; null: the bundle's own, which proves only that it is whole
 * @throws BundleFault that names the first bad line, NoteFault
 */
export async function verifyBundle(
  lines: AsyncIterable<string>,
  key: string | null,
  sha256: Sha256,
): Promise<BundleReport> {
  const reader = lines[Symbol.asyncIterator]();
  const head = Head.safeParse(parsed((await reader.next()).value ?? ''));
  if (!head.success) throw new BundleFault(`line 1: not the head of a bundle (${FORMAT})`);
  if (key !== null && key !== head.data.key)
    throw new NoteFault(`the bundle names another key than yours: ${head.data.key}`);
  const checkpoint = await openCheckpoint(
    head.data.checkpoint,
    readVerifierKey(head.data.key, sha256),
    sha256,
  );
  const check = new BundleCheck(checkpoint.size, hasherOf(sha256));
  for (let next = await reader.next(); !next.done; next = await reader.next()) check.take(next.value);
  if (Buffer.compare(check.root(), checkpoint.root) !== 0)
    throw new BundleFault(
      'the entries are not those that the checkpoint signed: something in this bundle was edited, deleted, inserted or moved',
    );
  return { checkpoint, key: head.data.key, entries: check.entries, letGo: check.letGo };
}

class BundleCheck {
  readonly #size: number;
  readonly #hasher: Hasher;
  readonly #run: Generator<void, Uint8Array, Line>;
  readonly #encoder = new TextEncoder();
  #root: Uint8Array | null = null;
  #number = 1;
  entries = 0;
  letGo = 0;

  constructor(size: number, hasher: Hasher) {
    this.#size = size;
    this.#hasher = hasher;
    this.#run = this.#rangeOf(0, size, null);
    if (size === 0) this.#root = hasher.empty;
    else this.#run.next();
  }

  take(text: string): void {
    this.#number++;
    const { data } = Line.safeParse(parsed(text));
    if (!data) throw new BundleFault(`line ${this.#number}: neither an entry nor a hash`);
    if (this.#root) throw new BundleFault(`line ${this.#number}: more than the checkpoint has entries`);
    const step = this.#run.next(data);
    if (step.done) this.#root = step.value;
  }

  root(): Uint8Array {
    if (!this.#root)
      throw new BundleFault(`line ${this.#number}: it ends before entry ${this.#size - 1}, the last one`);
    return this.#root;
  }

  /** @param ahead a line that was read and not used yet */
  *#rangeOf(from: number, to: number, ahead: Line | null): Generator<void, Uint8Array, Line> {
    const next = ahead ?? (yield);
    const at = 'skip' in next ? next.skip[0] : next.i;
    if (at !== from)
      throw new BundleFault(`line ${this.#number}: entry ${from} should stand here, and ${at} does`);
    if ('skip' in next && next.skip[1] === to) return bytes(next.h);
    if (to - from > 1) {
      const middle = from + splitOf(to - from);
      const left = yield* this.#rangeOf(from, middle, next);
      return this.#hasher.node(left, yield* this.#rangeOf(middle, to, null));
    }
    if ('skip' in next) throw new BundleFault(`line ${this.#number}: it skips more than a subtree`);
    return this.#leaf(next);
  }

  #leaf(one: Exclude<Line, { skip: unknown }>): Uint8Array {
    if ('h' in one) {
      this.letGo++;
      return bytes(one.h);
    }
    this.entries++;
    return this.#hasher.leaf(this.#encoder.encode(one.e));
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function firstFrom(indexes: readonly number[], from: number): number {
  let [low, high] = [0, indexes.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((indexes[middle] as number) < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function bytes(text: string): Uint8Array {
  return Buffer.from(text, 'base64');
}
