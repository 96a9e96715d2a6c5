/** The whole gate as it is deployed, with real sockets: in this process on Node, or in workerd. */
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';

/** Set by the project in vitest.config.ts. */
export const ON_WORKERS = process.env.TEST_RUNTIME === 'workers';
const UPSTREAM_KEY = 'sk-upstream-canary-key';

export interface Row {
  readonly id: string;
  readonly tester: string | null;
  readonly operation: string | null;
  readonly decision: string;
  readonly outcome: string | null;
  readonly detail: string | null;
  readonly rule: string | null;
  readonly status: number | null;
  readonly repeats: number;
  readonly model: string | null;
  readonly seconds: number | null;
  readonly size: string | null;
  readonly path: string;
  readonly bytes_in: number;
  readonly bytes_out: number;
  readonly reserved: string | null;
  readonly used: string | null;
}

export interface Used {
  readonly subject: string;
  readonly unit: string;
  readonly total_used: number;
}

export interface TestGate {
  readonly url: string;
  readonly control: string;
  /** Of the first operator. */
  readonly credential: string;
  /** The files of the store. */
  readonly dir: string;
  /** Every byte that the store has on disk, each as one character. */
  onDisk(): string;
  /** What it keeps for itself: `keys.json`, `log-key.json`, `link-key`. */
  secret(name: string): string;
  admin(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  /** A new tester with a token, in the cohort `artists`. */
  tester(id: string, cohort?: string): Promise<string>;
  /** Objects that upstream has already become the tester's. */
  enter(tester: string, ...ids: string[]): Promise<void>;
  /** What the store holds: on Workers that of the gate's object, once all that its testers' wrote has arrived. @param sql one query */
  read<T>(sql: string): T[];
  /** Of the request log, by id. @param where SQL */
  rows(where?: string): Row[];
  usage(): Used[];
  /** Waits until every row is settled. */
  settled(): Promise<Row[]>;
  /** Written by hand, past the gate. On Workers nobody can. */
  sql(text: string): Promise<void>;
  /** Without the files going: what a stopped gate leaves. */
  stop(): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

export const PERMISSIVE = 'allow: [{ operations: ["*"], models: ["*"] }]';

/**
 * On the runtime of the project that runs the test: Node, or workerd.
 * @param cohorts YAML below `cohorts:`; null for the defaults of a start without configuration
 */
export async function startGate(
  upstream: string | null,
  cohorts: string | null = `artists: { ${PERMISSIVE} }`,
  more = '',
  secrets: Readonly<Record<string, string>> = {},
): Promise<TestGate> {
  // Upstream sees the calls of the test and no others, unless the test says so.
  const trace = /^trace:/m.test(more) ? '' : 'trace: { clips: false }\n';
  const config = `${cohorts === null ? '' : `cohorts:\n  ${cohorts}\n`}${more}\n${trace}`;
  const { startHere } = await (ON_WORKERS ? import('./workers/with-gate.ts') : import('./with-node.ts'));
  const host = await startHere({ upstream, upstreamKey: UPSTREAM_KEY, config, secrets });
  return Object.assign(host, helpers(host));
}

/** What a runtime gives; the rest is the same on all. */
export type Host = Omit<TestGate, Shared>;
type Shared = 'admin' | 'tester' | 'enter' | 'rows' | 'usage' | 'settled';
export interface Start {
  /** Null: the demo. */
  readonly upstream: string | null;
  readonly upstreamKey: string;
  /** YAML. */
  readonly config: string;
  readonly secrets: Readonly<Record<string, string>>;
}

function helpers(host: Host): Pick<TestGate, Shared> {
  const rows = (where = '1') => host.read<Row>(`select * from requests where ${where} order by id`);
  const admin: TestGate['admin'] = async (method, path, body) => {
    const answer = await fetch(`${host.control}/admin/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${host.credential}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      body: body ? JSON.stringify(body) : null,
    });
    const json = (await answer.json()) as Record<string, unknown>;
    if (!answer.ok) throw new Error(`${answer.status} ${JSON.stringify(json)}`);
    return json;
  };
  return {
    admin,
    async tester(id, cohort = 'artists') {
      await admin('POST', 'cohorts', { name: cohort }).catch(() => {});
      await admin('POST', 'testers', { id, cohort });
      return String((await admin('POST', 'tokens', { tester: id })).token);
    },
    async enter(to, ...ids) {
      await admin('POST', 'objects/give', { to, ids });
    },
    rows,
    usage: () => host.read('select * from usage'),
    async settled() {
      for (let i = 0; i < 200 && rows('outcome is null').length > 0; i++) await sleep(25);
      return rows();
    },
  };
}

export interface Upstream {
  readonly url: string;
  /** Every request that arrived, with its body. */
  readonly seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
  /** How many had been sent by now: also those that still wait in its sockets. */
  arrived(): Promise<number>;
  close(): Promise<void>;
}

const ARRIVED = '/arrived';

/** An upstream that records what reaches it, and answers as the test says. */
export async function startUpstream(
  answer: (incoming: IncomingMessage, outgoing: ServerResponse) => void = (_, outgoing) =>
    outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}'),
): Promise<Upstream> {
  const seen: Upstream['seen'] = [];
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      if (incoming.url === ARRIVED) return outgoing.end();
      const body = Buffer.concat(chunks).toString('latin1');
      seen.push({ method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers, body });
      answer(incoming, outgoing);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    seen,
    // A connection that is new is accepted behind those that are there, and read with them at the earliest.
    arrived: () =>
      new Promise((resolve, reject) => {
        get(url + ARRIVED, { agent: false }, (answer) =>
          answer.resume().on('end', () => resolve(seen.length)),
        ).on('error', reject);
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Bytes as they are, over a bare socket; everything that comes back until the connection ends or is quiet. */
export function raw(url: string, text: string, quietMs = 400): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(text, 'latin1'));
    socket.setTimeout(quietMs, () => socket.destroy());
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

export const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export function post(
  url: string,
  token: string,
  body: object,
  path = '/v1/chat/completions',
): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

export const CHAT = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'Hello' }] };

/** Of the answer to a stop: over everybody who lets calls pass. */
export const streamsCut = ({ nodes }: Record<string, unknown>): number =>
  (nodes as { streamsCut: number }[]).reduce((sum, node) => sum + node.streamsCut, 0);
