/** The model API from Node: undici's dispatcher, one connection for each call in flight. */
import { Client, type Dispatcher, errors } from 'undici';
import type { WebSocket } from 'ws';
import type { AnswerSink, Outbound, Sending, Upstream, UpstreamFault } from '../deps.ts';
import { dialSocket } from './dial.node.ts';
import { KeyWatch } from './key-watch.ts';

export interface UpstreamOptions {
  /** Origin, and a path that the call's own is appended to. */
  readonly url: string;
  readonly key: string;
  readonly connectMs: number;
  readonly firstByteMs: number;
  /** The longest pause inside an answer; a stream that moves is never cut by time. */
  readonly idleMs: number;
  /** The cap on calls in flight. */
  readonly maxConnections: number;
}

const MAX_ANSWER_HEADER_BYTES = 32_768;

export interface NodeUpstream extends Upstream {
  close(): Promise<void>;
}

export function nodeUpstream(options: UpstreamOptions): NodeUpstream {
  const url = new URL(options.url);
  const basePath = url.pathname.replace(/\/+$/, '');
  const credentials = `Bearer ${options.key}`;
  const key = Buffer.from(options.key);
  // A free list stays flat where a pool looks through all its connections on each call.
  const free: Client[] = [];
  const all = new Set<Client>();
  const sockets = new Set<WebSocket>();

  const acquire = (): Client | null => {
    for (let client = free.pop(); client; client = free.pop()) if (!client.destroyed) return client;
    if (all.size + sockets.size >= options.maxConnections) return null;
    const client = new Client(url.origin, {
      pipelining: 1,
      connectTimeout: options.connectMs,
      headersTimeout: options.firstByteMs,
      bodyTimeout: options.idleMs,
      maxHeaderSize: MAX_ANSWER_HEADER_BYTES,
      allowH2: false,
    });
    all.add(client);
    return client;
  };
  const drop = (client: Client): void => {
    all.delete(client);
    // Aborting a request leaves its connection behind; destroying the client does not.
    client.destroy().catch(() => {});
  };

  const quotesKey = (said: Uint8Array | string): boolean =>
    typeof said === 'string'
      ? said.includes(options.key)
      : Buffer.from(said.buffer, said.byteOffset, said.length).includes(key);

  return {
    send(out, sink) {
      const client = acquire();
      if (!client) {
        sink.error('busy');
        return { abort() {}, resume() {} };
      }
      return new Dispatched(client, requestOf(out, basePath, credentials), sink, key, {
        done: () => free.push(client),
        drop: () => drop(client),
      });
    },
    dial(out, protocol, sink) {
      if (all.size - free.length + sockets.size >= options.maxConnections) {
        sink.error('busy');
        return { abort() {} };
      }
      const { ws, abort } = dialSocket(
        {
          url: `${url.origin.replace(/^http/, 'ws')}${basePath}${out.target}`,
          out,
          credentials,
          protocol,
          timeoutMs: options.connectMs + options.firstByteMs,
          faultOf: kindOf,
          quotesKey,
        },
        sink,
      );
      sockets.add(ws);
      ws.on('close', () => sockets.delete(ws));
      return { abort };
    },
    quotesKey,
    async close() {
      for (const ws of sockets) ws.terminate();
      await Promise.all([...all].map((client) => client.destroy()));
    },
  };
}

function requestOf(out: Outbound, basePath: string, credentials: string): Dispatcher.DispatchOptions {
  return {
    method: out.method as Dispatcher.HttpMethod,
    path: basePath + out.target,
    headers: [...out.headers, 'authorization', credentials],
    body: out.body,
  };
}

interface Connection {
  done(): void;
  drop(): void;
}

/** One request in undici's hands. */
class Dispatched implements Dispatcher.DispatchHandler, Sending {
  readonly #sink: AnswerSink;
  readonly #connection: Connection;
  readonly #key: Buffer;
  readonly #watch: KeyWatch;
  #controller: Dispatcher.DispatchController | null = null;
  #over = false;

  constructor(
    client: Client,
    request: Dispatcher.DispatchOptions,
    sink: AnswerSink,
    key: Buffer,
    connection: Connection,
  ) {
    this.#key = key;
    this.#watch = new KeyWatch(key);
    this.#sink = sink;
    this.#connection = connection;
    client.dispatch(request, this);
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection.drop();
  }

  resume(): void {
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // Hints (1xx) are for this hop; the answer itself follows.
    if (this.#over || status < 200) return;
    if (Object.values(headers).join('\n').includes(this.#key.toString())) this.#echoed();
    else this.#sink.head(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    const bytes = this.#watch.push(chunk);
    if (bytes === null) this.#echoed();
    else if (bytes.length > 0 && !this.#sink.data(bytes)) controller.pause();
  }

  onResponseEnd(): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection.done();
    const rest = this.#watch.rest();
    if (rest.length > 0) this.#sink.data(rest);
    this.#sink.end();
  }

  #echoed(): void {
    this.#over = true;
    this.#connection.drop();
    this.#sink.error('key-echoed');
  }

  onResponseError(_controller: Dispatcher.DispatchController, fault: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection.drop();
    this.#sink.error(kindOf(fault));
  }
}

function kindOf(fault: Error): UpstreamFault {
  if (fault instanceof errors.HeadersTimeoutError || fault instanceof errors.BodyTimeoutError)
    return 'timeout';
  if (fault instanceof errors.ConnectTimeoutError) return 'timeout';
  const { code } = fault as { code?: string };
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EHOSTUNREACH'
    ? 'unreachable'
    : 'broken';
}
