/** Objects under workerd that a test speaks to, each test to its own gate and testers. */
import type { Captured } from '../../src/log/captures.ts';
import type { Value } from '../../src/store/durable.worker.ts';
import type { Change, Page } from '../../src/store/feed.worker.ts';
import type { Tracked } from '../../src/store/tracked.worker.ts';
import type { Delivery } from '../../src/worker/intake.worker.ts';
import type { Letter } from '../../src/worker/letters.worker.ts';

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
