/** Whose texts were forgotten, and when: a text of before that, still on its way from the tester's object, is not kept. */
import type { Captured } from '../log/captures.ts';
import { type ObjectStorage, rowsOf } from '../store/durable.worker.ts';

export type Forgotten = ReturnType<typeof forgottenIn>;

export function forgottenIn(storage: ObjectStorage) {
  rowsOf(
    storage,
    'create table if not exists forgotten (tester text primary key, at integer not null) without rowid',
  );
  return {
    /** Runs inside a writer's job. @param at Unix milliseconds */
    add(tester: string, at: number): void {
      rowsOf(storage, 'insert or replace into forgotten values (?, ?)', tester, at);
    },
    has({ tester, at }: Pick<Captured, 'tester' | 'at'>): boolean {
      return rowsOf(storage, 'select 1 from forgotten where tester = ? and at >= ?', tester, at).length > 0;
    },
  };
}
