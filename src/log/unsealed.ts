/** Rows that the log's tree knows nothing of: somebody wrote them past the gate. */
import type { Clock } from '../deps.ts';
import type { Db } from '../store/db.node.ts';
import type { Writer } from '../store/writer.ts';
import { insertAct } from './acts.ts';
import { leavesIn, readLeaf } from './leaf.ts';
import type { Tree } from './tree.ts';

/** Rows that were there before the tree began; its subject is `requests up to ID`. */
export const TREE_BEGUN = 'log.begin';
const SUBJECT = /^requests up to ([0-9a-f-]{36})$/;

interface Unsealed {
  readonly entry: number | null;
  readonly what: string;
}

/** @param sealed rows of requests whose leaves are as they should be @param repeats counted refusals, by row */
export function unsealedRows(
  { $client: db }: Db,
  tree: Tree,
  sealed: number,
  repeats: ReadonlyMap<string, number>,
): Unsealed[] {
  const before = begun(db);
  const [{ n } = { n: 0 }] = db
    .prepare<[string], { n: number }>('select count(*) as n from requests where id > ?')
    .all(before);
  const found = n === sealed ? [] : inserted(db, tree, before);
  const counts = db.prepare<[string], { id: string; repeats: number; leaf: number | null }>(
    'select id, repeats, leaf from requests where repeats > 1 and id > ?',
  );
  for (const { id, repeats: said, leaf } of counts.iterate(before))
    if (said !== 1 + (repeats.get(id) ?? 0))
      found.push({
        entry: leaf,
        what: `request ${id}: it counts ${said} refusals, and the tree ${1 + (repeats.get(id) ?? 0)}`,
      });
  return found;
}

function inserted(db: Db['$client'], tree: Tree, before: string): Unsealed[] {
  const rows = db.prepare<[string], { id: string; leaf: number | null }>(
    'select id, leaf from requests where id > ? order by id',
  );
  const found: Unsealed[] = [];
  for (const { id, leaf } of rows.iterate(before))
    if (leaf === null || refAt(tree, leaf) !== id)
      found.push({
        entry: leaf,
        what: `request ${id}: the row was inserted past the gate; the tree has no entry for it`,
      });
  return found;
}

function refAt(tree: Tree, index: number): string | null {
  for (const { first, entries } of tree.blocks(index, index + 1)) {
    if (index < first || index >= first + leavesIn(entries)) continue;
    const leaf = readLeaf(entries, index - first);
    return leaf?.kind === 'request' ? leaf.ref : null;
  }
  return null;
}

function begun(db: Db['$client']): string {
  const act = db
    .prepare<[string], { subject: string }>(
      'select subject from acts where act = ? and leaf is not null order by id',
    )
    .get(TREE_BEGUN);
  return SUBJECT.exec(act?.subject ?? '')?.[1] ?? '';
}

/** Rows of a log that is older than its tree have no entries: an act says up to where, before the first one has. */
export async function beginTree(db: Db, writer: Writer, now: Clock): Promise<void> {
  const first = db.$client.prepare<[], { id: string | null }>(
    'select max(id) as id from requests where not exists (select 1 from leaves)',
  );
  const id = first.get()?.id ?? null;
  if (id === null) return;
  const actor = { operator: 'portcullis', address: null };
  const act = { at: now(), act: TREE_BEGUN, subject: `requests up to ${id}` };
  await writer.write(() => insertAct(db, actor, act));
}
