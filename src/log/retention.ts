/** Lets old rows of the log go: by age, by size. Their leaves stay, so the tree still holds; an act says up to where. */
import type { Clock } from '../deps.ts';
import type { Db } from '../store/db.node.ts';
import type { Writer } from '../store/writer.ts';
import { insertAct } from './acts.ts';
import type { Captures } from './captures.ts';
import { REPEATED } from './facets.ts';
import { firstIdOf, LONGEST_CALL_MS } from './id.ts';
import { LET_GO, letGoSubject } from './retained.ts';

/** Rows that one transaction deletes: a few milliseconds. */
const ROWS_AT_ONCE = 1_000;
const DAY_MS = 86_400_000;

export interface Keep {
  /** Rows of calls older than this are let go; null: never. */
  readonly days: number | null;
  /** The newest so many rows stay; null: all. */
  readonly rows: number | null;
  /** Texts that were kept of calls older than this are let go; null: never. */
  readonly textDays?: number | null;
}

export interface RetentionOptions {
  readonly db: Db;
  readonly writer: Writer;
  readonly captures: Captures;
  readonly now: Clock;
  readonly keep: Keep;
}

/** @returns how many rows went. Calls that are open, or may be, stay. */
export async function letGo(options: RetentionOptions): Promise<number> {
  const { db, writer, now, keep } = options;
  await letTextsGo(options);
  const below = boundOf(db, keep, now());
  if (below === null) return 0;
  const oldest = db.$client.prepare<[], { id: string }>('select id from requests order by id limit 1').get();
  if (!oldest || oldest.id >= below) return 0;
  // The act first: a crash in between leaves rows that may go, never ones that went without a word.
  const actor = { operator: 'portcullis', address: null };
  const reason = [keep.days && `older than ${keep.days} days`, keep.rows && `more than ${keep.rows} rows`];
  const act = {
    at: now(),
    act: LET_GO,
    subject: letGoSubject(below),
    reason: reason.filter(Boolean).join(', '),
  };
  await writer.write(() => insertAct(db, actor, act));
  const some = db.$client.prepare(
    'delete from requests where id in (select id from requests where id < ? order by id limit ?)',
  );
  const captured = db.$client.prepare('delete from captures where request < ?');
  const blocks = db.$client.prepare('delete from blocks where first_id < ?');
  await writer.write(() => {
    captured.run(below);
    blocks.run(below);
  });
  let gone = 0;
  for (;;) {
    const { changes } = await writer.write(() => some.run(below, ROWS_AT_ONCE));
    gone += changes;
    if (changes < ROWS_AT_ONCE) break;
  }
  const orphans = db.$client.prepare(
    'delete from facets where "column" = ? and block not in (select n from blocks)',
  );
  for (let column = 1; column <= REPEATED.code; column++) await writer.write(() => orphans.run(column));
  return gone;
}

/** What was committed to stays, and so the tree holds. */
async function letTextsGo({ db, writer, captures, now, keep }: RetentionOptions): Promise<void> {
  if (!keep.textDays) return;
  const before = now() - keep.textDays * DAY_MS;
  await writer.write(() => {
    const texts = captures.letGo(before, firstIdOf(before));
    if (texts === 0) return;
    const act = {
      at: now(),
      act: 'log.let-texts-go',
      subject: `${texts} texts`,
      reason: `older than ${keep.textDays} days`,
    };
    insertAct(db, { operator: 'portcullis', address: null }, act);
  });
}

/** Everything below this id may go; null: nothing. */
function boundOf(db: Db, { days, rows }: Keep, nowMs: number): string | null {
  const bounds: string[] = [];
  if (days !== null) bounds.push(firstIdOf(nowMs - days * DAY_MS));
  if (rows !== null) {
    const kept = db.$client.prepare<[number], { id: string }>(
      'select id from requests order by id desc limit 1 offset ?',
    );
    const first = kept.get(rows - 1)?.id;
    if (first !== undefined) bounds.push(first);
  }
  const bound = bounds.sort().at(-1);
  if (bound === undefined) return null;
  const open = db.$client
    .prepare<[string], { id: string }>(
      'select id from requests where outcome is null and id >= ? order by id limit 1',
    )
    .get(firstIdOf(nowMs - LONGEST_CALL_MS))?.id;
  return open !== undefined && open < bound ? open : bound;
}

/** Looks every hour, and once soon after the start. */
export function startRetention(
  options: RetentionOptions,
  onFault: (fault: unknown) => void,
): { stop(): void } {
  const { days, rows, textDays = null } = options.keep;
  if (days === null && rows === null && textDays === null) return { stop() {} };
  const look = () => void letGo(options).catch(onFault);
  const soon = setTimeout(look, FIRST_MS);
  const timer = setInterval(look, EVERY_MS);
  soon.unref();
  timer.unref();
  return {
    stop() {
      clearTimeout(soon);
      clearInterval(timer);
    },
  };
}

const FIRST_MS = 1_000;
const EVERY_MS = 3_600_000;
