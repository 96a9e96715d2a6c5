/** Step 1: the frame of a request. What is ambiguous is refused here, and the canonical path is fixed for good. */

import type { ClientAddress } from '../address.ts';
import type { Inbound } from '../deps.ts';
import { framingFault, isHost } from '../framing.ts';
import { masked, printable } from '../printable.ts';
import { Refusal } from '../refusal.ts';
import { readHandshake } from './handshake.ts';

/** A request whose frame is sound. `path` is what is judged, logged and sent. */
export interface Frame {
  readonly method: string;
  readonly path: string;
  /** With its `?`, or empty. */
  readonly query: string;
  /** Canonical address of the client. */
  readonly address: string;
  readonly authorization: string | null;
  readonly contentType: string | null;
  readonly agent: string | null;
  readonly clientRequestId: string | null;
  /** The WebSocket subprotocol to speak. */
  readonly subprotocol: string | null;
  /** Allow-listed headers for upstream, name and value in turn. */
  readonly passOn: readonly string[];
}

/** Segments of unreserved and harmless characters only: no percent-encoding, no `;`, no empty or dot segments. */
const CANONICAL_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~!$&'()*+,=:@-]+)+$/;
/**
 * A query in the characters of RFC 3986 section 3.4, percent-encoding intact. No `;`, at which some readers split, and no
 * NUL, at which some end: they would see other parameters than were judged.
 */
const QUERY = /^(?:[A-Za-z0-9._~!$&'()*+,=:@/?[\]-]|%(?!00)[0-9A-Fa-f]{2})*$/;
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'DELETE']);
const MAX_TARGET_CHARS = 4_096;
const MAX_HEADERS = 256;

/** What upstream may see of the tester's headers. Everything else stays here, credentials and addresses above all. */
const PASS_ON: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'openai-beta',
  'range',
]);
/** Headers that must not come twice, as those that go upstream: two readers would take two different values. */
const SINGLE: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'dpop',
  'expect',
  'host',
  'transfer-encoding',
  'user-agent',
]);

/**
 * @param isSocket the route is a WebSocket's, the only one that may ask for an upgrade
 * @throws Refusal
 */
export function guard(inbound: Inbound, clientAddress: ClientAddress, isSocket = false): Frame {
  const { method, target } = inbound;
  if (inbound.headers.length > 2 * MAX_HEADERS)
    throw new Refusal('headers_too_large', `over ${MAX_HEADERS} headers`);
  const headers = readHeaders(inbound);
  checkFraming(inbound.version, headers);
  if (!isHost(headers.host ?? '')) throw new Refusal('invalid_request', 'host');
  if (headers.expect !== null && headers.expect.toLowerCase() !== '100-continue')
    throw new Refusal('invalid_request', 'expect');
  if (!METHODS.has(method)) throw new Refusal('method_not_allowed', method.slice(0, 32));
  if (headers.upgrade !== null && !(isSocket && inbound.upgradable))
    throw new Refusal('invalid_request', 'upgrade');
  const handshake = headers.upgrade === null ? null : readHandshake(inbound.headers);
  if (handshake?.token && headers.authorization !== null)
    throw new Refusal('invalid_request', 'two credentials');
  if (headers.contentEncoding !== null && headers.contentEncoding !== 'identity')
    throw new Refusal('media_type_unsupported', 'content-encoding');
  if (inbound.hasBody && method !== 'POST') throw new Refusal('body_not_expected', `${method} with a body`);
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? '' : target.slice(mark);
  if (target.length > MAX_TARGET_CHARS || !isCanonicalPath(path)) throw new Refusal('path_not_canonical');
  // It would stand in our log and in upstream's.
  if (masked(target) !== target) throw credentialsInUrl();
  checkQuery(query);
  return {
    method,
    path,
    query,
    address: clientAddress(inbound.peer, headers.forwardedFor),
    authorization: handshake?.token ? `Bearer ${handshake.token}` : headers.authorization,
    contentType: headers.contentType,
    agent: headers.agent,
    clientRequestId: headers.clientRequestId,
    subprotocol: handshake?.subprotocol ?? null,
    passOn: headers.passOn,
  };
}

/** True for a path that every reader reads alike. */
export function isCanonicalPath(path: string): boolean {
  return path === '/' || CANONICAL_PATH.test(path);
}

/** What the parser lets through, and another reader on the way could read in another way. */
function checkFraming(version: string, { transferEncoding, connection }: Read): void {
  const fault = framingFault(version, transferEncoding);
  if (fault !== null) throw new Refusal('invalid_request', fault);
  if (connection !== null && !/^(?:keep-alive|close)$/i.test(connection)) checkConnection(connection);
}

/** RFC 9110 section 7.6.1: what Connection names is for one hop only. What was judged, or frames it, cannot be. */
function checkConnection(connection: string): void {
  for (const option of connection.toLowerCase().split(',')) {
    const name = option.trim();
    if (PASS_ON.has(name) || name === 'host' || name === 'content-length' || name === 'transfer-encoding')
      throw new Refusal('invalid_request', `connection: ${name}`);
  }
}

/** RFC 6750 section 2.3 is not offered: a token in a URL ends up in logs. */
function checkQuery(query: string): void {
  if (query === '') return;
  if (!QUERY.test(query.slice(1))) throw new Refusal('invalid_request', 'query');
  if (/[?&](?:access_token|api_key|api-key)(?:=|&|$)/i.test(decodeURIComponentSafely(query)))
    throw credentialsInUrl();
}

function credentialsInUrl(): Refusal {
  return new Refusal('invalid_request', 'credentials in the URL', {
    message: 'Send the access token in the Authorization header, never in the URL.',
  });
}

function decodeURIComponentSafely(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Refusal('invalid_request', 'query is not UTF-8');
  }
}

interface Read {
  host: string | null;
  expect: string | null;
  authorization: string | null;
  contentType: string | null;
  contentEncoding: string | null;
  upgrade: string | null;
  connection: string | null;
  transferEncoding: string | null;
  agent: string | null;
  clientRequestId: string | null;
  forwardedFor: string | null;
  passOn: string[];
}

/** One pass over the wire's own header list; a joined or last-wins view would hide duplicates. */
function readHeaders({ headers }: Inbound): Read {
  const read: Read = {
    host: null,
    expect: null,
    authorization: null,
    contentType: null,
    contentEncoding: null,
    upgrade: null,
    connection: null,
    transferEncoding: null,
    agent: null,
    clientRequestId: null,
    forwardedFor: null,
    passOn: [],
  };
  const seen: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    const value = headers[i + 1] as string;
    const passes = PASS_ON.has(name);
    if (passes || SINGLE.has(name)) {
      if (seen.includes(name)) throw new Refusal('invalid_request', `${name} twice`);
      seen.push(name);
    }
    if (passes) read.passOn.push(name, value);
    take(read, name, value);
  }
  return read;
}

function take(read: Read, name: string, value: string): void {
  switch (name) {
    case 'host':
      read.host = value;
      break;
    case 'expect':
      read.expect = value;
      break;
    case 'authorization':
      read.authorization = value;
      break;
    case 'content-type':
      read.contentType = value;
      break;
    case 'content-encoding':
      read.contentEncoding = value.toLowerCase();
      break;
    case 'upgrade':
      read.upgrade = value;
      break;
    case 'connection':
      read.connection = read.connection === null ? value : `${read.connection},${value}`;
      break;
    case 'transfer-encoding':
      read.transferEncoding = value;
      break;
    case 'user-agent':
      read.agent = printable(value);
      break;
    case 'x-request-id':
    case 'x-client-request-id':
      read.clientRequestId = printable(value);
      break;
    case 'x-forwarded-for':
      read.forwardedFor = read.forwardedFor === null ? value : `${read.forwardedFor},${value}`;
      break;
  }
}
