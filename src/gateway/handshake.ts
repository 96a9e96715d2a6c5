/** The client's half of a WebSocket handshake (RFC 6455 section 4.2.1), read where it has one meaning only. */
import type { HeaderList } from '../deps.ts';
import { Refusal } from '../refusal.ts';

export interface Handshake {
  /** The subprotocol to speak, when the client offers it. */
  readonly subprotocol: 'realtime' | null;
  /** The access token, from where browsers can put one: OpenAI's SDKs send it as a subprotocol. */
  readonly token: string | null;
}

/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;
const PROTOCOL = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TOKEN_PREFIX = 'openai-insecure-api-key.';

/** @throws Refusal */
export function readHandshake(headers: HeaderList): Handshake {
  const [upgrade, key, version] = ['upgrade', 'sec-websocket-key', 'sec-websocket-version'].map((name) =>
    only(headers, name),
  );
  if (upgrade?.toLowerCase() !== 'websocket') throw unsound('upgrade');
  if (!listed(headers, 'connection').some((option) => option.toLowerCase() === 'upgrade'))
    throw unsound('connection');
  if (!KEY.test(key ?? '')) throw unsound('sec-websocket-key');
  if (version !== '13') throw unsound('sec-websocket-version');
  return readProtocols(listed(headers, 'sec-websocket-protocol'));
}

function readProtocols(offered: readonly string[]): Handshake {
  if (!offered.every((one) => PROTOCOL.test(one)) || new Set(offered).size < offered.length)
    throw unsound('sec-websocket-protocol');
  const [token, second] = offered.filter((one) => one.startsWith(TOKEN_PREFIX));
  if (second !== undefined) throw unsound('two credentials');
  return {
    subprotocol: offered.includes('realtime') ? 'realtime' : null,
    token: token?.slice(TOKEN_PREFIX.length) ?? null,
  };
}

/** The value of a header that stands exactly once. */
function only(headers: HeaderList, name: string): string | undefined {
  const values = valuesOf(headers, name);
  return values.length === 1 ? values[0] : undefined;
}

function listed(headers: HeaderList, name: string): string[] {
  const values = valuesOf(headers, name);
  return values.length === 0
    ? []
    : values
        .join(',')
        .split(',')
        .map((one) => one.trim());
}

function valuesOf(headers: HeaderList, name: string): string[] {
  return headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name);
}

/** Never with the value: a subprotocol can hold a token. */
function unsound(what: string): Refusal {
  return new Refusal('invalid_request', `websocket handshake: ${what}`);
}
