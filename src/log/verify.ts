/** Recomputes the log's tree from the rows, and holds it against every signed checkpoint. Reads only. */
import type { Db } from '../store/db.node.ts';
import { hashIn, LEAF_BYTES, type Leaf, leavesIn, readLeaf } from './leaf.ts';
import { type Hasher, hasherOf, RunningRoot, type Sha256 } from './merkle.ts';
import { type NoteKey, openCheckpoint } from './note.ts';
import { RetainedBounds } from './retained.ts';
import { entriesOf } from './rows.ts';
import { TILE_HEIGHT, TILE_WIDTH, Tree } from './tree.ts';
import { unsealedRows } from './unsealed.ts';

export interface Finding {
  /** Index of the first entry that it concerns. */
  readonly entry: number;
  readonly what: string;
}

export interface Report {
  readonly entries: number;
  /** Entries whose rows are there and say what they said. */
  readonly checked: number;
  /** Entries whose rows were let go by the rules of retention. */
  readonly letGo: number;
  readonly checkpoints: number;
  /** The first bad entry first. Empty: nothing was edited, deleted, inserted, moved or cut off. */
  readonly findings: readonly Finding[];
}

/** A checkpoint to hold the tree against. */
export interface Witness {
  readonly note: string;
  /** `the database`, or the file that it came from. */
  readonly from: string;
}

export interface VerifyOptions {
  readonly db: Db;
  readonly sha256: Sha256;
  readonly key: NoteKey;
  /** Copies that were kept elsewhere: they alone show that the end was cut off, or the tree made anew. */
  readonly witnesses: readonly Witness[];
  readonly onProgress?: (done: number, of: number) => void;
}

const MOST_FINDINGS = 20;
const PROGRESS_EVERY = 20_000;

interface Signed {
  readonly size: number;
  readonly root: Uint8Array;
  readonly from: string;
}

/** @throws NoteFault when a checkpoint from outside is none of this log */
export async function verifyLog(options: VerifyOptions): Promise<Report> {
  const { db, sha256 } = options;
  // One transaction: what a running server appends meanwhile is not half seen.
  db.$client.exec('begin');
  try {
    const pass = new Pass(db, hasherOf(sha256));
    const signed = await signedBy(options, pass);
    pass.run(signed, options.onProgress ?? (() => {}));
    return pass.report(signed.length);
  } finally {
    db.$client.exec('commit');
  }
}

async function signedBy({ db, key, witnesses, sha256 }: VerifyOptions, pass: Pass): Promise<Signed[]> {
  const signed: Signed[] = [];
  const own = db.$client.prepare<[], { size: number; note: string }>('select size, note from checkpoints');
  for (const { size, note } of own.all()) {
    const opened = await openCheckpoint(note, key, sha256).catch((fault: Error) => fault);
    if (opened instanceof Error || opened.size !== size)
      pass.found(size, `checkpoint ${size} in the database is not as it was signed`);
    else signed.push({ ...opened, from: 'the database' });
  }
  for (const { note, from } of witnesses) signed.push({ ...(await openCheckpoint(note, key, sha256)), from });
  return signed.sort((a, b) => a.size - b.size);
}

class Pass {
  readonly #db: Db;
  readonly #tree: Tree;
  readonly #hasher: Hasher;
  readonly #entry;
  readonly #retained: RetainedBounds;
  readonly #encoder = new TextEncoder();
  readonly #running: RunningRoot;
  readonly #repeats = new Map<string, number>();
  readonly #findings: Finding[] = [];
  #sealed = 0;
  #checked = 0;
  #letGo = 0;
  #agreed = 0;

  constructor(db: Db, hasher: Hasher) {
    this.#db = db;
    this.#hasher = hasher;
    this.#tree = new Tree(db, hasher);
    this.#entry = entriesOf(db);
    this.#retained = new RetainedBounds(db);
    this.#running = new RunningRoot(hasher, (height, index, root) => this.#tile(height, index, root));
  }

  found(entry: number, what: string): void {
    this.#findings.push({ entry, what });
  }

  run(signed: readonly Signed[], onProgress: (done: number, of: number) => void): void {
    const { size } = this.#tree;
    let next = 0;
    const holdAgainst = () => {
      for (; signed[next]?.size === this.#running.size; next++) this.#compare(signed[next] as Signed);
    };
    holdAgainst();
    for (const { first, entries } of this.#tree.blocks(0, size)) {
      if (first !== this.#running.size) {
        this.found(
          Math.min(first, this.#running.size),
          `entries are missing or twice: ${this.#running.size} should follow, and ${first} does`,
        );
        break;
      }
      if (!isBlock(entries)) {
        this.found(first, `the entries from ${first} on are damaged`);
        break;
      }
      for (let i = 0; i < leavesIn(entries); i++) {
        this.#take(entries, i);
        holdAgainst();
        if (this.#running.size % PROGRESS_EVERY === 0) onProgress(this.#running.size, size);
      }
    }
    for (; signed[next]; next++) this.#cutOff(signed[next] as Signed);
    this.#outsideTheTree();
    onProgress(size, size);
  }

  report(checkpoints: number): Report {
    const findings = this.#findings.sort((a, b) => a.entry - b.entry).slice(0, MOST_FINDINGS);
    return { entries: this.#running.size, checked: this.#checked, letGo: this.#letGo, checkpoints, findings };
  }

  #take(entries: Buffer, i: number): void {
    const index = this.#running.size;
    const leaf = readLeaf(entries, i);
    this.#running.add(hashIn(entries, i));
    if (leaf) this.#row(index, leaf);
    else this.found(index, 'the entry is damaged: it is of no known kind');
  }

  #row(index: number, leaf: Leaf): void {
    if (leaf.kind === 'repeated') this.#repeats.set(leaf.ref, (this.#repeats.get(leaf.ref) ?? 0) + 1);
    const text = this.#entry(leaf.kind, leaf.ref);
    if (text === null) this.#gone(index, leaf);
    else if (Buffer.compare(this.#hasher.leaf(this.#encoder.encode(text)), leaf.hash) !== 0)
      this.found(index, `${nameOf(leaf)}: the row does not say what it said when it was written`);
    else {
      this.#checked++;
      if (leaf.kind === 'request') this.#sealed++;
    }
  }

  #gone(index: number, leaf: Leaf): void {
    if (this.#retained.covers(leaf)) this.#letGo++;
    else this.found(index, `${nameOf(leaf)}: the row was deleted`);
  }

  /** Narrows a change of the leaves themselves down to one tile. */
  #tile(height: number, index: number, root: Uint8Array): void {
    const level = height / TILE_HEIGHT;
    if (!Number.isInteger(level)) return;
    const kept = this.#tree.hashOf(level, index);
    const first = index * TILE_WIDTH ** level;
    if (kept && Buffer.compare(kept, root) !== 0)
      this.found(
        first,
        `entries ${first} to ${first + 2 ** height - 1} are not those that the tree was made of`,
      );
  }

  #compare({ root, size, from }: Signed): void {
    if (Buffer.compare(root, this.#running.root()) === 0) {
      this.#agreed = size;
      return;
    }
    this.found(
      this.#agreed,
      `the tree is another one than checkpoint ${size} of ${from} signed: entries ${this.#agreed} to ${size - 1} were changed, or the tree is forked`,
    );
  }

  #cutOff({ size, from }: Signed): void {
    const { size: left } = this.#running;
    this.found(
      left,
      `the end was cut off: checkpoint ${size} of ${from} signed entries ${left} to ${size - 1}, and they are gone`,
    );
  }

  #outsideTheTree(): void {
    for (const what of unsealedRows(this.#db, this.#tree, this.#sealed, this.#repeats))
      this.found(what.entry ?? this.#running.size, what.what);
  }
}

/** Whoever edits the file may leave anything there. */
function isBlock(entries: unknown): boolean {
  return Buffer.isBuffer(entries) && entries.length > 0 && entries.length % LEAF_BYTES === 0;
}

function nameOf({ kind, ref }: Leaf): string {
  return `${kind} ${ref}`;
}
