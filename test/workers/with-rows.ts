/** Objects under workerd that a test speaks to, each test to its own gate and testers. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { Captured } from '../../src/log/captures.ts';
import { leavesIn, readLeaf } from '../../src/log/leaf.ts';
import type { Value } from '../../src/store/durable.worker.ts';
import type { Change, Page } from '../../src/store/feed.worker.ts';
import type { Tracked } from '../../src/store/tracked.worker.ts';
import type { Delivery } from '../../src/worker/intake.worker.ts';
import type { Letter } from '../../src/worker/letters.worker.ts';
import { bundle, startWorkerd } from '../engines/with-workerd.ts';

type Rows = Record<string, Value>[];
export type Obj = ReturnType<typeof objectAt>;

/** @param url of workerd; a function, for it may be started again */
export function objectAt(url: () => string, world: string, name: string) {
  const ask = async <T>(act: string, ...args: unknown[]): Promise<T> => {
    const sent = { method: 'POST', body: JSON.stringify(args) };
    const answer = await fetch(`${url()}/${world}/${name}/${act}`, sent);
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return JSON.parse(text) as T;
  };
  return {
    name: `${world}/${name}`,
    ask,
    sql: (text: string, ...values: Value[]) => ask<Rows>('sql', text, ...values),
    write: (text: string, ...values: Value[]) => ask<Rows>('write', text, ...values),
    /** Of the tester whose object it is; of everything without. */
    page: (feed: string, seq = 0, tester?: string | null, most = 1_000) =>
      ask<Page>('page', { feed, seq, tester, most }),
    apply: (changes: readonly Change[], tables?: readonly Tracked[]) =>
      ask('apply', changes, ...(tables ? [tables] : [])),
    take: (delivery: Delivery) => ask('take', delivery),
    letter: (...letters: Letter[]) => ask('letter', ...letters),
    async count(table: string, where = '1'): Promise<number> {
      const [row] = await ask<Rows>('sql', `select count(*) as n from "${table}" where ${where}`);
      return Number(row?.n);
    },
  };
}

export function captureLetter(captured: Partial<Captured> & { request: string }, text: string): Letter {
  const bytes = { bytes: Buffer.from(text).toString('base64') } as unknown as Uint8Array;
  const about = { tester: 'ada', at: 1, prompt: text, ...captured };
  return { kind: 'capture', how: 'full', captured: { ...about, body: bytes } };
}

/** Resolves when it holds. */
export async function until(holds: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  for (const end = Date.now() + withinMs; !(await holds()); ) {
    if (Date.now() > end) throw new Error('it does not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Everything that the object had to tell has been taken. */
export const delivered = (object: Obj) =>
  until(async () => (await object.count('feed_up')) + (await object.count('letters')) === 0);

export const ids = async (object: Obj, table: string, key = 'id') =>
  (await object.sql(`select "${key}" as id from "${table}" order by 1`)).map(({ id }) => id);

/** How many entries of each kind are in its tree. */
export async function kinds(object: Obj): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { entries } of await object.sql('select entries from leaves order by first')) {
    const leaves = Buffer.from((entries as unknown as { bytes: string }).bytes, 'base64');
    for (let i = 0; i < leavesIn(leaves); i++) {
      const kind = readLeaf(leaves, i)?.kind ?? 'none';
      found[kind] = (found[kind] ?? 0) + 1;
    }
  }
  return found;
}

/** workerd with worlds of a gate and testers. */
export async function startRows() {
  const { text } = await bundle('test/workers/rows.worker.ts');
  let workerd = await startWorkerd(text);
  let worlds = 0;

  /** A gate with a cohort of three testers, and their objects. `tell` hands on what the gate has for two of them. */
  const world = async () => {
    const name = `world-${worlds++}`;
    const at = (one: string) => objectAt(() => workerd.url, name, one);
    const [gate, ada, bob, eve] = [at('gate'), at('ada'), at('bob'), at('eve')];
    await gate.write("insert into cohorts (name) values ('artists')");
    for (const id of ['ada', 'bob', 'eve'])
      await gate.write(`insert into testers (id, cohort) values ('${id}', 'artists')`);
    const told = { ada: 0, bob: 0 };
    const tell = async (who: 'ada' | 'bob', most?: number): Promise<number> => {
      for (let n = 0; ; ) {
        const { seq, changes, more } = await gate.page('down', told[who], who, most);
        await (who === 'ada' ? ada : bob).apply(changes);
        told[who] = seq;
        n += changes.length;
        if (!more) return n;
      }
    };
    return { gate, ada, bob, eve, tell };
  };

  /** … whose objects let them call. */
  const joined = async () => {
    const all = await world();
    for (const [id, object] of [
      ['ada', all.ada],
      ['bob', all.bob],
      ['eve', all.eve],
    ] as const) {
      await object.ask('join', id);
      await all.gate.write(`insert into tokens (jti, tester, expires_at) values ('token-${id}', '${id}', 9)`);
      await delivered(object);
    }
    return all;
  };

  return {
    ...{ world, joined },
    end: () => workerd.end(),
    close: () => workerd.close(),
    /** After its end, with the same objects. */
    async again(): Promise<void> {
      workerd = await startWorkerd(text, { dir: workerd.dir });
    },
    /** The database of an object. */
    fileOf({ name }: Obj): string {
      const files = readdirSync(workerd.disk).filter((file) => /^[0-9a-f]+\.sqlite$/.test(file));
      const found = files.find((file) => {
        const db = new Database(join(workerd.disk, file));
        const there = db.prepare('select name from named').get() as { name: string };
        db.close();
        return there.name === name;
      });
      return join(workerd.disk, found ?? 'none');
    },
  };
}
