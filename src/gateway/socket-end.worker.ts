/**
 * One end of a WebSocket in the hands of the Workers runtime. It has no pings: whether a silent peer is alive is the runtime's and the
 * platform's to find out, and as long as they hold the connection it counts as heard. Nor can its reading be paused: what comes
 * meanwhile is kept here, up to a bound, and whoever goes beyond that is closed.
 */
import type { SocketEnd, SocketListener } from '../deps.ts';
import { CLOSE_MS, MAX_MESSAGE_BYTES, TOO_LARGE } from './socket-bounds.ts';

/** What is used of the runtime's `WebSocket`. */
export interface RuntimeSocket {
  binaryType: string;
  /** Payload that it has taken and not sent yet: true only without compression (`no_web_socket_compression`). */
  readonly bufferedAmount: number;
  accept(): void;
  send(data: Uint8Array | string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: { readonly data: ArrayBuffer | string }) => void): void;
  addEventListener(
    type: 'close',
    listener: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
  addEventListener(type: 'error', listener: (event: { readonly message?: string }) => void): void;
}

interface Frame {
  readonly data: Uint8Array;
  readonly binary: boolean;
}

interface Leaving {
  readonly data: Uint8Array | string;
  readonly bytes: number;
  readonly sent: () => void;
}

/** How much the runtime is given ahead: what it has cannot be taken back, also by a stop. */
const AHEAD_BYTES = 262_144;
/** It does not say when bytes have left. */
const LOOK_MS = 10;
/** Of frames that wait while nothing is read: the largest message fits. */
const MAX_KEPT_BYTES = MAX_MESSAGE_BYTES;
const MAX_KEPT = 1_024;
/** RFC 6455 section 7.1.5: the connection is gone. */
const LOST = 1006;
/** What the runtime says of a peer that breaks the protocol, or its own bound; any other fault is a connection that is lost. */
const BROKE = /protocolError\.description = (.*)$/;
const UTF8 = new TextEncoder();
/** A mark at the beginning is part of what was judged. */
const TEXT = new TextDecoder('utf-8', { ignoreBOM: true });

/** @param cut breaks the connection off, as far as that can be done */
export function workerSocketEnd(ws: RuntimeSocket, cut: () => void): SocketEnd {
  ws.binaryType = 'arraybuffer';
  ws.accept();
  return new WorkerSocketEnd(ws, cut);
}

class WorkerSocketEnd implements SocketEnd {
  readonly #ws: RuntimeSocket;
  readonly #cut: () => void;
  #listener: SocketListener | null = null;
  #over = false;
  #isPaused = false;
  readonly #kept: Frame[] = [];
  #keptBytes = 0;
  /** The farewell of the other side, behind the frames that came before it. */
  #farewell: (() => void) | null = null;
  /** Not given to the runtime yet. */
  readonly #leaving: Leaving[] = [];
  #leavingBytes = 0;
  /** Given to it, and not known to have left. */
  readonly #given: Leaving[] = [];
  #givenBytes = 0;
  #look: ReturnType<typeof setTimeout> | undefined;
  #closing: ReturnType<typeof setTimeout> | undefined;

  constructor(ws: RuntimeSocket, cut: () => void) {
    this.#ws = ws;
    this.#cut = cut;
    ws.addEventListener('message', ({ data }) => this.#came(data));
    ws.addEventListener('close', ({ code, reason }) => this.#ended((one) => one.closed(code, reason)));
    ws.addEventListener('error', ({ message = '' }) => {
      const why = BROKE.exec(message)?.[1];
      this.#ended((one) => (why === undefined ? one.closed(LOST, '') : one.broke(why)));
    });
  }

  get buffered(): number {
    return this.#leavingBytes + this.#ws.bufferedAmount;
  }

  listen(listener: SocketListener): void {
    this.#listener = listener;
  }

  send(data: Uint8Array | string, binary: boolean, sent: () => void): void {
    if (this.#over) return;
    const bytes = typeof data === 'string' ? UTF8.encode(data).length : data.length;
    const text = typeof data === 'string' || binary ? data : TEXT.decode(data);
    this.#leaving.push({ data: text, bytes, sent });
    this.#leavingBytes += bytes;
    this.#give();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    while (!this.#isPaused) {
      const frame = this.#kept.shift();
      if (!frame) break;
      this.#keptBytes -= frame.data.length;
      this.#listener?.frame(frame.data, frame.binary);
    }
    if (this.#isPaused) return;
    this.#farewell?.();
    this.#farewell = null;
  }

  ping(): void {
    if (!this.#over) this.#listener?.pong();
  }

  close(code?: number, reason?: string): void {
    if (this.#over) return;
    for (const { data } of this.#leaving) this.#ws.send(data);
    this.#leave();
    this.#ws.close(code, reason);
    this.#closing = setTimeout(this.#cut, CLOSE_MS);
  }

  terminate(): void {
    if (this.#over) return;
    this.#leave();
    this.#cut();
  }

  #came(message: ArrayBuffer | string): void {
    if (this.#over) return;
    const binary = typeof message !== 'string';
    const data = binary ? new Uint8Array(message) : UTF8.encode(message);
    if (data.length > MAX_MESSAGE_BYTES) this.#refuse(1009, TOO_LARGE);
    else if (this.#isPaused) this.#keep({ data, binary });
    else this.#listener?.frame(data, binary);
  }

  #keep(frame: Frame): void {
    this.#keptBytes += frame.data.length;
    this.#kept.push(frame);
    if (this.#keptBytes > MAX_KEPT_BYTES || this.#kept.length > MAX_KEPT)
      this.#refuse(1008, 'more frames than the other side takes');
  }

  #refuse(code: number, why: string): void {
    this.close(code);
    this.#listener?.broke(why);
  }

  /** What the other side has done ends it, behind the frames that it sent before. */
  #ended(tell: (listener: SocketListener) => void): void {
    clearTimeout(this.#closing);
    if (this.#over) return;
    this.#over = true;
    this.#dropLeaving();
    this.#farewell = () => this.#listener && tell(this.#listener);
    if (!this.#isPaused) this.resume();
  }

  /** Nothing that comes is heard any more. */
  #leave(): void {
    this.#over = true;
    this.#kept.length = 0;
    this.#farewell = null;
    this.#dropLeaving();
  }

  #dropLeaving(): void {
    clearTimeout(this.#look);
    this.#leaving.length = 0;
    this.#leavingBytes = 0;
  }

  #give(): void {
    while (this.#ws.bufferedAmount < AHEAD_BYTES) {
      const next = this.#leaving.shift();
      if (!next) break;
      this.#leavingBytes -= next.bytes;
      this.#givenBytes += next.bytes;
      this.#given.push(next);
      this.#ws.send(next.data);
    }
    if (this.#given.length > 0) this.#look ??= setTimeout(this.#tellSent, LOOK_MS);
  }

  readonly #tellSent = (): void => {
    this.#look = undefined;
    const waiting = this.#ws.bufferedAmount;
    for (let one = this.#given[0]; one && this.#givenBytes - one.bytes >= waiting; one = this.#given[0]) {
      this.#given.shift();
      this.#givenBytes -= one.bytes;
      one.sent();
    }
    if (!this.#over) this.#give();
  };
}
