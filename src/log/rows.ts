/** The text of an entry, made again from the row that it tells of. */

import { eq, sql } from 'drizzle-orm';
import type { Db } from '../store/db.node.ts';
import { acts, readmissions, requests, switches } from '../store/schema.ts';
import {
  actEntry,
  capturedEntry,
  type Kind,
  readmittedEntry,
  releasedEntry,
  repeatedEntry,
  requestEntry,
  settledEntry,
  switchEntry,
  unitsEntry,
} from './entry.ts';

/** Null: the row is not there. */
export type EntryText = (kind: Kind, ref: string) => string | null;

export function entriesOf(db: Db): EntryText {
  const id = sql.placeholder('id');
  const request = db.select().from(requests).where(eq(requests.id, id)).prepare();
  const act = db.select().from(acts).where(eq(acts.id, id)).prepare();
  const one = db.select().from(switches).where(eq(switches.id, id)).prepare();
  const readmission = db.select().from(readmissions).where(eq(readmissions.id, id)).prepare();
  const captured = db.$client.prepare<[string], { part: string; commitment: Buffer }>(
    'select part, commitment from captures where request = ? limit 1',
  );
  return (kind, ref) => {
    if (kind === 'captured')
      return said(captured.get(ref), (one) => capturedEntry(ref, one.part, one.commitment.toString('hex')));
    if (kind === 'act') return said(act.get({ id: Number(ref) }), actEntry);
    if (kind === 'switch') return said(one.get({ id: Number(ref) }), switchEntry);
    if (kind === 'released') return said(one.get({ id: Number(ref) }), releasedEntry);
    if (kind === 'readmitted') return said(readmission.get({ id: Number(ref) }), readmittedEntry);
    const row = request.get({ id: ref });
    if (kind === 'request') return said(row, requestEntry);
    if (kind === 'settled') return said(row, settledEntry);
    if (kind === 'units') return said(row, ({ jobUsed }) => unitsEntry(ref, jobUsed));
    return said(row, () => repeatedEntry(ref));
  };
}

function said<Row>(row: Row | undefined, entry: (row: Row) => string): string | null {
  return row === undefined ? null : entry(row);
}
