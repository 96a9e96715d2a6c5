/** Appends leaves to the log's tree, in the transaction of the rows that they tell of: neither is there without the other. */
import type { Db } from '../store/db.node.ts';
import type { acts, readmissions, switches } from '../store/schema.ts';
import { actEntry, type Kind, readmittedEntry, releasedEntry, switchEntry } from './entry.ts';
import { LEAF_BYTES, writeLeaf } from './leaf.ts';
import type { Sha256 } from './merkle.ts';

/** Most entries are far shorter; a longer one gets a buffer of its own. */
const USUAL_BYTES = 64 * 1024;

type Act = typeof acts.$inferSelect;
type Readmission = typeof readmissions.$inferSelect;
type Switch = typeof switches.$inferSelect;

export class Journal {
  readonly #sha256: Sha256;
  readonly #statements: ReturnType<typeof statementsOf>;
  readonly #encoder = new TextEncoder();
  /** Its first byte is that of a leaf (RFC 6962 section 2.1). */
  readonly #usual = new Uint8Array(USUAL_BYTES);
  #pending: Buffer[] = [];
  #first: number | null = null;

  /** @param onSwitch hears, within the transaction, of each change of a switch, whoever wrote it */
  constructor(db: Db, sha256: Sha256, onSwitch: (change: SwitchChange) => void = () => {}) {
    this.#sha256 = sha256;
    this.#statements = statementsOf(db, onSwitch);
  }

  /** A transaction begins; what an earlier one did not commit is no more. */
  begin(): void {
    this.#pending = [];
    this.#first = null;
  }

  /** Runs inside a writer's job. @returns the leaf's index in the tree */
  append(kind: Kind, ref: string, entry: string): number {
    const index = this.next;
    this.#pending.push(writeLeaf({ kind, ref, hash: this.#hash(entry) }));
    return index;
  }

  /** The index of the leaf that is appended next. */
  get next(): number {
    this.#first ??= this.#size();
    return this.#first + this.#pending.length;
  }

  /** Right before the commit. Acts and switches that somebody wrote by hand get their leaves here, like all others. */
  flush(): void {
    const { unsealed, insert } = this.#statements;
    for (const sealAll of unsealed) sealAll((kind, ref, entry) => this.append(kind, ref, entry));
    if (this.#pending.length > 0) insert.run(this.#first, Buffer.concat(this.#pending));
  }

  #size(): number {
    const last = this.#statements.last.get();
    return last ? last.first + last.bytes / LEAF_BYTES : 0;
  }

  #hash(entry: string): Uint8Array {
    const room = 1 + entry.length * 3;
    const bytes = room <= USUAL_BYTES ? this.#usual : new Uint8Array(room);
    const { written } = this.#encoder.encodeInto(entry, bytes.subarray(1));
    return this.#sha256(bytes.subarray(0, 1 + written));
  }
}

type Append = (kind: Kind, ref: string, entry: string) => number;

/** A row that was engaged, released, or that lets somebody through. */
export type SwitchChange =
  | { readonly kind: 'switch' | 'released'; readonly row: Switch }
  | { readonly kind: 'readmitted'; readonly row: Readmission };

function statementsOf({ $client: db }: Db, onSwitch: (change: SwitchChange) => void) {
  const switchColumns = `id, scope, effect, reason, engaged_at as engagedAt, engaged_by as engagedBy, note, until,
    cancels, released_at as releasedAt, released_by as releasedBy, release_reason as releaseReason`;
  /** Gives every row without a leaf its own. */
  const sealing = <Row extends { id: number }>(
    kind: Kind,
    entry: (row: Row) => string,
    select: string,
    update: string,
    tell: (row: Row) => void = () => {},
  ) => {
    const [rows, seal] = [db.prepare<[], Row>(`${select} order by id`), db.prepare(update)];
    return (append: Append) => {
      for (const row of rows.all()) {
        seal.run(append(kind, String(row.id), entry(row)), row.id);
        tell(row);
      }
    };
  };
  return {
    last: db.prepare<[], { first: number; bytes: number }>(
      'select first, length(entries) as bytes from leaves order by first desc limit 1',
    ),
    insert: db.prepare('insert into leaves (first, entries) values (?, ?)'),
    unsealed: [
      sealing<Act>(
        'act',
        actEntry,
        'select * from acts where leaf is null',
        'update acts set leaf = ? where id = ?',
      ),
      sealing<Switch>(
        'switch',
        switchEntry,
        `select ${switchColumns} from switches where leaf is null`,
        'update switches set leaf = ? where id = ?',
        (row) => onSwitch({ kind: 'switch', row }),
      ),
      sealing<Readmission>(
        'readmitted',
        readmittedEntry,
        'select * from readmissions where leaf is null',
        'update readmissions set leaf = ? where id = ?',
        (row) => onSwitch({ kind: 'readmitted', row }),
      ),
      sealing<Switch>(
        'released',
        releasedEntry,
        `select ${switchColumns} from switches where released_leaf is null and released_at is not null`,
        'update switches set released_leaf = ? where id = ?',
        (row) => onSwitch({ kind: 'released', row }),
      ),
    ],
  };
}
