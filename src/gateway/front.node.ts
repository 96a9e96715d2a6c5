/** The tester's listener on Node: what the HTTP parser refuses gets its row too, the rest goes to Hono. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import { canonical, limitKey } from '../address.ts';
import type { Take } from '../app.ts';
import { type ExchangeBounds, nodeExchange } from './exchange.node.ts';
import { isCanonicalPath } from './guard.ts';
import { type Gate, handle } from './handler.ts';
import { isUpgradable, UpgradeResponse } from './opening.node.ts';
import { answerOn, began, recordDropped, refuseConnect, refuseUnparsed } from './unparsed.node.ts';

export type NodeBindings = { incoming: IncomingMessage; outgoing: ServerResponse };

export interface FrontOptions {
  readonly headerBytes: number;
  readonly headersMs: number;
  readonly bounds: ExchangeBounds;
  readonly keepAliveMs: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxCallsPerConnection: number;
  /** True for the peers of whom many clients' connections come. */
  readonly isProxy: (peer: string) => boolean;
}

/** The handler writes to the raw response itself. */
export function takeOnNode(bounds: ExchangeBounds): Take<NodeBindings> {
  return ({ incoming, outgoing }, take) => {
    void take(nodeExchange(incoming, outgoing, bounds));
    return RESPONSE_ALREADY_SENT;
  };
}

/** @param upgraded holds the connections that became WebSockets, which the server itself does not know any more */
export function createFront(
  app: Hono<{ Bindings: NodeBindings }>,
  gate: Gate,
  options: FrontOptions,
  upgraded: Set<Socket>,
): Server {
  const routed = getRequestListener(app.fetch as never, {
    overrideGlobalObjects: false,
    autoCleanupIncoming: false,
  });
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    began(incoming);
    // Hono never sees the client's Host: the guard judges it, on the wire's own headers.
    incoming.headers.host = 'gate';
    // Hono reads targets more kindly than the guard; what the guard will refuse goes to it straight.
    if (isRoutable(incoming)) void routed(incoming, outgoing);
    else void handle(nodeExchange(incoming, outgoing, options.bounds), null, {}, gate);
  };
  const server = createServer(
    {
      insecureHTTPParser: false,
      requireHostHeader: false,
      maxHeaderSize: options.headerBytes,
      headersTimeout: options.headersMs,
      requestTimeout: options.headersMs + options.bounds.bodyMs,
      keepAliveTimeout: options.keepAliveMs,
      connectionsCheckingInterval: 1_000,
      shouldUpgradeCallback: isUpgradable,
    },
    listener,
  );
  server.maxConnections = options.maxConnections;
  server.maxRequestsPerSocket = options.maxCallsPerConnection;
  server.on('connection', perAddress(options));
  server.on('dropRequest', (incoming) => recordDropped(incoming, gate));
  server.on('upgrade', (incoming, stream, head) => {
    const socket = stream as Socket;
    // An answer is still being written on this connection: nothing sound can follow it.
    if (answerOn(socket)) {
      socket.destroy();
      return;
    }
    upgraded.add(socket);
    socket.on('close', () => upgraded.delete(socket));
    listener(incoming, new UpgradeResponse(incoming, socket, head));
  });
  // Their bytes are bounded; past a count Node would drop headers in silence, those of the framing too.
  server.maxHeadersCount = 0;
  server.on('checkContinue', listener);
  server.on('checkExpectation', listener);
  server.on('clientError', (fault, socket) => refuseUnparsed(fault, socket as Socket, gate));
  server.on('connect', (incoming, socket) => refuseConnect(incoming, socket, gate));
  return server;
}

/** Drops what one address opens beyond its share: it shall not take the connections of all others. */
function perAddress({ maxConnectionsPerAddress, isProxy }: FrontOptions) {
  const open = new Map<string, number>();
  return (socket: Socket): void => {
    const address = canonical(socket.remoteAddress ?? '');
    if (isProxy(address)) return;
    const peer = limitKey(address);
    const held = (open.get(peer) ?? 0) + 1;
    if (held > maxConnectionsPerAddress) {
      socket.destroy();
      return;
    }
    open.set(peer, held);
    socket.once('close', () => {
      const left = (open.get(peer) ?? 1) - 1;
      if (left > 0) open.set(peer, left);
      else open.delete(peer);
    });
  };
}

function isRoutable({ url = '' }: IncomingMessage): boolean {
  const mark = url.indexOf('?');
  return isCanonicalPath(mark < 0 ? url : url.slice(0, mark));
}
