/**
 * Texts of calls that a cohort's rules keep (red teams need them): sealed with a key of their tester's own, so that
 * forgetting a tester destroys the text. What stays is a commitment, SHA-256 over a salt and the text, in the log's tree;
 * the salt is sealed with the text, so that nobody can try texts against the commitment afterwards.
 */
import type { Db } from '../store/db.node.ts';
import { capturedEntry } from './entry.ts';
import type { Journal } from './journal.ts';
import type { Sha256 } from './merkle.ts';

export type Capture = 'none' | 'hash' | 'prompt' | 'full';

export interface Sealing {
  random(bytes: number): Uint8Array;
  seal(key: Uint8Array, plain: Uint8Array, about: string): Buffer;
  /** @throws Error when the key is another, or something was changed */
  open(key: Uint8Array, sealed: Buffer, about: string): Buffer;
}

const SALT_BYTES = 32;
const KEY_BYTES = 32;
/** Longer bodies are kept up to here; their commitment covers what is kept. */
export const MOST_BYTES = 1_048_576;

export interface Captured {
  readonly request: string;
  readonly tester: string;
  readonly at: number;
  readonly body: Uint8Array;
  /** Null where the call has none. */
  readonly prompt: string | null;
}

export class Captures {
  readonly #statements: ReturnType<typeof statementsOf>;
  readonly #journal: Journal;
  readonly #sealing: Sealing;
  readonly #sha256: Sha256;
  readonly #encoder = new TextEncoder();

  constructor(db: Db, journal: Journal, sealing: Sealing, sha256: Sha256) {
    this.#statements = statementsOf(db);
    this.#journal = journal;
    this.#sealing = sealing;
    this.#sha256 = sha256;
  }

  /** Runs inside a writer's job. */
  keep(how: Capture, { request, tester, at, body, prompt }: Captured): void {
    if (how === 'none' || (how === 'prompt' && prompt === null)) return;
    const text = (how === 'prompt' ? this.#encoder.encode(prompt ?? '') : body).subarray(0, MOST_BYTES);
    const salt = this.#sealing.random(SALT_BYTES);
    const commitment = this.#sha256(joined(salt, text));
    const part = how === 'full' ? 'request' : how;
    const sealed = this.#sealing.seal(
      this.#keyOf(tester),
      how === 'hash' ? salt : joined(salt, text),
      `${request} ${part}`,
    );
    this.#statements.insert.run(request, part, tester, at, commitment, sealed);
    this.#journal.append('captured', request, capturedEntry(request, part, hexOf(commitment)));
    if (how === 'hash' || prompt === null) return;
    const { lastInsertRowid } = this.#statements.row.run(request, tester);
    this.#statements.index.run(lastInsertRowid, prompt);
  }

  #keyOf(tester: string): Uint8Array {
    const known = this.#statements.key.get(tester);
    if (known) return known.key;
    const made = this.#sealing.random(KEY_BYTES);
    this.#statements.insertKey.run(tester, made);
    return made;
  }

  /** Runs inside a writer's job. Their texts are gone for good; what they did stays in the log. @returns how many */
  forget(tester: string): number {
    this.#statements.unindexTester.run(tester);
    this.#statements.forgetRows.run(tester);
    this.#statements.forgetKey.run(tester);
    return this.#statements.unsealTester.run(tester).changes;
  }

  /** Runs inside a writer's job: texts of calls before that time. @returns how many */
  letGo(beforeMs: number, firstId: string): number {
    this.#statements.unindexOld.run(firstId);
    this.#statements.forgetOld.run(firstId);
    return this.#statements.unsealOld.run(beforeMs).changes;
  }
}

export interface OpenedCapture {
  readonly part: string;
  /** Lower-case hex. */
  readonly commitment: string;
  /** Lower-case hex; null when it was forgotten. */
  readonly salt: string | null;
  /** Null when it was not kept, or was forgotten. */
  readonly text: string | null;
}

/** Of one call. */
export function openCapture({ $client: db }: Db, sealing: Sealing, request: string): OpenedCapture | null {
  const row = db
    .prepare<[string], { part: string; tester: string; commitment: Buffer; sealed: Buffer | null }>(
      'select part, tester, commitment, sealed from captures where request = ? limit 1',
    )
    .get(request);
  if (!row) return null;
  const key = db
    .prepare<[string], { key: Buffer }>('select key from sealing_keys where tester = ?')
    .get(row.tester);
  const opened = row.sealed && key ? sealing.open(key.key, row.sealed, `${request} ${row.part}`) : null;
  return {
    part: row.part,
    commitment: hexOf(row.commitment),
    salt: opened && hexOf(opened.subarray(0, SALT_BYTES)),
    text: opened && row.part !== 'hash' ? opened.subarray(SALT_BYTES).toString('utf8') : null,
  };
}

/** Ids of the calls whose prompts hold these words, the newest first. @throws RangeError when FTS5 cannot read them */
export function searchPrompts({ $client: db }: Db, words: string, limit: number): string[] {
  const quoted = words
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => `"${word.replaceAll('"', '""')}"`);
  if (quoted.length === 0) throw new RangeError('name a word');
  const found = db.prepare<[string, number], { request: string }>(
    `select request from prompts join prompt_rows on n = prompts.rowid where prompts match ?
     order by prompts.rowid desc limit ?`,
  );
  return found.all(quoted.join(' '), limit).map(({ request }) => request);
}

function statementsOf({ $client: db }: Db) {
  const of = 'select n from prompt_rows where';
  return {
    insert: db.prepare(
      'insert into captures (request, part, tester, at, commitment, sealed) values (?, ?, ?, ?, ?, ?)',
    ),
    key: db.prepare<[string], { key: Buffer }>('select key from sealing_keys where tester = ?'),
    insertKey: db.prepare('insert into sealing_keys (tester, key) values (?, ?)'),
    row: db.prepare('insert into prompt_rows (request, tester) values (?, ?)'),
    index: db.prepare('insert into prompts (rowid, text) values (?, ?)'),
    unindexTester: db.prepare(`delete from prompts where rowid in (${of} tester = ?)`),
    forgetRows: db.prepare('delete from prompt_rows where tester = ?'),
    forgetKey: db.prepare('delete from sealing_keys where tester = ?'),
    unsealTester: db.prepare('update captures set sealed = null where tester = ? and sealed is not null'),
    unindexOld: db.prepare(`delete from prompts where rowid in (${of} request < ?)`),
    forgetOld: db.prepare('delete from prompt_rows where request < ?'),
    unsealOld: db.prepare('update captures set sealed = null where at < ? and sealed is not null'),
  };
}

function joined(salt: Uint8Array, text: Uint8Array): Uint8Array {
  const all = new Uint8Array(salt.length + text.length);
  all.set(salt);
  all.set(text, salt.length);
  return all;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
