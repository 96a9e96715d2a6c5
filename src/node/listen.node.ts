/** Listens on HOST:PORT, and says in words why it cannot. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The URL that it listens on. @throws Error naming the address and the setting. */
export function listen(server: Server, address: string, setting: string): Promise<string> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    server.once('error', (fault: NodeJS.ErrnoException) => {
      const why = fault.code === 'EADDRINUSE' ? 'something else listens there' : fault.message;
      reject(new Error(`Cannot listen on ${address}: ${why}. Set ${setting} to another address.`));
    });
    server.listen(Number(address.slice(colon + 1)), host, () => {
      const { port } = server.address() as AddressInfo;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
    });
  });
}
