/** Appends leaves to the log's tree, in the transaction of the rows that they tell of: neither is there without the other. */
import type { Db } from '../store/db.node.ts';
import type { acts, switches } from '../store/schema.ts';
import { actEntry, type Kind, releasedEntry, switchEntry } from './entry.ts';
import { LEAF_BYTES, writeLeaf } from './leaf.ts';
import type { Sha256 } from './merkle.ts';

/** Most entries are far shorter; a longer one gets a buffer of its own. */
const USUAL_BYTES = 64 * 1024;

type Act = typeof acts.$inferSelect;
type Switch = typeof switches.$inferSelect;

export class Journal {
  readonly #sha256: Sha256;
  readonly #statements: ReturnType<typeof statementsOf>;
  readonly #encoder = new TextEncoder();
  /** Its first byte is that of a leaf (RFC 6962 section 2.1). */
  readonly #usual = new Uint8Array(USUAL_BYTES);
  #pending: Buffer[] = [];
  #first: number | null = null;

  constructor(db: Db, sha256: Sha256) {
    this.#sha256 = sha256;
    this.#statements = statementsOf(db);
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
    const { unsealedActs, sealAct, unsealedSwitches, sealSwitch, unsealedReleases, sealRelease, insert } =
      this.#statements;
    for (const act of unsealedActs.all())
      sealAct.run(this.append('act', String(act.id), actEntry(act)), act.id);
    for (const one of unsealedSwitches.all())
      sealSwitch.run(this.append('switch', String(one.id), switchEntry(one)), one.id);
    for (const one of unsealedReleases.all())
      sealRelease.run(this.append('released', String(one.id), releasedEntry(one)), one.id);
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

function statementsOf({ $client: db }: Db) {
  const switchColumns = `id, scope, effect, reason, engaged_at as engagedAt, engaged_by as engagedBy,
    released_at as releasedAt, released_by as releasedBy, release_reason as releaseReason`;
  return {
    last: db.prepare<[], { first: number; bytes: number }>(
      'select first, length(entries) as bytes from leaves order by first desc limit 1',
    ),
    insert: db.prepare('insert into leaves (first, entries) values (?, ?)'),
    unsealedActs: db.prepare<[], Act>('select * from acts where leaf is null order by id'),
    sealAct: db.prepare('update acts set leaf = ? where id = ?'),
    unsealedSwitches: db.prepare<[], Switch>(
      `select ${switchColumns} from switches where leaf is null order by id`,
    ),
    sealSwitch: db.prepare('update switches set leaf = ? where id = ?'),
    unsealedReleases: db.prepare<[], Switch>(
      `select ${switchColumns} from switches where released_leaf is null and released_at is not null order by id`,
    ),
    sealRelease: db.prepare('update switches set released_leaf = ? where id = ?'),
  };
}
