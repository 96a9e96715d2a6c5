/** Whose an object at upstream is, over all testers: the gate alone can tell. */
import { printable } from '../printable.ts';
import { rowsOf } from '../store/durable.worker.ts';
import type { GateParts } from './gate-parts.worker.ts';

/** An id is kept for a tester before the row of the object comes: nobody else can make it theirs meanwhile. */
export function ownershipIn({ storage, writer }: Pick<GateParts, 'storage' | 'writer'>) {
  storage.sql.exec(
    'create table if not exists reserved (id text primary key, tester text not null) without rowid',
  );
  const ownerOf = (id: string): string | null => {
    const text = `select tester from objects where id = ?1 union all select tester from reserved where id = ?1 limit 1`;
    const [row] = rowsOf(storage, text, id);
    return row ? String(row.tester) : null;
  };
  return {
    foreign(ids: readonly string[], tester: string): ReadonlyMap<string, string> {
      const owned = ids.map((id) => [id, ownerOf(id) ?? tester] as const);
      return new Map(owned.filter(([, owner]) => owner !== tester));
    },
    /** Durable when it resolves. All of them or none. @returns why not */
    reserve(tester: string, ids: readonly string[]): Promise<string | null> {
      return writer.write(() => {
        const taken = ids.find((id) => (ownerOf(id) ?? tester) !== tester);
        if (taken !== undefined) return `${printable(taken)} is already ${ownerOf(taken)}'s`;
        for (const id of ids) storage.sql.exec('insert or ignore into reserved values (?, ?)', id, tester);
        return null;
      });
    },
  };
}
