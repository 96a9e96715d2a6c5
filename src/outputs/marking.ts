/** The port that burns a code into a clip. Types only, and the fault that ends it. */

/** A clip on its way: written in, marked, read out. Nothing of it outlives `drop`. */
export interface Marking {
  /** The next bytes as upstream gives them. @throws MarkFault */
  write(chunk: Uint8Array): Promise<void>;
  /** Once, behind the last byte. @throws MarkFault */
  burn(): Promise<Marked>;
  /** Ends it now, whatever it is at, and removes what there is of it. */
  drop(): void;
}

export interface Marked {
  readonly bytes: number;
  read(): AsyncIterable<Uint8Array>;
}

export interface MarkOrder {
  /** Of the call. */
  readonly request: string;
  readonly code: string;
  /** Nobody has all the places. */
  readonly holder: string;
}

export interface Marker {
  /** Null: there is no room for one more. */
  begin(order: MarkOrder): Marking | null;
}

/** The clip could not be marked, and must not be given. */
export class MarkFault extends Error {}
