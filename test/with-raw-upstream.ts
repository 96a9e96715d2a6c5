/** An upstream that answers every request with the bytes it is told, and can do what no HTTP server does. */
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface RawUpstream {
  readonly url: string;
  /** Every request as it came, byte for byte. */
  readonly seen: string[];
  /** What is done with a connection once a request has come. */
  serve: (socket: Socket) => void;
  close(): Promise<void>;
}

export async function startRawUpstream(): Promise<RawUpstream> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    let head = '';
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    socket.on('data', (chunk) => {
      head += chunk.toString('latin1');
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      const end = head.indexOf('\r\n\r\n') + 4;
      if (end < 4 || head.length < end + length) return;
      upstream.seen.push(head);
      head = '';
      upstream.serve(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const upstream: RawUpstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    serve: (socket) => socket.end(),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
  return upstream;
}

export const OK = 'HTTP/1.1 200 OK\r\n';

/** What is no whole answer, or has two meanings. */
export const NO_ANSWERS: readonly (readonly [what: string, bytes: string])[] = [
  ['nothing', ''],
  ['another protocol', 'SSH-2.0-x\r\n'],
  ['half a head', `${OK}Content-Ty`],
  ['a head of 100 kB', `${OK}X: ${'a'.repeat(100_000)}\r\nContent-Length: 2\r\n\r\n{}`],
  ['100 kB of small headers', `${OK}${'X-Filler: abcdefgh\r\n'.repeat(5_000)}Content-Length: 2\r\n\r\n{}`],
  ['both framings', `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
  ['two lengths', `${OK}Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}`],
  ['a length beyond 64 bits', `${OK}Content-Length: 99999999999999999999\r\n\r\n{}`],
  ['bare line feeds', `${OK}ETag: a\r\nContent-Length: 2\r\n\r\n{}`.replaceAll('\r', '')],
  ['a carriage return in a value', `${OK}ETag: a\rSet-Cookie: x\r\nContent-Length: 2\r\n\r\n{}`],
  ['a NUL in a value', `${OK}ETag: a\0b\r\nContent-Length: 2\r\n\r\n{}`],
  ['a change of protocol', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
  ['a status of 000', 'HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\n{}'],
  ['no chunk after a good head', `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
  ['no body after a good head', `${OK}Content-Length: 9\r\n\r\n`],
];
