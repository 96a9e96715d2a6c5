/** The control listener on Node: what two readers could read in two ways is refused before anything routes it. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { getRequestListener } from '@hono/node-server';
import { framingFault, isHost } from '../framing.ts';

/** A target as it is routed: no other form of it, nothing that decodes to another path. */
const TARGET =
  /^(?:\/(?!\.{1,2}(?:[/?]|$))(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%(?!2[eEfF]|5[cC]|0[0-9a-fA-F]|25)[0-9A-Fa-f]{2})+)+(?:\?[^#\\]*)?$/;
const SINGLE: ReadonlySet<string> = new Set([
  ...['authorization', 'content-encoding', 'content-length', 'content-type', 'host', 'origin'],
  ...['sec-fetch-site', 'transfer-encoding'],
]);
/** Heads of operators' requests are small. */
const HEADER_BYTES = 16_384;
const HEADERS_MS = 10_000;
const REQUEST_MS = 60_000;

export function createControlFront(routed: ReturnType<typeof getRequestListener>): Server {
  const timeouts = { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS };
  const options = { insecureHTTPParser: false, maxHeaderSize: HEADER_BYTES, ...timeouts };
  const server = createServer(options, (incoming, outgoing) => {
    const fault = faultIn(incoming);
    if (fault === null) void routed(incoming, outgoing);
    else refuse(outgoing, fault);
  });
  // No protocol but HTTP is spoken here.
  server.on('connect', (_, socket) => socket.destroy());
  server.on('upgrade', (_, socket) => socket.destroy());
  server.on('checkExpectation', (_, outgoing) => refuse(outgoing, 'send no Expect header but 100-continue'));
  return server;
}

function faultIn({ method, url = '', headers, rawHeaders, httpVersion }: IncomingMessage): string | null {
  if (!TARGET.test(url)) return 'the path is not in its plain form';
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (SINGLE.has(name) && seen.has(name)) return `send ${name} once`;
    seen.add(name);
  }
  if (!isHost(headers.host ?? '')) return 'the host is no name or address';
  const fault = framingFault(httpVersion, headers['transfer-encoding']);
  if (fault !== null) return `the framing is not plain: ${fault}`;
  if ((headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity')
    return 'send the body as it is';
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
  if (hasBody && (method === 'GET' || method === 'HEAD')) return `send no body with ${method}`;
  return null;
}

/** In the shape of the admin API's own problems (RFC 9457). */
function refuse(outgoing: ServerResponse, detail: string): void {
  const type = 'urn:portcullis:problem:request_invalid';
  const body = JSON.stringify({ type, title: 'The request is not valid', status: 400, detail });
  outgoing.writeHead(400, {
    ...{ 'content-type': 'application/problem+json', 'content-length': Buffer.byteLength(body) },
    ...{ 'cache-control': 'no-store', connection: 'close' },
  });
  outgoing.end(body);
}
