/** The gate takes in what testers' objects deliver: their rows, with entries of its own log's tree, and their letters. */

import { prepareStatements } from '../admission/statements.ts';
import type { Outbox } from '../alerts/outbox.ts';
import type { Clock } from '../deps.ts';
import type { Captures } from '../log/captures.ts';
import type { RequestRow } from '../log/entry.ts';
import { timeOf } from '../log/id.ts';
import type { Journal } from '../log/journal.ts';
import { entriesOf } from '../log/rows.ts';
import { applyChanges } from '../store/applied.worker.ts';
import type { Db } from '../store/db.node.ts';
import { type ObjectStorage, rowsOf } from '../store/durable.worker.ts';
import type { Change } from '../store/feed.worker.ts';
import type { Forgotten } from './forgotten.worker.ts';
import type { Letter } from './letters.worker.ts';
import { BOTH_WAYS, UP } from './tables.worker.ts';
import type { usageIn } from './usage.worker.ts';

export interface Delivery {
  /** The name of the object. */
  readonly object: string;
  /** Of the newest change in it. */
  readonly seq: number;
  readonly changes: readonly Change[];
  /** True: more was committed by then than is in it. */
  readonly more: boolean;
  readonly letters: readonly Letter[];
}

export interface IntakeParts {
  readonly storage: ObjectStorage;
  readonly db: Db;
  readonly journal: Journal;
  readonly captures: Captures;
  readonly forgotten: Pick<Forgotten, 'has'>;
  readonly outbox: Outbox;
  readonly usage: Pick<ReturnType<typeof usageIn>, 'count' | 'letGo'>;
  readonly now: Clock;
  /** As the warden's. */
  readonly quietMs: number;
}

/**
 * @returns takes a delivery, inside a writer's job. The same one again changes nothing, nor does one that a newer one has
 * overtaken: the rows of calls only ever go on, and what can go back, counters, is taken from the newest alone.
 */
export function intakeIn(parts: IntakeParts): (delivery: Delivery) => void {
  const { storage, db, captures, forgotten, outbox, usage } = parts;
  const heard = heardIn(storage);
  const calls = callsIn(parts);
  const kept = db.$client.prepare<[string]>('select 1 from captures where request = ?');
  const read = (letter: Letter) => {
    if (letter.kind === 'alert') return void outbox.add(letter.event, letter.message);
    const { how, captured } = letter;
    if (!kept.get(captured.request) && !forgotten.has(captured)) captures.keep(how, captured);
  };

  return ({ object, seq, changes, more, letters }) => {
    const isNewest = heard(object, seq);
    // Nobody's word but the gate's takes a row away.
    const rows = changes.filter(({ table, row }) => row && (isNewest || !COUNTERS.has(table)));
    const ids = rows.flatMap(({ table, key }) => (table === 'requests' ? [String(key[0])] : []));
    const before = ids.map((id) => calls.read(id));
    applyChanges(storage, TAKEN, rows, BOTH_WAYS);
    for (const [i, id] of ids.entries()) calls.enter(id, before[i]);
    for (const { table, row } of rows) if (table === 'usage' && row) usage.count(object, row);
    if (!more) usage.letGo(object);
    for (const letter of letters) read(letter);
  };
}

const COUNTERS: ReadonlySet<string> = new Set(['usage', 'limits']);
/** Use is added up over the objects. */
const TAKEN = UP.filter(({ table }) => table !== 'usage');

/** True unless a newer delivery of the object has come already. */
function heardIn(storage: ObjectStorage): (object: string, seq: number) => boolean {
  rowsOf(
    storage,
    'create table if not exists heard (object text primary key, seq integer not null) without rowid',
  );
  return (object, seq) => {
    const [told] = rowsOf(
      storage,
      `insert into heard values (?, ?) on conflict (object) do update set seq = max(seq, excluded.seq) returning seq`,
      object,
      seq,
    );
    return told?.seq === seq;
  };
}

/** Entries as the warden's journal writes them where there is one database: made from the rows, as who verifies makes them. */
function callsIn({ db, journal, now, quietMs }: IntakeParts) {
  const entry = entriesOf(db);
  const { reopen } = prepareStatements(db);
  const row = db.$client.prepare<[string], Call>(
    'select decision, outcome, job_used as jobUsed, repeats from requests where id = ?',
  );
  const leaf = db.$client.prepare('update requests set leaf = ? where id = ?');
  const settledLeaf = db.$client.prepare('update requests set settled_leaf = ? where id = ?');
  const append = (kind: 'request' | 'settled' | 'units' | 'repeated', id: string) =>
    journal.append(kind, id, entry(kind, id) ?? '');

  return {
    read: (id: string) => row.get(id),
    enter(id: string, before: Call | undefined): void {
      const call = row.get(id);
      if (!call) return;
      if (!before) leaf.run(append('request', id), id);
      // A refused call is entered whole.
      if (call.decision === 'allowed' && call.outcome !== null && (before?.outcome ?? null) === null)
        settledLeaf.run(append('settled', id), id);
      if (call.jobUsed !== (before?.jobUsed ?? null)) append('units', id);
      for (let n = before?.repeats ?? 1; n < call.repeats; n++) append('repeated', id);
      const isOther = !before || before.repeats !== call.repeats;
      if (isOther && now() - timeOf(id) > quietMs / 2) reopen.run({ id });
    },
  };
}

type Call = Pick<RequestRow, 'decision' | 'outcome' | 'jobUsed' | 'repeats'>;
