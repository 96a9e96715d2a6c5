/** What a tester's object tells the gate and keeps in no table of its own: texts of calls that are kept, and alerts. */
import type { AlertEvent } from '../alerts/events.ts';
import { type Capture, type Captured, type Captures, MOST_BYTES } from '../log/captures.ts';
import { sealing } from '../log/seal.node.ts';
import { type ObjectStorage, rowsOf, type Value } from '../store/durable.worker.ts';

export type Letter =
  | { readonly kind: 'capture'; readonly how: Capture; readonly captured: Captured }
  | { readonly kind: 'alert'; readonly event: AlertEvent; readonly message: string };

/** A row of an object is 2 MB at most, and the body of the call is in it as well. */
const MOST_PROMPT_BYTES = 900_000;
const LETTERS_AT_ONCE = 100;
const ABOUT = 'letter';

export class Letters {
  readonly #storage: ObjectStorage;
  readonly #key: Uint8Array;

  /** @param key texts are sealed under it: what is deleted stays on the disk for a while */
  constructor(storage: ObjectStorage, key: Uint8Array) {
    this.#storage = storage;
    this.#key = key;
    this.#rows(
      'create table if not exists letters (id integer primary key autoincrement, said text not null, body blob, prompt blob)',
    );
  }

  /** Runs inside a writer's job: it goes out when that is committed, and not otherwise. */
  add(letter: Letter): void {
    const { body, prompt, ...said } = letter.kind === 'capture' ? taken(letter) : { ...letter, ...NO_TEXT };
    this.#rows(
      'insert into letters (said, body, prompt) values (?, ?, ?)',
      JSON.stringify(said),
      this.#sealed(body),
      this.#sealed(prompt),
    );
  }

  /** The oldest ones, at least one where there is any. @returns the number of the last of them, too; 0: there is none */
  next(mostBytes: number): { letters: readonly Letter[]; last: number } {
    const sizes = this.#rows(
      `select id, sum(size) over (order by id) as bytes from (
         select id, length(said) + coalesce(length(body), 0) + coalesce(length(prompt), 0) as size
         from letters order by id limit ${LETTERS_AT_ONCE})`,
    );
    const fit = sizes.filter(({ bytes }, i) => i === 0 || Number(bytes) <= mostBytes);
    const last = Number(fit.at(-1)?.id ?? 0);
    const rows = this.#rows('select said, body, prompt from letters where id <= ? order by id', last);
    return { letters: rows.map((row) => this.#read(row)), last };
  }

  /** They are delivered. */
  forget(upTo: number): void {
    this.#rows('delete from letters where id <= ?', upTo);
  }

  #sealed(text: Uint8Array | null): Uint8Array | null {
    return text && new Uint8Array(sealing.seal(this.#key, text, ABOUT));
  }

  #opened(sealed: Value): Buffer | null {
    return sealed === null ? null : sealing.open(this.#key, Buffer.from(sealed as ArrayBuffer), ABOUT);
  }

  #read({ said, body = null, prompt = null }: Record<string, Value>): Letter {
    const letter = JSON.parse(String(said)) as Letter;
    if (letter.kind === 'alert') return letter;
    const text = this.#opened(prompt)?.toString() ?? null;
    const captured = { ...letter.captured, body: new Uint8Array(this.#opened(body) ?? []), prompt: text };
    return { ...letter, captured };
  }

  #rows(text: string, ...values: Value[]) {
    return rowsOf(this.#storage, text, ...values);
  }
}

const NO_TEXT = { body: null, prompt: null };

/** As much as the gate will keep. */
function taken({ kind, how, captured }: Extract<Letter, { kind: 'capture' }>) {
  const { body, prompt, ...about } = captured;
  const words = prompt === null ? null : new TextEncoder().encode(prompt).subarray(0, MOST_PROMPT_BYTES);
  return {
    kind,
    how,
    captured: about,
    body: how === 'prompt' ? null : body.subarray(0, MOST_BYTES),
    prompt: words,
  };
}

/** Where the gate seals: keys and words are there, and no text stays in the object. */
export function capturesByLetter(letters: Letters): Pick<Captures, 'keep'> {
  return {
    keep(how, captured) {
      if (how === 'none' || (how === 'prompt' && captured.prompt === null)) return;
      letters.add({ kind: 'capture', how, captured });
    },
  };
}

/** Runs inside a writer's job. */
export function alertByLetter(letters: Letters) {
  return (event: AlertEvent, message: string = crypto.randomUUID()): void =>
    letters.add({ kind: 'alert', event, message });
}
