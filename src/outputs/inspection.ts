/** What looking at the bytes of a clip tells. Types only, and the fault that ends it. */
export interface Inspected {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** Whether a C2PA manifest is in the file, not whether it is valid; null: it is no file that we can look into. */
  readonly c2pa: boolean | null;
  /** Hashes of its frames (frame-hash.ts); null where nobody could read them. */
  readonly frames: Uint8Array | null;
}

/** Looks at a file as it comes; keeps none of it. */
export interface Inspector {
  /** False: ffmpeg is not installed, and clips are known by their bytes only. */
  readonly readsFrames: boolean;
  /** @throws TooLarge */
  inspect(body: ReadableStream<Uint8Array>): Promise<Inspected>;
}

export class TooLarge extends Error {
  readonly mostBytes: number;

  constructor(mostBytes: number) {
    super(`over ${mostBytes} bytes`);
    this.mostBytes = mostBytes;
  }
}
