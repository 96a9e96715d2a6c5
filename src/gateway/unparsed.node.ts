/** Requests that the HTTP parser refuses: answered on the bare socket, and one row each, like any other. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { canonical } from '../address.ts';
import type { Arrival } from '../admission/admission.ts';
import { printable } from '../printable.ts';
import { Refusal, refusalBody, refusalHeaders } from '../refusal.ts';
import { breakBody } from './exchange.node.ts';
import type { Gate } from './handler.ts';

/** The latest request on each connection. As long as it is not complete, what breaks is its body, and no new request. */
const latest = new WeakMap<Duplex, IncomingMessage>();
/** The parser can refuse the same bytes several times. */
const refused = new WeakSet<Duplex>();
/** A client gets this long to read its answer and to close; what it sends meanwhile is thrown away. */
const CLOSE_MS = 1_000;

/** Every request is told here as soon as its head has come. */
export function began(incoming: IncomingMessage): void {
  latest.set(incoming.socket, incoming);
}

/** For `clientError`. */
export function refuseUnparsed(fault: NodeJS.ErrnoException, socket: Socket, gate: Gate): void {
  const current = latest.get(socket);
  if (current && !current.complete) {
    breakBody(current);
    closeAfter(answerOn(socket), socket);
    return;
  }
  const refusal = kindOf(fault);
  // A connection that never said anything made no request, nor do bytes behind `Connection: close`.
  if (!refusal || socket.bytesRead === 0) closeAfter(answerOn(socket), socket);
  else void refuse({ method: '?', path: '?' }, refusal, socket, gate);
}

/** For `dropRequest`: behind the last call that a connection may make, Node answers 503 and closes. */
export function recordDropped({ method = '', url = '', socket }: IncomingMessage, gate: Gate): void {
  const asked = { method: printable(method).slice(0, 16), path: printable(url.split('?', 1)[0] ?? '') };
  const arrival = arrivalOf(asked, socket, gate);
  const refusal = new Refusal('gateway_busy', 'calls on one connection');
  gate.admission.refuse({ arrival, who: null, operation: null, refusal }).catch(() => {});
}

/** For `connect`: this is no such proxy. */
export function refuseConnect(incoming: IncomingMessage, socket: Duplex, gate: Gate): void {
  // Node has let go of the socket, and nobody else hears its faults: unheard, they would end the process.
  socket.on('error', () => socket.destroy());
  const asked = { method: 'CONNECT', path: printable(incoming.url ?? '') };
  void refuse(asked, new Refusal('method_not_allowed', 'CONNECT'), socket, gate);
}

async function refuse(
  asked: { method: string; path: string },
  refusal: Refusal,
  socket: Duplex,
  gate: Gate,
): Promise<void> {
  if (refused.has(socket)) return;
  refused.add(socket);
  const arrival = arrivalOf(asked, socket, gate);
  const { id } = arrival;
  let told = refusal;
  try {
    await gate.admission.refuse({ arrival, who: null, operation: null, refusal });
  } catch (fault) {
    told = fault instanceof Refusal ? fault : new Refusal('gateway_fault');
  }
  const answering = answerOn(socket);
  if (answering) closeAfter(answering, socket);
  else {
    socket.resume();
    socket.end(rawAnswer(told, id, gate.realm));
    setTimeout(() => socket.destroy(), CLOSE_MS).unref();
  }
}

function arrivalOf(asked: { method: string; path: string }, socket: Duplex, gate: Gate): Arrival {
  const peer = 'remoteAddress' in socket ? String(socket.remoteAddress) : '';
  const said = { address: canonical(peer), agent: null, clientRequestId: null };
  return { id: gate.newId(), at: gate.now(), ...asked, ...said };
}

/** The call that is being answered keeps its answer; what came behind it is lost with the connection. */
function closeAfter(answering: ServerResponse | null, socket: Duplex): void {
  if (answering) answering.once('close', () => socket.destroy());
  else if (!socket.writableEnded) socket.destroy();
}

/** The answer that Node is writing on a connection. */
export function answerOn(socket: Duplex): ServerResponse | null {
  return '_httpMessage' in socket && socket._httpMessage ? (socket._httpMessage as ServerResponse) : null;
}

function kindOf({ code }: NodeJS.ErrnoException): Refusal | null {
  if (code === 'ECONNRESET' || code === 'EPIPE' || code === 'HPE_CLOSED_CONNECTION') return null;
  if (code === 'HPE_HEADER_OVERFLOW') return new Refusal('headers_too_large', code);
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new Refusal('body_timeout', code);
  return new Refusal('invalid_request', code ?? 'HTTP');
}

function rawAnswer(refusal: Refusal, id: string, realm: string): string {
  const body = refusalBody(refusal, id);
  const length = String(new TextEncoder().encode(body).length);
  const headers = [...refusalHeaders(refusal, id, realm), 'content-length', length, 'connection', 'close'];
  const lines = [`HTTP/1.1 ${refusal.status} Refused`];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
