/** The tester's listener on Node: what the HTTP parser refuses gets its row too, the rest goes to Hono. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import type { Hono } from 'hono';
import type { Take } from '../app.ts';
import { Refusal, refusalBody, refusalHeaders } from '../refusal.ts';
import { canonical } from './address.ts';
import { breakBody, nodeExchange } from './exchange.node.ts';
import { isCanonicalPath, isHost } from './guard.ts';
import { type Gate, handle } from './handler.ts';
import { isUpgradable, UpgradeResponse } from './opening.node.ts';

export type NodeBindings = { incoming: IncomingMessage; outgoing: ServerResponse };

export interface FrontOptions {
  readonly headerBytes: number;
  readonly headersMs: number;
  readonly bodyMs: number;
  readonly keepAliveMs: number;
  readonly maxConnections: number;
}

/** The handler writes to the raw response itself. */
export function takeOnNode(bodyMs: number): Take<NodeBindings> {
  return ({ incoming, outgoing }, take) => {
    void take(nodeExchange(incoming, outgoing, bodyMs));
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
    // Hono reads targets and hosts more kindly than the guard; what the guard will refuse goes to it straight.
    if (isRoutable(incoming)) void routed(incoming, outgoing);
    else void handle(nodeExchange(incoming, outgoing, options.bodyMs), null, {}, gate);
  };
  const server = createServer(
    {
      insecureHTTPParser: false,
      requireHostHeader: false,
      maxHeaderSize: options.headerBytes,
      headersTimeout: options.headersMs,
      requestTimeout: options.headersMs + options.bodyMs,
      keepAliveTimeout: options.keepAliveMs,
      connectionsCheckingInterval: 1_000,
      shouldUpgradeCallback: isUpgradable,
    },
    listener,
  );
  server.maxConnections = options.maxConnections;
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
  server.on('checkContinue', listener);
  server.on('checkExpectation', listener);
  server.on(
    'clientError',
    (fault: NodeJS.ErrnoException, socket) => void refuseRaw(kindOf(fault), socket, gate),
  );
  server.on(
    'connect',
    (_incoming, socket) => void refuseRaw(new Refusal('method_not_allowed', 'CONNECT'), socket, gate),
  );
  return server;
}

function isRoutable({ url = '', headers }: IncomingMessage): boolean {
  const mark = url.indexOf('?');
  return isCanonicalPath(mark < 0 ? url : url.slice(0, mark)) && isHost(headers.host ?? '');
}

function kindOf({ code }: NodeJS.ErrnoException): Refusal | null {
  if (code === 'ECONNRESET' || code === 'EPIPE') return null;
  if (code === 'HPE_HEADER_OVERFLOW') return new Refusal('headers_too_large', code);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Refusal('body_timeout', code);
  return new Refusal('invalid_request', code ?? 'HTTP');
}

/** Answers on the bare socket, for there is no request; one row, like for any other. */
async function refuseRaw(refusal: Refusal | null, socket: Duplex, gate: Gate): Promise<void> {
  const answering = answerOn(socket);
  if (answering) {
    // That call has a row and an answer of its own; what follows it on this connection is lost with the connection.
    answering.once('close', () => socket.destroy());
    if (!answering.req.complete) breakBody(answering.req);
    return;
  }
  if (!refusal || !socket.writable) {
    socket.destroy();
    return;
  }
  const id = gate.newId();
  const peer = 'remoteAddress' in socket ? String(socket.remoteAddress) : '';
  const arrival = {
    id,
    at: gate.now(),
    method: '?',
    path: '?',
    address: canonical(peer),
    agent: null,
    clientRequestId: null,
  };
  let told = refusal;
  try {
    await gate.admission.refuse({ arrival, who: null, operation: null, refusal });
  } catch (fault) {
    told = fault instanceof Refusal ? fault : new Refusal('gateway_fault');
  }
  socket.end(rawAnswer(told, id, gate.realm));
}

/** The answer that Node is writing on a connection. */
function answerOn(socket: Duplex): ServerResponse | null {
  return '_httpMessage' in socket && socket._httpMessage ? (socket._httpMessage as ServerResponse) : null;
}

function rawAnswer(refusal: Refusal, id: string, realm: string): string {
  const body = refusalBody(refusal, id);
  const headers = [
    ...refusalHeaders(refusal, id, realm),
    'content-length',
    String(Buffer.byteLength(body)),
    'connection',
    'close',
  ];
  const lines = [`HTTP/1.1 ${refusal.status} Refused`];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
