/** One call as the judge sees it: what it asks for, out of what it is made, and who asks. */
import type { Call } from '../gateway/describe.ts';
import { DEFAULT_SECONDS } from '../gateway/units.ts';
import type { Asked, Person } from '../policy/environment.ts';
import type { Source } from './objects.ts';

interface Around {
  /** Its terms are looked up only where an expression asks for them. */
  readonly asker: Person;
  /** The clips of the tester's own that it names; null: none. */
  readonly source: Source | null;
  readonly address: string | null;
  readonly at: number;
  readonly usage: () => Asked['usage'];
}

const FIRST_SIGHT: Words = { text: null, isWhole: true, hasFile: false };
type Words = ReturnType<Call['words']>;

/** What of a call the judge sees; the log holds the most of it too. */
export type Seen = Pick<
  Call,
  'operation' | 'takesModel' | 'model' | 'seconds' | 'size' | 'n' | 'named' | 'words' | 'clip' | 'socket'
>;

export function askedOf(call: Seen, around: Around): Asked {
  return new AskedCall(call, around);
}

/** A class, for it is made for every call: getters of an object literal cost a microsecond each time. */
class AskedCall implements Asked {
  readonly operation: string;
  readonly takesModel: boolean;
  readonly model: string | null;
  readonly seconds: number | null;
  readonly size: string | null;
  readonly n: number;
  readonly references: number;
  readonly at: number;
  readonly tester: Person;
  readonly address: string | null;
  readonly #call: Seen;
  readonly #usageNow: () => Asked['usage'];
  #usage: Asked['usage'] | null = null;

  constructor(call: Seen, { asker, source, address, at, usage }: Around) {
    this.operation = call.operation;
    this.takesModel = call.takesModel || (call.clip !== null && call.clip !== 'new');
    this.model = call.model ?? source?.model ?? null;
    this.seconds = clipSeconds(call, source);
    this.size = call.size ?? source?.size ?? null;
    this.n = call.n ?? 1;
    this.references = call.named.length;
    this.at = at;
    this.tester = asker;
    this.address = address;
    this.#call = call;
    this.#usageNow = usage;
  }

  /** What a socket asks for comes in its frames, and each is judged then. */
  get #words(): Words {
    return this.#call.socket ? FIRST_SIGHT : this.#call.words();
  }

  get prompt(): string | null {
    const { text, isWhole } = this.#words;
    return isWhole ? (text ?? '') : null;
  }

  get hasFile(): boolean {
    return (this.#call.clip !== null && this.references > 0) || this.#words.hasFile;
  }

  get usage(): Asked['usage'] {
    this.#usage ??= this.#usageNow();
    return this.#usage;
  }
}

/** How long the clip would be that comes of it; null: that cannot be known; 0: none does. */
function clipSeconds({ clip, seconds }: Seen, source: Source | null): number | null {
  if (clip === null) return seconds ?? 0;
  if (clip === 'new') return source === null ? (seconds ?? DEFAULT_SECONDS) : longer(seconds ?? 0, source);
  if (clip === 'same') return source && longer(seconds ?? 0, source);
  return source?.seconds == null || seconds === null ? null : source.seconds + seconds;
}

function longer(seconds: number, source: Source): number | null {
  return source.seconds === null ? null : Math.max(seconds, source.seconds);
}

/** What frames of an open socket ask for, beyond what was judged at its handshake. */
export interface Further {
  readonly operation: string;
  readonly model: string | null;
  readonly words: Words;
}

export function furtherOf({ operation, model, words }: Further, around: Omit<Around, 'source'>): Asked {
  const { asker, address, at, usage } = around;
  return {
    ...{ operation, model, takesModel: true, seconds: 0, size: null, n: 1, references: 0, address, at },
    prompt: words.isWhole ? (words.text ?? '') : null,
    hasFile: words.hasFile,
    tester: asker,
    get usage() {
      return usage();
    },
  };
}
