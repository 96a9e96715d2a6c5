/** Ids that an event stream shows: found before the event goes out, so that it is the tester's by then. */
import type { Made } from '../admission/admission.ts';
import { isFields, madeIn } from './answer.ts';
import type { AnswerReading } from './describe.ts';

const UTF8 = new TextDecoder();

export class EventClaims {
  readonly #makes: AnswerReading['makes'];
  readonly #seen = new Set<string>();

  constructor(makes: AnswerReading['makes']) {
    this.#makes = makes;
  }

  /** @param events whole events @returns objects that no earlier event of this stream showed */
  fresh(events: Uint8Array): Made[] {
    const text = UTF8.decode(events);
    if (!text.includes('"id"')) return [];
    return text
      .split(/\r?\n|\r/)
      .filter((line) => line.startsWith('data:') && line.includes('"id"'))
      .flatMap((line) => this.#shown(line.slice(5)))
      .filter(({ id }) => !this.#seen.has(id) && this.#seen.add(id));
  }

  #shown(data: string): Made[] {
    const event = parsed(data);
    if (!isFields(event)) return [];
    // An event shows a response, or one item of its output.
    const item = isFields(event.item) ? { output: [event.item] } : {};
    return [
      ...madeIn(this.#makes, event),
      ...madeIn(this.#makes, event.response),
      ...madeIn(this.#makes, item),
    ];
  }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
