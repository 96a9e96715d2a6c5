/** Marks clips in files of the data directory that nobody else may read, and that go in every outcome. */
import { closeSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from './encode.node.ts';
import { isInstalled } from './frames.node.ts';
import { type Marked, type Marker, MarkFault, type Marking, type MarkOrder } from './marking.ts';

export interface MarkerOptions {
  /** In the data directory, shared with the other processes on it. */
  readonly dir: string;
  /** Names this process, and tells which others live. */
  readonly liveness: { readonly own: string; isAlive(name: string): boolean };
  readonly atOnce: number;
  readonly places: number;
  readonly patienceMs: number;
  readonly mostBytes: number;
}

export interface NodeMarker extends Marker {
  /** Ends what runs. */
  close(): void;
}

/** Of one tester, or of one link: clips that wait for somebody who reads slowly must not keep the others out. */
const MOST_EACH = 4;
const READ_BYTES = 65_536;

/** True where what it takes is installed. */
export function canMark(): boolean {
  return isInstalled('ffmpeg') && isInstalled('ffprobe');
}

/** Removes first what processes that died left behind. */
export function nodeMarker(options: MarkerOptions): NodeMarker {
  const { dir, liveness, atOnce, places } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(dir))
    if (name === liveness.own || !liveness.isAlive(name))
      rmSync(join(dir, name), { recursive: true, force: true });
  const own = join(dir, liveness.own);
  mkdirSync(own, { mode: 0o700 });
  const encoders = new Turns(atOnce);
  const open = new Map<ClipMarking, string>();
  return {
    begin(order) {
      const ofHolder = [...open.values()].filter((holder) => holder === order.holder).length;
      if (open.size >= places || ofHolder >= MOST_EACH) return null;
      const gone = () => open.delete(marking);
      const marking = new ClipMarking(order, join(own, order.request), options, encoders, gone);
      open.set(marking, order.holder);
      return marking;
    },
    close() {
      for (const marking of open.keys()) marking.drop();
      rmSync(own, { recursive: true, force: true });
    },
  };
}

class ClipMarking implements Marking {
  readonly #code: string;
  readonly #dir: string;
  readonly #o: MarkerOptions;
  readonly #encoders: Turns;
  readonly #gone: () => void;
  readonly #ending = new AbortController();
  #input: Promise<FileHandle> | null = null;
  #bytes = 0;

  constructor({ code }: MarkOrder, dir: string, options: MarkerOptions, encoders: Turns, gone: () => void) {
    this.#code = code;
    this.#dir = dir;
    this.#o = options;
    this.#encoders = encoders;
    this.#gone = gone;
    mkdirSync(dir, { mode: 0o700 });
  }

  get #from(): string {
    return join(this.#dir, 'clip');
  }

  get #to(): string {
    return join(this.#dir, 'marked');
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#check();
    this.#bytes += chunk.length;
    if (this.#bytes > this.#o.mostBytes) throw new MarkFault(`over ${this.#o.mostBytes} bytes`);
    this.#input ??= open(this.#from, 'wx', 0o600);
    await (await this.#input).writeFile(chunk);
  }

  async burn(): Promise<Marked> {
    this.#check();
    if (this.#bytes === 0) throw new MarkFault('an empty clip');
    await (await this.#input)?.close();
    const { signal } = this.#ending;
    const bytes = await this.#encoders.take(signal, () => {
      // Made by us, so that nobody else may read it: ffmpeg would go by the umask.
      closeSync(openSync(this.#to, 'wx', 0o600));
      const { patienceMs, mostBytes } = this.#o;
      const files = { from: this.#from, to: this.#to };
      return encode({ ...files, code: this.#code, patienceMs, mostBytes, signal });
    });
    this.#check();
    rmSync(this.#from);
    return { bytes, read: () => this.#read() };
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    const file = await open(this.#to, 'r');
    try {
      for (;;) {
        const { bytesRead, buffer } = await file.read(new Uint8Array(READ_BYTES), 0, READ_BYTES);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  drop(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    this.#input?.then((file) => file.close()).catch(() => {});
    // A file that was just being opened may still come into it.
    rmSync(this.#dir, { recursive: true, force: true, maxRetries: 3, retryDelay: 1 });
    this.#gone();
  }

  #check(): void {
    if (this.#ending.signal.aborted) throw new MarkFault('given up');
  }
}

/** So many at once; the others wait, in their order. */
class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** @throws MarkFault when it is given up while it waits */
  async take<T>(signal: AbortSignal, job: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#turn(signal);
    try {
      return await job();
    } finally {
      this.#pass();
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const taken = () => {
        signal.removeEventListener('abort', left);
        resolve();
      };
      const left = () => {
        if (this.#waiting.delete(taken)) reject(new MarkFault('given up'));
      };
      this.#waiting.add(taken);
      signal.addEventListener('abort', left, { once: true });
    });
  }

  #pass(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#free++;
    else {
      this.#waiting.delete(next);
      next();
    }
  }
}
