/** An end of a WebSocket over a runtime that can neither pause nor ping: what it does at moments that no peer can bring about. */
import { expect, test, vi } from 'vitest';
import { type RuntimeSocket, workerSocketEnd } from '../../src/gateway/socket-end.worker.ts';

function started() {
  const handlers = new Map<string, (event: never) => void>();
  const did: unknown[] = [];
  const ws = {
    binaryType: 'blob',
    bufferedAmount: 0,
    accept: () => {},
    send: (data: string | Uint8Array) => {
      did.push(data);
      ws.bufferedAmount += data.length;
    },
    close: (...how: unknown[]) => void did.push(['close', ...how]),
    addEventListener: (type: string, handler: (event: never) => void) => handlers.set(type, handler),
  };
  const end = workerSocketEnd(ws as RuntimeSocket, () => did.push('cut'));
  const heard: unknown[] = [];
  end.listen({
    frame: (data, binary) => heard.push([String(Buffer.from(data)), binary]),
    pong: () => heard.push('pong'),
    broke: (why) => heard.push(['broke', why]),
    closed: (code, reason) => heard.push(['closed', code, reason]),
  });
  const tell = (type: string, event: object) => handlers.get(type)?.(event as never);
  return { ws, end, did, heard, tell };
}
const bytes = (text: string) => new TextEncoder().encode(text);

test('frames that came while nothing was read are heard in their order, and the farewell behind them', () => {
  const { end, heard, tell } = started();
  end.pause();
  tell('message', { data: 'one' });
  tell('message', { data: bytes('two').buffer });
  tell('close', { code: 4000, reason: 'bye' });
  expect(heard).toEqual([]);
  end.resume();
  expect(heard).toEqual([
    ['one', false],
    ['two', true],
    ['closed', 4000, 'bye'],
  ]);
});

test('a connection that is lost is gone, and one that broke the protocol says how', () => {
  const lost = started();
  lost.tell('error', { message: 'Uncaught Error: Network connection lost.' });
  lost.tell('close', { code: 1000, reason: '' });
  expect(lost.heard).toEqual([['closed', 1006, '']]);
  const broke = started();
  broke.tell('error', { message: 'protocolError.statusCode = 1002; protocolError.description = Bad mask' });
  expect(broke.heard).toEqual([['broke', 'Bad mask']]);
});

test('a text goes out as it was judged, a byte order mark included', () => {
  const { end, did } = started();
  end.send(bytes('\ufeff{}'), false, () => {});
  expect(did).toEqual(['\ufeff{}']);
});

test('the runtime is given little ahead: what it has not been given, breaking off takes back', () => {
  vi.useFakeTimers();
  const { ws, end, did } = started();
  const sent: number[] = [];
  for (let i = 0; i < 4; i++) end.send(new Uint8Array(200_000), true, () => sent.push(i));
  expect([did.length, end.buffered]).toEqual([2, 800_000]);
  ws.bufferedAmount -= 200_000;
  vi.advanceTimersByTime(20);
  expect([did.length, sent]).toEqual([3, [0]]);
  end.terminate();
  ws.bufferedAmount = 0;
  vi.advanceTimersByTime(1_000);
  expect([did.length, did.at(-1)]).toEqual([4, 'cut']);
  vi.useRealTimers();
});

test('a peer that does not answer our farewell is cut', () => {
  vi.useFakeTimers();
  const { end, did, heard, tell } = started();
  end.close(1001, 'away');
  tell('message', { data: 'late' });
  vi.advanceTimersByTime(10_000);
  expect([did, heard]).toEqual([[['close', 1001, 'away'], 'cut'], []]);
  vi.useRealTimers();
});
