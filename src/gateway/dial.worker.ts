/** The opening handshake with the model API, on Workers: a `fetch` that asks for an upgrade. */
import type { AnswerHeaders, DialSink, Sending, UpstreamFault } from '../deps.ts';
import { type RuntimeSocket, workerSocketEnd } from './socket-end.worker.ts';

export interface Dial {
  readonly url: string;
  /** Names and values, the credentials among them. */
  readonly headers: [string, string][];
  readonly protocol: string | null;
  /** For the whole handshake. */
  readonly timeoutMs: number;
  /** Null for an answer that cannot be trusted in what it says. */
  readonly headersOf: (response: Response) => AnswerHeaders | null;
  readonly quotesKey: (said: string) => boolean;
}

export function dialSocket(dial: Dial, sink: DialSink): Pick<Sending, 'abort'> {
  const control = new AbortController();
  /** Breaks the connection off, also once it is a socket. */
  const cut = () => control.abort();
  let told = false;
  const tell = (what: () => void): void => {
    if (told) return;
    told = true;
    clearTimeout(timer);
    what();
  };
  const fail = (fault: UpstreamFault): void => {
    tell(() => sink.error(fault));
    cut();
  };
  const timer = setTimeout(() => fail('timeout'), dial.timeoutMs);
  const answered = (response: Response & { readonly webSocket?: RuntimeSocket | null }): void => {
    const headers = dial.headersOf(response);
    const { status, webSocket: ws } = response;
    if (headers === null) fail('broken');
    else if (dial.quotesKey(Object.values(headers).join('\n'))) fail('key-echoed');
    else if (!ws) {
      tell(() => sink.refused(status, headers));
      cut();
    } else if ((headers['sec-websocket-protocol'] ?? null) !== dial.protocol) fail('broken');
    else tell(() => sink.opened(workerSocketEnd(ws, cut), headers));
  };
  const { url, headers } = dial;
  fetch(url, { headers, signal: control.signal, redirect: 'manual' })
    .then(answered)
    .catch(() => fail('broken'));
  return {
    abort() {
      tell(() => {});
      cut();
    },
  };
}
