/** An upgrade request on Node: it can be answered like any other, or become a WebSocket. */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { HeaderList, Opening, SocketEnd } from '../deps.ts';
import { nodeSocketEnd, SOCKET_BOUNDS } from './socket-end.node.ts';

const NOTHING = Buffer.alloc(0);
const headersOf = new WeakMap<IncomingMessage, HeaderList>();
const sockets = new WebSocketServer({
  ...SOCKET_BOUNDS,
  noServer: true,
  clientTracking: false,
  // Never the first that is offered: that can be the token.
  handleProtocols: (offered) => (offered.has('realtime') ? 'realtime' : false),
});
sockets.on('headers', (lines, incoming) => {
  const headers = headersOf.get(incoming) ?? [];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
});

/** True for what can become a WebSocket; anything else that asks for an upgrade is a plain request to the guard. */
export function isUpgradable({ method, httpVersion, headers }: IncomingMessage): boolean {
  return method === 'GET' && httpVersion === '1.1' && headers.upgrade?.toLowerCase() === 'websocket';
}

export class UpgradeResponse extends ServerResponse implements Opening {
  /** True when bytes came behind the head: to a plain request they would be its body. */
  readonly hasBody: boolean;
  readonly #socket: Socket;

  constructor(incoming: IncomingMessage, socket: Socket, head: Buffer) {
    super(incoming);
    this.hasBody = head.length > 0;
    this.#socket = socket;
    this.shouldKeepAlive = false;
    this.assignSocket(socket);
    this.on('finish', () => socket.destroySoon());
    socket.on('error', () => {});
    // RFC 6455 section 4.1: until its handshake is answered a client sends nothing; and one that ends it is gone.
    socket.on('data', this.#breakOff).on('end', this.#breakOff);
  }

  accept(headers: HeaderList): SocketEnd | null {
    const socket = this.#socket;
    if (socket.destroyed) return null;
    socket.off('data', this.#breakOff).off('end', this.#breakOff);
    this.detachSocket(socket);
    headersOf.set(this.req, headers);
    let end = null as SocketEnd | null;
    sockets.handleUpgrade(this.req, socket, NOTHING, (ws) => {
      end = nodeSocketEnd(ws);
    });
    return end;
  }

  readonly #breakOff = (): void => {
    if (!this.writableEnded) this.#socket.destroy();
  };
}
