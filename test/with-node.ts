/** The gate in this process, in a temporary directory, started as `portcullis serve` starts it. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type Running, start } from '../src/node.ts';
import type { Host, Start } from './with-gate.ts';

export async function startHere({ upstream, upstreamKey, config, secrets }: Start): Promise<Host> {
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-test-'));
  const data = join(dir, 'data');
  const file = join(dir, 'config.yaml');
  writeFileSync(file, config);
  const env = {
    ...secrets,
    PORTCULLIS_DATA_DIR: data,
    PORTCULLIS_CONFIG: file,
    PORTCULLIS_LISTEN: '127.0.0.1:0',
    PORTCULLIS_CONTROL_LISTEN: '127.0.0.1:0',
    ...(upstream === null ? {} : { PORTCULLIS_UPSTREAM_URL: upstream, PORTCULLIS_UPSTREAM_KEY: upstreamKey }),
  };
  let running: Running | null = await start(env, () => {});
  const up = (): Running => {
    if (!running) throw new Error('the gate is stopped');
    return running;
  };
  const host: Host = {
    get url() {
      return up().gateway;
    },
    get control() {
      return up().control;
    },
    get credential() {
      return host.secret('operator-credential');
    },
    dir: data,
    onDisk: () =>
      readdirSync(data)
        .filter((name) => name.startsWith('portcullis.sqlite'))
        .map((name) => readFileSync(join(data, name), 'latin1'))
        .join(),
    secret: (name) => readFileSync(join(data, name), 'utf8').trim(),
    read<T>(sql: string) {
      const db = new Database(join(data, 'portcullis.sqlite'), { readonly: true });
      const found = db.prepare<[], T>(sql).all();
      db.close();
      return found;
    },
    async sql(text) {
      const db = new Database(join(data, 'portcullis.sqlite'));
      db.exec(text);
      db.close();
    },
    async stop() {
      await running?.close(0);
      running = null;
    },
    async restart() {
      await host.stop();
      running = await start(env, () => {});
    },
    async close() {
      await host.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return host;
}
