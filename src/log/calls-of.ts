/** How many calls each of some testers made since a time: from the index of the log where it reaches, else from rows. */
import type { Db } from '../store/db.node.ts';
import { turn } from '../turn.ts';
import { FACETS } from './facets.ts';
import { Parts, type Stretch } from './parts.ts';

/** Read in one turn: a few milliseconds. */
const ROWS_AT_ONCE = 4_096;

export type CallsOf = (testers: readonly string[], sinceMs: number) => Promise<Map<string, number>>;

interface Counted {
  readonly tester: string;
  readonly calls: number;
}

export function callsOfIn(db: Db): CallsOf {
  const { $client } = db;
  const parts = new Parts(db);
  const indexed = $client.prepare<[string, string], Counted>(
    `select value as tester, sum(count) as calls from facets where "column" = ${FACETS.tester.code}
     and value in (select value from json_each(?)) and block in (select value from json_each(?)) group by value`,
  );
  const end = $client.prepare<[string, string], { id: string }>(
    `select id from requests where id > ? and id < ? order by id limit 1 offset ${ROWS_AT_ONCE - 1}`,
  );
  const rows = $client.prepare<[string, string, number, string], Counted>(
    `select tester, count(*) as calls from requests where id > ? and id < ? and at >= ?
     and tester in (select value from json_each(?)) group by tester`,
  );

  // A tester's rows stand for one call each: only those of strangers are folded.
  return async (testers, sinceMs) => {
    const [calls, names] = [new Map<string, number>(), JSON.stringify(testers)];
    const add = (some: readonly Counted[]) => {
      for (const one of some) calls.set(one.tester, (calls.get(one.tester) ?? 0) + one.calls);
    };
    const asked = { filters: {}, since: sinceMs, until: null };
    const whole: number[] = [];
    const stretches: Stretch[] = [];
    for (const part of parts.in(asked, true)) {
      if (part.block === null) stretches.push(part);
      else if (part.oldest >= sinceMs) whole.push(part.block);
      else stretches.push(part.range);
    }
    // In the same turn: a block may be opened again.
    add(indexed.all(names, JSON.stringify(whole)));
    for (const { after, before } of stretches)
      for (let from = after; from < before; await turn()) {
        const last = end.get(from, before);
        const to = last ? `${last.id}!` : before;
        add(rows.all(from, to, sinceMs, names));
        from = to;
      }
    return calls;
  };
}
