/** The ports: what a runtime supplies to the core. Types only. */

/** A flat header list, name and value in turn, in the order of the wire. */
export type HeaderList = readonly string[];

/** The wall clock, Unix milliseconds. Injected, so that tests own the time. */
export type Clock = () => number;

/** One request as the runtime received it, before anything was made of it. */
export interface Inbound {
  readonly method: string;
  /** Of HTTP, as `1.1`. */
  readonly version: string;
  /** The request target exactly as on the wire. */
  readonly target: string;
  readonly headers: HeaderList;
  /** Address of the peer of the connection, as the runtime spells it. */
  readonly peer: string;
  /** True when framing headers announce a body of at least one byte. */
  readonly hasBody: boolean;
  /** True when the runtime can turn this connection into a WebSocket. */
  readonly upgradable: boolean;
  /**
   * The whole body.
   * @throws Refusal `body_too_large` beyond `limitBytes`, `body_timeout`, `body_malformed`.
   */
  body(limitBytes: number): Promise<Uint8Array>;
}

/** Where the answer goes. After `end` or `abort` every further call is ignored. */
export interface Reply {
  readonly started: boolean;
  /** True when the client has gone away or the answer has ended. */
  readonly closed: boolean;
  /** True when bytes wait for a client that reads slowly. */
  readonly waits: boolean;
  head(status: number, headers: HeaderList): void;
  /** False: the client reads more slowly than we write; wait for `onDrain`. */
  write(chunk: Uint8Array): boolean;
  end(chunk?: Uint8Array | string): void;
  /** Breaks the connection, so that no client takes what it has for the whole answer. */
  abort(): void;
  onDrain(resume: () => void): void;
  /** Called once, when the client leaves before the answer has ended; at once, when it has left already. */
  onGone(gone: () => void): void;
}

/** One request and its answer. */
export interface Exchange {
  readonly inbound: Inbound;
  readonly reply: Reply;
  /** Null unless it is upgradable. */
  readonly opening: Opening | null;
}

/** What goes to the model API: the judged bytes under our own key. */
export interface Outbound {
  readonly method: string;
  /** Canonical path and query, appended to the upstream's origin. */
  readonly target: string;
  /** Allow-listed headers; the upstream adds the credentials and the host. */
  readonly headers: HeaderList;
  readonly body: Uint8Array | null;
}

/** Headers of an answer by lower-case name; one that came several times is a list. */
export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** What the upstream tells of one answer, in this order: head, data…, then end or error. */
export interface AnswerSink {
  head(status: number, headers: AnswerHeaders): void;
  /** False: stop reading until `Sending.resume`. */
  data(chunk: Uint8Array): boolean;
  end(): void;
  error(fault: UpstreamFault): void;
}

export type UpstreamFault = 'unreachable' | 'timeout' | 'broken' | 'busy' | 'key-echoed';

/** A request on its way. */
export interface Sending {
  /** Ends it now; the sink hears nothing more. */
  abort(): void;
  resume(): void;
}

/** One end of a WebSocket (RFC 6455). After it is closed every further call is ignored. */
export interface SocketEnd {
  /** Bytes that were sent and have not left us yet. */
  readonly buffered: number;
  /** Once, before anything else can happen. */
  listen(listener: SocketListener): void;
  /** @param sent called when the bytes have left */
  send(data: Uint8Array | string, binary: boolean, sent: () => void): void;
  /** Reads nothing more, control frames included. */
  pause(): void;
  resume(): void;
  ping(): void;
  /** Begins the closing handshake. Without a code none is sent. */
  close(code?: number, reason?: string): void;
  terminate(): void;
}

export interface SocketListener {
  frame(data: Uint8Array, binary: boolean): void;
  pong(): void;
  /** What it sent breaks the protocol or our bounds; it is being closed. */
  broke(why: string): void;
  /** Once. 1005: no code was sent; 1006: the connection is gone. */
  closed(code: number, reason: string): void;
}

/** A client that waits for its handshake to be completed. */
export interface Opening {
  /** @returns null when the client has gone meanwhile; from here on the reply is no more. */
  accept(headers: HeaderList): SocketEnd | null;
}

/** What the upstream tells of a socket that is dialled: one of these, once. */
export interface DialSink {
  opened(end: SocketEnd, headers: AnswerHeaders): void;
  refused(status: number, headers: AnswerHeaders): void;
  error(fault: UpstreamFault): void;
}

/** The model API. `send` and `dial` dispatch before they return. */
export interface Upstream {
  send(out: Outbound, sink: AnswerSink): Sending;
  /** @param protocol the subprotocol to ask for */
  dial(out: Outbound, protocol: string | null, sink: DialSink): Pick<Sending, 'abort'>;
  /** True for a frame of a socket, or the reason of its close, that holds our key. `send` looks by itself. */
  quotesKey(said: Uint8Array | string): boolean;
}

/** SHA-256 of bytes as they come. */
export interface Digest {
  update(bytes: Uint8Array): void;
  /** Once, at the end: lower-case hex. */
  hex(): string;
}

/** A secret that is written and durable, and not yet in its place. */
export interface Staged {
  /** Puts it in its place, atomically and durably. */
  commit(): void;
  drop(): void;
}

/** Where the gate's own secrets are kept. */
export interface Safe {
  read(name: string): string | null;
  stage(name: string, text: string): Staged;
}
