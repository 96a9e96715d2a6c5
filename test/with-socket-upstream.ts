/** A gate before a realtime upstream that records what reaches it, and does as the test says. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { PERMISSIVE, type Row, sleep, startGate, type TestGate } from './with-gate.ts';
import { dial, type Heard } from './with-realtime.ts';

export interface Seen {
  readonly headers: IncomingMessage['headers'];
  readonly url: string;
  readonly frames: string[];
  closed: number | null;
}

/** Records what reaches it. */
export async function startSocketUpstream() {
  const upstream = {
    url: '',
    seen: [] as Seen[],
    /** Instead of a handshake; '' is silence. */
    refusal: null as string | null,
    /** What it chooses of those that are offered. */
    protocol: 'realtime',
    serve: (_: WebSocket) => {},
    close: async () => {},
  };
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => upstream.protocol });
  const server = createServer((_, outgoing) => outgoing.writeHead(404).end());
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => connections.add(socket));
  server.on('upgrade', (incoming, socket, head) => {
    const { headers, url = '' } = incoming;
    const one: Seen = { headers, url, frames: [], closed: null };
    upstream.seen.push(one);
    socket.on('error', () => {});
    if (upstream.refusal !== null) {
      if (upstream.refusal) socket.end(upstream.refusal);
      return;
    }
    sockets.handleUpgrade(incoming, socket, head, (ws) => {
      ws.on('message', (data) => one.frames.push(String(data)));
      ws.on('close', (code) => {
        one.closed = code;
      });
      ws.on('error', () => {});
      upstream.serve(ws);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  upstream.close = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of connections) socket.destroy();
    });
  return upstream;
}

/** For the tests of a file. @param more YAML of the gate's configuration */
export function withSocketUpstream(more: string) {
  let running: { gate: TestGate; token: string; narrow: string };
  let upstream: Awaited<ReturnType<typeof startSocketUpstream>>;
  beforeAll(async () => {
    upstream = await startSocketUpstream();
    const cohorts = `artists: { ${PERMISSIVE} }
  narrow: { allow: [{ operations: ["realtime.*"], models: ["gpt-realtime-mini"] }], limits: { concurrent: 1 } }`;
    const gate = await startGate(upstream.url, cohorts, more);
    running = { gate, token: await gate.tester('ada'), narrow: await gate.tester('nora', 'narrow') };
  });
  afterAll(async () => {
    await running.gate.close();
    await upstream.close();
  });
  beforeEach(() => {
    upstream.refusal = null;
    upstream.serve = (ws) => ws.send('{"type":"session.created"}');
  });
  return {
    get gate() {
      return running.gate;
    },
    get token() {
      return running.token;
    },
    /** Of a tester who may use `gpt-realtime-mini` only, once at a time. */
    get narrow() {
      return running.narrow;
    },
    get upstream() {
      return upstream;
    },
    /** What reached upstream last. */
    get seen(): Seen | undefined {
      return upstream.seen.at(-1);
    },
    last: async (): Promise<Row | undefined> => (await running.gate.settled()).at(-1),
    stop: (scope: string, reason: string) => running.gate.admin('POST', 'switches', { scope, reason }),
    release: (scope: string) => running.gate.admin('POST', 'switches/release', { scope, reason: 'test' }),
    dial: (options: Parameters<typeof dial>[1]) => dial(running.gate.url, options),
    /** A socket that is open, as a tester of everything unless told otherwise. */
    async open(options: Parameters<typeof dial>[1] = { token: running.token }): Promise<Heard> {
      const one = dial(running.gate.url, options);
      expect((await one.opened).status).toBe(101);
      await one.heard('session.created');
      return one;
    },
  };
}

export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300 && !(await holds()); i++) await sleep(10);
  expect(await holds()).toBe(true);
}
