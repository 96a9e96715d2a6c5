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
