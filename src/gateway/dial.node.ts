/** The opening handshake with the model API, on Node. */
import { WebSocket } from 'ws';
import type { AnswerHeaders, DialSink, Outbound, Sending, UpstreamFault } from '../deps.ts';
import { nodeSocketEnd, SOCKET_BOUNDS } from './socket-end.node.ts';

export interface Dial {
  readonly url: string;
  readonly out: Outbound;
  readonly credentials: string;
  readonly protocol: string | null;
  /** For the whole handshake. */
  readonly timeoutMs: number;
  readonly faultOf: (fault: Error) => UpstreamFault;
  readonly quotesKey: (said: string) => boolean;
}

/** @returns the socket, to be counted until it is closed, and what ends it */
export function dialSocket(dial: Dial, sink: DialSink): { ws: WebSocket } & Pick<Sending, 'abort'> {
  const ws = new WebSocket(dial.url, dial.protocol === null ? [] : [dial.protocol], {
    ...SOCKET_BOUNDS,
    headers: { ...headersOf(dial.out), authorization: dial.credentials },
    followRedirects: false,
  });
  let answer: AnswerHeaders = {};
  let told = false;
  const tell = (what: () => void): void => {
    if (told) return;
    told = true;
    clearTimeout(timer);
    what();
  };
  const timer = setTimeout(() => {
    tell(() => sink.error('timeout'));
    ws.terminate();
  }, dial.timeoutMs);
  ws.on('upgrade', ({ headers }) => {
    answer = headers;
  });
  const echoed = (headers: AnswerHeaders) => dial.quotesKey(Object.values(headers).join('\n'));
  ws.on('open', () => {
    if (!echoed(answer)) return tell(() => sink.opened(nodeSocketEnd(ws), answer));
    tell(() => sink.error('key-echoed'));
    ws.terminate();
  });
  ws.on('unexpected-response', (_, { statusCode = 0, headers }) => {
    tell(() => (echoed(headers) ? sink.error('key-echoed') : sink.refused(statusCode, headers)));
    ws.terminate();
  });
  ws.on('error', (fault) => tell(() => sink.error(dial.faultOf(fault))));
  return {
    ws,
    abort() {
      tell(() => {});
      ws.terminate();
    },
  };
}

function headersOf({ headers }: Outbound): Record<string, string> {
  const named: Record<string, string> = {};
  for (let i = 0; i + 1 < headers.length; i += 2) named[headers[i] ?? ''] = headers[i + 1] ?? '';
  return named;
}
