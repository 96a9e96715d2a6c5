/** The SDKs' realtime clients and bare sockets, with everything they hear kept. */
import { connect } from 'node:net';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import OpenAI6 from 'openai6';
import { OpenAIRealtimeWS as OpenAIRealtimeWS6 } from 'openai6/realtime/ws';
import { WebSocket } from 'ws';

type Event = { readonly type: string } & Readonly<Record<string, unknown>>;

/** The SDKs speak wss only; this carries it over a bare connection, as a TLS proxy in front of us would hand it on. */
const PLAIN = {
  createConnection: ((options: { host: string; port: number }) =>
    connect({ host: options.host, port: options.port })) as never,
};

type Realtime = Pick<OpenAIRealtimeWS, 'socket' | 'close' | 'send'> & {
  on(name: 'event' | 'error', listener: (event: never) => void): unknown;
};

export const SDKS: [string, (baseURL: string, apiKey: string, model?: string) => Realtime][] = [
  [
    'openai 7.57',
    (baseURL, apiKey, model = 'gpt-realtime') =>
      new OpenAIRealtimeWS({ model, options: PLAIN }, new OpenAI({ baseURL, apiKey })),
  ],
  [
    'openai 6.49',
    (baseURL, apiKey, model = 'gpt-realtime') =>
      new OpenAIRealtimeWS6(
        { model, options: PLAIN },
        new OpenAI6({ baseURL, apiKey }),
      ) as unknown as Realtime,
  ],
];

/** Asks for one answer in text and closes; every event up to `response.done`. */
export function conversation(realtime: Realtime, prompt: string): Promise<Event[]> {
  const events: Event[] = [];
  return new Promise((resolve, reject) => {
    realtime.on('error', reject);
    realtime.on('event', (event: Event) => {
      events.push(event);
      if (event.type !== 'response.done') return;
      realtime.close();
      resolve(events);
    });
    realtime.socket.on('open', () => {
      realtime.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } });
      realtime.send({ type: 'conversation.item.create', item: userItem(prompt) });
      realtime.send({ type: 'response.create' });
    });
  });
}

export function userItem(text: string) {
  return {
    type: 'message' as const,
    role: 'user' as const,
    content: [{ type: 'input_text' as const, text }],
  };
}

export interface Heard {
  readonly ws: WebSocket;
  readonly events: Event[];
  /** Resolves when it is open, or was refused: then with the status and the body. */
  readonly opened: Promise<{ status: number; body: string; headers: Record<string, unknown> }>;
  readonly closed: Promise<{ code: number; reason: string }>;
  send(event: object): void;
  /** The next event of this type, past ones included. */
  heard(type: string): Promise<Event>;
}

/** A bare client of `/v1/realtime`. */
export function dial(
  url: string,
  { token, protocols = [], path = '/v1/realtime?model=gpt-realtime', headers = {} }: DialOptions,
): Heard {
  const ws = new WebSocket(url.replace('http', 'ws') + path, protocols, {
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
  });
  const events: Event[] = [];
  ws.on('error', () => {});
  ws.on('message', (data) => events.push(JSON.parse(String(data))));
  const opened: Heard['opened'] = new Promise((resolve, reject) => {
    ws.on('upgrade', ({ headers }) => resolve({ status: 101, body: '', headers }));
    ws.on('unexpected-response', (_, response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
      );
    });
    ws.on('close', () => reject(new Error('closed before it was open')));
  });
  opened.catch(() => {});
  return {
    ws,
    events,
    opened,
    closed: new Promise((resolve) =>
      ws.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
    ),
    send: (event) => ws.send(JSON.stringify(event)),
    heard: (type) =>
      new Promise((resolve) => {
        const look = () => {
          const found = events.find((event) => event.type === type);
          if (found) resolve(found);
          return found !== undefined;
        };
        if (!look()) ws.on('message', look);
      }),
  };
}

interface DialOptions {
  readonly token?: string;
  readonly protocols?: string[];
  readonly path?: string;
  readonly headers?: Record<string, string>;
}
