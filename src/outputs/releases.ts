/** Releases: a tester asks for leave to show an output outside, reviewers give it or not, and may take it back. */
import { and, asc, count, desc, eq, gt, isNull, type SQL } from 'drizzle-orm';
import type { Actor, Control } from '../control.ts';
import { insertAct } from '../log/acts.ts';
import { harmless } from '../printable.ts';
import { objects, releases, releaseVotes, shareLinks } from '../store/schema.ts';

type Books = Pick<Control, 'now' | 'reader' | 'writer' | 'write'>;
export type Release = typeof releases.$inferSelect;
export type ReleaseState = Release['state'];
export type Vote = typeof releaseVotes.$inferSelect;

const FAULTS = {
  object_unknown: 'You made no video of this id.',
  object_deleted: 'This video was deleted.',
  unfinished: 'This video is not finished yet.',
  in_force: 'A release of this video is asked for, or approved, already.',
  release_unknown: 'There is no such release.',
  not_asked: 'This release is not waiting for a decision.',
  not_approved: 'This release is not approved.',
  voted: 'You have approved this release; it needs somebody else too.',
} as const;

/** Why nothing was done; its code is for programs, its message for people. */
export class ReleaseFault extends Error {
  readonly code: keyof typeof FAULTS;

  constructor(code: keyof typeof FAULTS) {
    super(FAULTS[code]);
    this.code = code;
  }
}

/** `entered`: an operator named it; what it is, the reviewer sees. */
const RELEASABLE: ReadonlySet<string> = new Set(['videos', 'entered']);

export interface Asking {
  readonly tester: string;
  readonly object: string;
  readonly purpose: string;
  /** Where it will be shown. */
  readonly place: string;
  readonly address: string | null;
}

/** The act of a tester; goes into the log like those of operators. @throws ReleaseFault */
export function askRelease({ now, writer, write }: Books, asking: Asking): Promise<Release> {
  const { tester, object, purpose, place, address } = asking;
  return unlessFault(write, () => {
    const known = writer.select().from(objects).where(eq(objects.id, object)).get();
    if (known?.tester !== tester || !RELEASABLE.has(known.kind)) return new ReleaseFault('object_unknown');
    if (known.deletedAt !== null) return new ReleaseFault('object_deleted');
    if (known.pending !== null) return new ReleaseFault('unfinished');
    const at = now();
    const row = { object, tester, purpose: harmless(purpose), place: harmless(place), at, stateAt: at };
    const release = writer.insert(releases).values(row).onConflictDoNothing().returning().get();
    if (!release) return new ReleaseFault('in_force');
    const act = { at, act: 'release.ask', subject: subjectOf(release), reason: `${purpose} | ${place}` };
    insertAct(writer, { operator: `tester:${tester}`, address }, act);
    return release;
  });
}

/** A tester takes back what was asked for, before or after it was approved. @throws ReleaseFault */
export async function takeBackRelease(
  books: Books & Pick<Control, 'recheck'>,
  { tester, id, address }: { readonly tester: string; readonly id: number; readonly address: string | null },
): Promise<Release> {
  const { writer, now } = books;
  const taken = await unlessFault(books.write, () => {
    const release = writer.select().from(releases).where(eq(releases.id, id)).get();
    if (release?.tester !== tester) return new ReleaseFault('release_unknown');
    if (release.state !== 'asked' && release.state !== 'approved') return new ReleaseFault('not_asked');
    const act = { at: now(), act: 'release.take-back', subject: subjectOf(release) };
    insertAct(writer, { operator: `tester:${tester}`, address }, act);
    return moved(books, release, 'withdrawn');
  });
  books.recheck();
  return taken;
}

export interface Deciding {
  readonly id: number;
  readonly vote: Vote['vote'];
  readonly reason: string | null;
  readonly actor: Actor;
  /** How many different people must approve. */
  readonly approvals: number;
}

/**
 * One person's word. What it changes is in force when this resolves: of a release that is withdrawn nothing streams any
 * more, in this process at once.
 * @throws ReleaseFault
 */
export async function decideRelease(
  books: Books & Pick<Control, 'recheck'>,
  { id, vote, reason, actor, approvals }: Deciding,
): Promise<Release> {
  const { writer, now } = books;
  const decided = await unlessFault(books.write, () => {
    const release = writer.select().from(releases).where(eq(releases.id, id)).get();
    if (!release) return new ReleaseFault('release_unknown');
    const from = vote === 'withdraw' ? 'approved' : 'asked';
    if (release.state !== from) return new ReleaseFault(from === 'asked' ? 'not_asked' : 'not_approved');
    const said = { release: id, vote, by: actor.operator, reason: reason && harmless(reason), at: now() };
    const isNew = writer.insert(releaseVotes).values(said).onConflictDoNothing().run().changes > 0;
    if (!isNew) return new ReleaseFault('voted');
    insertAct(writer, actor, { at: said.at, act: `release.${vote}`, subject: subjectOf(release), reason });
    if (vote !== 'approve') return moved(books, release, vote === 'reject' ? 'rejected' : 'withdrawn');
    return approvalsOf(books, id) >= approvals ? moved(books, release, 'approved') : release;
  });
  books.recheck();
  return decided;
}

/** Runs inside a writer's job. */
function moved({ writer, now }: Books, release: Release, state: ReleaseState): Release {
  const at = now();
  if (state === 'withdrawn')
    writer
      .update(shareLinks)
      .set({ revokedAt: at })
      .where(and(eq(shareLinks.release, release.id), isNull(shareLinks.revokedAt)))
      .run();
  writer.update(releases).set({ state, stateAt: at }).where(eq(releases.id, release.id)).run();
  return { ...release, state, stateAt: at };
}

function approvalsOf({ writer }: Books, id: number): number {
  const ofRelease = and(eq(releaseVotes.release, id), eq(releaseVotes.vote, 'approve'));
  return writer.select({ n: count() }).from(releaseVotes).where(ofRelease).get()?.n ?? 0;
}

export interface ReleaseQuestion {
  readonly state?: ReleaseState | undefined;
  readonly tester?: string | undefined;
  readonly object?: string | undefined;
  /** The id to go on behind. */
  readonly after?: number | undefined;
  readonly limit: number;
}

/** The oldest first: whoever waits longest is next. */
export function findReleases({ reader }: Pick<Books, 'reader'>, asked: ReleaseQuestion): Release[] {
  const conditions: SQL[] = [];
  if (asked.state !== undefined) conditions.push(eq(releases.state, asked.state));
  if (asked.tester !== undefined) conditions.push(eq(releases.tester, asked.tester));
  if (asked.object !== undefined) conditions.push(eq(releases.object, asked.object));
  if (asked.after !== undefined) conditions.push(gt(releases.id, asked.after));
  return reader
    .select()
    .from(releases)
    .where(and(...conditions))
    .orderBy(asc(releases.id))
    .limit(asked.limit)
    .all();
}

export function findRelease({ reader }: Pick<Books, 'reader'>, id: number): Release | null {
  return reader.select().from(releases).where(eq(releases.id, id)).get() ?? null;
}

/** What was said of it, the newest first. */
export function votesOf({ reader }: Pick<Books, 'reader'>, id: number): Vote[] {
  return reader
    .select()
    .from(releaseVotes)
    .where(eq(releaseVotes.release, id))
    .orderBy(desc(releaseVotes.id))
    .all();
}

function subjectOf({ id, object, tester }: Release): string {
  return `release:${id} object:${object} tester:${tester}`;
}

/** A job of the writer returns its fault: what it throws would be taken for the store's. */
async function unlessFault<T>(write: Control['write'], job: () => T | ReleaseFault): Promise<T> {
  const done = await write(job);
  if (done instanceof ReleaseFault) throw done;
  return done;
}
