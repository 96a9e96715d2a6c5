/** The floor: bare node:http and undici's dispatcher with no checks at all. Prints its URL. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client, type Dispatcher } from 'undici';

const origin = process.argv[2] ?? '';
const free: Client[] = [];

class PassOn implements Dispatcher.DispatchHandler {
  readonly #client: Client;
  readonly #outgoing: ServerResponse;

  constructor(client: Client, outgoing: ServerResponse) {
    this.#client = client;
    this.#outgoing = outgoing;
  }

  onRequestStart(): void {}

  onResponseStart(_c: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    const { 'content-type': type = '', 'content-length': length = '' } = headers;
    this.#outgoing.writeHead(status, ['content-type', String(type), 'content-length', String(length)]);
  }

  onResponseData(_c: unknown, chunk: Buffer): void {
    this.#outgoing.write(chunk);
  }

  onResponseEnd(): void {
    free.push(this.#client);
    this.#outgoing.end();
  }

  onResponseError(): void {
    this.#outgoing.destroy();
  }
}

const server = createServer((incoming, outgoing) => {
  const chunks: Buffer[] = [];
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
  incoming.on('end', () => {
    const client = free.pop() ?? new Client(origin, { pipelining: 1 });
    const body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
    const headers = ['content-type', 'application/json', 'authorization', 'Bearer key'];
    client.dispatch(
      { method: 'POST', path: incoming.url ?? '/', headers, body },
      new PassOn(client, outgoing),
    );
  });
});
server.listen(0, '127.0.0.1', () =>
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
);
