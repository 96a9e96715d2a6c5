/** Event streams that show ids of new objects: no such event goes out before its ids are the tester's. */
import type { Made } from '../admission/admission.ts';
import { isFields, madeIn } from './answer.ts';
import type { AnswerReading } from './describe.ts';

const UTF8 = new TextDecoder();

interface Way {
  /** Makes objects the tester's. */
  claim(made: readonly Made[]): Promise<void>;
  /** False: the tester reads more slowly than we write. */
  write(events: Uint8Array): boolean;
  /** All that waited went out. */
  caughtUp(room: boolean): void;
  failed(fault: unknown): void;
}

export class ClaimedEvents {
  readonly #makes: AnswerReading['makes'];
  readonly #way: Way;
  readonly #seen = new Set<string>();
  #waiting: Uint8Array[] | null = null;

  constructor(makes: AnswerReading['makes'], way: Way) {
    this.#makes = makes;
    this.#way = way;
  }

  /** True while events wait for the store. */
  get waits(): boolean {
    return this.#waiting !== null;
  }

  /** @param events whole events @returns false: stop reading until told */
  push(events: Uint8Array): boolean {
    if (this.#waiting) {
      this.#waiting.push(events);
      return false;
    }
    const fresh = this.#fresh(events);
    if (fresh.length === 0) return this.#way.write(events);
    this.#waiting = [events];
    this.#way.claim(fresh).then(
      () => this.#goOn(),
      (fault) => this.#way.failed(fault),
    );
    return false;
  }

  #goOn(): void {
    const [claimed, ...later] = this.#waiting ?? [];
    this.#waiting = null;
    let room = claimed === undefined || this.#way.write(claimed);
    for (const events of later) room = this.push(events);
    if (!this.waits) this.#way.caughtUp(room);
  }

  /** Objects that no earlier event of this stream showed. */
  #fresh(events: Uint8Array): Made[] {
    const text = UTF8.decode(events);
    if (!text.includes('"id"')) return [];
    return text
      .split(/\r?\n|\r/)
      .filter((line) => line.startsWith('data:') && line.includes('"id"'))
      .flatMap((line) => this.#shownBy(line.slice(5)))
      .filter(({ id }) => !this.#seen.has(id) && this.#seen.add(id));
  }

  #shownBy(data: string): Made[] {
    const event = parsed(data);
    if (!isFields(event)) return [];
    // An event shows a response, or one item of its output.
    const item = isFields(event.item) ? { output: [event.item] } : {};
    return [event, event.response, item].flatMap((one) => madeIn(this.#makes, one));
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
