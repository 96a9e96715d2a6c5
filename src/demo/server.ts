/** Starts the simulator on a socket, for its own process and for tests. */
import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { createDemoApp } from './app.ts';
import { attachRealtime } from './realtime.ts';
import { createState } from './state.ts';

export type DemoOptions = { key: string; host?: string; port?: number };

export type RunningDemo = { url: string; close(): Promise<void> };

export async function startDemo({ key, host = '127.0.0.1', port = 0 }: DemoOptions): Promise<RunningDemo> {
  const state = createState();
  // Plain HTTP/1.1: the adaptor builds a node:http server unless told otherwise.
  const { fetch } = createDemoApp(key, state);
  // The globals of a process that it shares with a gate stay as they are.
  const server = createAdaptorServer({ fetch, overrideGlobalObjects: false }) as Server;
  const closeSockets = attachRealtime(server, key);
  await listening(server, host, port);
  return {
    url: urlOf(server),
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      closeSockets();
      await Promise.all([closed, state.renderer.close()]);
    },
  };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
}

function urlOf(server: Server): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('The simulator listens on TCP only.');
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return `http://${host}:${bound.port}`;
}
