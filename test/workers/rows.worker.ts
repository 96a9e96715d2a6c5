/** A gate and testers' objects that hand each other their rows, and do what a test asks of them. */
import { Outbox } from '../../src/alerts/outbox.ts';
import { Captures } from '../../src/log/captures.ts';
import { Journal } from '../../src/log/journal.ts';
import { makeLogKey, readLogKey } from '../../src/log/log-key.ts';
import { hasherOf } from '../../src/log/merkle.ts';
import { sealing } from '../../src/log/seal.node.ts';
import { Sealer } from '../../src/log/sealer.ts';
import { sha256 } from '../../src/log/sha256.node.ts';
import { Tree } from '../../src/log/tree.ts';
import { applyChanges } from '../../src/store/applied.worker.ts';
import type { Hooks } from '../../src/store/db.node.ts';
import {
  type Migration,
  migrateObject,
  type ObjectStorage,
  objectDatabase,
  objectTransaction,
  rowsOf,
  type Value,
} from '../../src/store/durable.worker.ts';
import { type Change, Feed } from '../../src/store/feed.worker.ts';
import type { Tracked } from '../../src/store/tracked.worker.ts';
import { Writer } from '../../src/store/writer.ts';
import { forgottenIn } from '../../src/worker/forgotten.worker.ts';
import { type Delivery, intakeIn } from '../../src/worker/intake.worker.ts';
import { type Letter, Letters } from '../../src/worker/letters.worker.ts';
import { Outbound } from '../../src/worker/outbox.worker.ts';
import { ARCHIVED, DOWN, UP } from '../../src/worker/tables.worker.ts';
import { type Share, usageIn } from '../../src/worker/usage.worker.ts';
import { openCore } from '../engines/core.ts';

/** Put in by the bundler. */
declare const MIGRATIONS: readonly Migration[];

type Storage = ObjectStorage & { setAlarm(at: number): Promise<void> };
interface Env {
  readonly OBJECTS: {
    get(id: unknown): { fetch(url: string, init: RequestInit): Promise<Response> };
    idFromName(name: string): unknown;
  };
}
interface Asked {
  readonly feed: string;
  readonly seq: number;
  readonly tester?: string | null | undefined;
  readonly most: number;
}
type Act = Parameters<Awaited<ReturnType<typeof openCore>>['admit']>;

const LIMITS = { limits: { requestsPerDay: 100 } };

type Ops = Readonly<Record<string, (...asked: never[]) => unknown>>;

/** What a test may ask of every object. */
function opsOf(storage: Storage, writer: Writer, feeds: Record<string, Feed>) {
  return {
    sql: (text: string, ...values: Value[]) => rowsOf(storage, text, ...values),
    write: (text: string, ...values: Value[]) => writer.write(() => rowsOf(storage, text, ...values)),
    page: ({ feed, seq, tester, most }: Asked) => feeds[feed]?.since(seq, tester, most),
    concerned: (seq: number) => feeds.down?.concerned(seq),
    forget: (feed: string, seq: number) => feeds[feed]?.forget(seq),
    apply: (changes: Change[], tables: readonly Tracked[] = DOWN) =>
      writer.write(() => applyChanges(storage, tables, changes)),
    migrate: (more: Migration[]) => migrateObject(storage, [...MIGRATIONS, ...more]),
    track: (name: string, tables: Tracked[]) => {
      feeds[name] = new Feed(storage, name, tables);
    },
  };
}

async function testerOf(
  storage: Storage,
  object: string,
  deliver: (delivery: Delivery) => Promise<void>,
): Promise<{ ops: Ops; alarm: () => Promise<void> }> {
  const feed = new Feed(storage, 'up', UP);
  const letters = new Letters(storage, new Uint8Array(32));
  // Soon, for a test.
  const setAlarm = (at: number) => storage.setAlarm(Math.min(at, Date.now() + 1_000));
  const ports = { object, deliver, setAlarm, now: Date.now, failed: () => {} };
  const outbound = new Outbound({ feed, letters, ...ports });
  const transaction = (hooks: Hooks) => outbound.around(objectTransaction(storage, hooks));
  const { writer, warden, ...core } = await openCore({ db: objectDatabase(storage), transaction }, LIMITS);
  await warden.settleLost();
  const ops = {
    ...opsOf(storage, writer, { up: feed }),
    join: core.tester,
    call: core.refusal,
    open: async (...asked: Act) => void (await core.admit(...asked)),
    made: async (tester: string, id: string) => {
      const made = [{ id, kind: 'videos', upstreamAt: 1, seconds: 4, isRunning: true }];
      await core.settle(await core.admit(tester, { units: { videoSeconds: 4 } }), { made });
    },
    ended: async (tester: string, id: string) => {
      const jobs = [{ id, failed: false, used: { videoSeconds: 3 } }];
      await core.settle(await core.admit(tester), { jobs });
    },
    letter: (...some: Letter[]) => writer.write(() => some.forEach((one) => void letters.add(one))),
  };
  return { ops, alarm: () => outbound.alarm() };
}

function gateOf(storage: Storage): { ops: Ops; alarm: () => Promise<void> } {
  const feeds = {
    down: new Feed(storage, 'down', DOWN),
    archive: new Feed(storage, 'archive', ARCHIVED, { evenApplied: true }),
  };
  const db = objectDatabase(storage);
  const journal = new Journal(db, sha256);
  const writer = new Writer(objectTransaction(storage, journal), (flush) => void setTimeout(flush, 0));
  const target = { name: 'all', url: 'x', secret: null, format: 'standard', events: ['*'] } as const;
  const outbox = new Outbox(db, [target], Date.now);
  const captures = new Captures(db, journal, sealing, sha256);
  const usage = usageIn({ db, writer, now: Date.now });
  const take = intakeIn({
    ...{ storage, db, journal, captures, outbox, usage },
    forgotten: forgottenIn(storage),
    now: Date.now,
    quietMs: 60_000,
  });
  let manner = 'takes';
  const ops = {
    ...opsOf(storage, writer, feeds),
    /** @param next `takes`, `refuses`, `hangs`, or `loses`: takes it, and the answer is lost */
    manner: (next: string) => {
      manner = next;
    },
    share: (share: Share) => usage.share(share),
    /** From the test's own hand. */
    take: (delivery: Delivery) => writer.write(() => take(delivery)),
    deliver: async (delivery: Delivery) => {
      if (manner === 'hangs') return new Promise<void>(() => {});
      if (manner === 'refuses') throw new Error('not now');
      await writer.write(() => take(delivery));
      if (manner === 'loses') throw new Error('the answer is lost');
    },
    /** @returns text of the key that signed the log */
    seal: async () => {
      const text = JSON.stringify(await makeLogKey());
      const key = await readLogKey(text, sha256);
      const tree = new Tree(db, hasherOf(sha256));
      const ports = { now: Date.now, publish: [], onFault: console.error };
      await new Sealer({ db, tree, writer, key, everyMs: 1e9, ...ports }).close();
      return text;
    },
  };
  return { ops, alarm: async () => {} };
}

/** Its name is `WORLD/gate`, or `WORLD/` and whose it is. */
export class TestObject {
  readonly #storage: Storage;
  readonly #env: Env;
  #open: ReturnType<typeof testerOf> | null = null;

  constructor({ storage }: { storage: Storage }, env: Env) {
    this.#storage = storage;
    this.#env = env;
    migrateObject(storage, MIGRATIONS);
    rowsOf(storage, 'create table if not exists named (name text primary key)');
  }

  async fetch(request: Request): Promise<Response> {
    const [, world = '', name = '', act = ''] = new URL(request.url).pathname.split('/');
    rowsOf(this.#storage, 'insert or ignore into named values (?)', `${world}/${name}`);
    try {
      const op = (await this.#opened()).ops[act];
      if (!op) throw new Error(`no such act: ${act}`);
      return new Response(wired((await op(...(read(await request.text()) as never[]))) ?? null));
    } catch (fault) {
      return new Response(fault instanceof Error ? fault.stack : String(fault), { status: 500 });
    }
  }

  async alarm(): Promise<void> {
    await (await this.#opened()).alarm();
  }

  #opened(): ReturnType<typeof testerOf> {
    const [named] = rowsOf(this.#storage, 'select name from named');
    const [world, name = ''] = String(named?.name).split('/');
    const deliver = async (delivery: Delivery) => {
      const { OBJECTS: objects } = this.#env;
      const gate = objects.get(objects.idFromName(`${world}/gate`));
      const sent = { method: 'POST', body: wired([delivery]) };
      const answer = await gate.fetch(`http://object/${world}/gate/deliver`, sent);
      if (!answer.ok) throw new Error(await answer.text());
    };
    this.#open ??=
      name === 'gate' ? Promise.resolve(gateOf(this.#storage)) : testerOf(this.#storage, name, deliver);
    return this.#open;
  }
}

export default {
  fetch(request: Request, { OBJECTS: objects }: Env): Promise<Response> {
    const [, world, name] = new URL(request.url).pathname.split('/');
    return objects.get(objects.idFromName(`${world}/${name}`)).fetch(request.url, request as RequestInit);
  },
};

/** Calls between objects carry bytes; JSON does not. */
function wired(value: unknown): string {
  return JSON.stringify(value, (_, one) => {
    if (one instanceof ArrayBuffer) return { bytes: Buffer.from(one).toString('base64') };
    return ArrayBuffer.isView(one) ? { bytes: Buffer.from(one as Uint8Array).toString('base64') } : one;
  });
}

function read(text: string): unknown {
  return JSON.parse(text, (_, one) => (one?.bytes ? new Uint8Array(Buffer.from(one.bytes, 'base64')) : one));
}
