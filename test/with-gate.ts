/** The whole gate in a temporary directory, started as `portcullis serve` starts it, with real sockets. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Running, start } from '../src/node.ts';

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
  readonly dir: string;
  admin(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  /** A new tester with a token, in the cohort `artists`. */
  tester(id: string, cohort?: string): Promise<string>;
  rows(where?: string): Row[];
  usage(): Used[];
  /** Waits until every row is settled. */
  settled(): Promise<Row[]>;
  sql(text: string): void;
  /** Without the files going: what a stopped gate leaves. */
  stop(): Promise<void>;
  restart(): Promise<void>;
  close(): Promise<void>;
}

export const PERMISSIVE = 'allow: [{ operations: ["*"], models: ["*"] }]';

/** @param cohorts YAML below `cohorts:`; null for the defaults of a start without configuration */
export async function startGate(
  upstream: string | null,
  cohorts: string | null = `artists: { ${PERMISSIVE} }`,
  more = '',
  secrets: Readonly<Record<string, string>> = {},
): Promise<TestGate> {
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-test-'));
  const data = join(dir, 'data');
  const config = join(dir, 'config.yaml');
  // Upstream sees the calls of the test and no others, unless the test says so.
  const trace = /^trace:/m.test(more) ? '' : 'trace: { clips: false }\n';
  writeFileSync(config, `${cohorts === null ? '' : `cohorts:\n  ${cohorts}\n`}${more}\n${trace}`);
  const env = {
    ...secrets,
    PORTCULLIS_DATA_DIR: data,
    PORTCULLIS_CONFIG: config,
    PORTCULLIS_LISTEN: '127.0.0.1:0',
    PORTCULLIS_CONTROL_LISTEN: '127.0.0.1:0',
    ...(upstream === null
      ? {}
      : { PORTCULLIS_UPSTREAM_URL: upstream, PORTCULLIS_UPSTREAM_KEY: 'sk-upstream-canary-key' }),
  };
  let running: Running | null = await start(env, () => {});
  const up = (): Running => {
    if (!running) throw new Error('the gate is stopped');
    return running;
  };
  const read = () => new Database(join(data, 'portcullis.sqlite'), { readonly: true });
  const gate: TestGate = {
    get url() {
      return up().gateway;
    },
    get control() {
      return up().control;
    },
    dir: data,
    async admin(method, path, body) {
      const credential = readFileSync(join(data, 'operator-credential'), 'utf8').trim();
      const answer = await fetch(`${up().control}/admin/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${credential}`,
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        body: body ? JSON.stringify(body) : null,
      });
      const json = (await answer.json()) as Record<string, unknown>;
      if (!answer.ok) throw new Error(`${answer.status} ${JSON.stringify(json)}`);
      return json;
    },
    async tester(id, cohort = 'artists') {
      await gate.admin('POST', 'cohorts', { name: cohort }).catch(() => {});
      await gate.admin('POST', 'testers', { id, cohort });
      return String((await gate.admin('POST', 'tokens', { tester: id })).token);
    },
    rows(where = '1') {
      const db = read();
      const rows = db.prepare<[], Row>(`select * from requests where ${where} order by id`).all();
      db.close();
      return rows;
    },
    usage() {
      const db = read();
      const rows = db.prepare<[], Used>('select * from usage').all();
      db.close();
      return rows;
    },
    async settled() {
      for (let i = 0; i < 200 && gate.rows('outcome is null').length > 0; i++) await sleep(25);
      return gate.rows();
    },
    sql(text) {
      const db = new Database(join(data, 'portcullis.sqlite'));
      db.exec(text);
      db.close();
    },
    async stop() {
      await running?.close(0);
      running = null;
    },
    async restart() {
      await gate.stop();
      running = await start(env, () => {});
    },
    async close() {
      await gate.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return gate;
}

export interface Upstream {
  readonly url: string;
  /** Every request that arrived, with its body. */
  readonly seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[];
  close(): Promise<void>;
}

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
      const body = Buffer.concat(chunks).toString('latin1');
      seen.push({ method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers, body });
      answer(incoming, outgoing);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
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
