/** Share links: making one for a released output, revoking it, and how often it was followed. */
import { and, desc, eq, isNull } from 'drizzle-orm';
import type { Actor, Control } from '../control.ts';
import { insertAct } from '../log/acts.ts';
import { releases, shareLinks } from '../store/schema.ts';
import { ReleaseFault } from './releases.ts';

type Books = Pick<Control, 'now' | 'reader' | 'writer' | 'write' | 'links' | 'releasing' | 'recheck'>;

/** A link as it is shown to who may make one. */
export interface ShareLink extends Row {
  /** With our public URL, where we have one. */
  readonly url: string;
}
type Row = typeof shareLinks.$inferSelect;

const DAY_MS = 86_400_000;

/** @param days null: as long as the configuration says @throws ReleaseFault */
export async function makeLink(
  { now, writer, write, links, releasing }: Books,
  { release, days, actor }: { readonly release: number; readonly days: number | null; readonly actor: Actor },
): Promise<ShareLink> {
  const [id, at] = [links.newId(), now()];
  const made = await write(() => {
    const known = writer.select().from(releases).where(eq(releases.id, release)).get();
    if (!known) return new ReleaseFault('release_unknown');
    if (known.state !== 'approved') return new ReleaseFault('not_approved');
    const expiresAt = at + Math.round((days ?? releasing.linkDays) * DAY_MS);
    const row = { id, release, object: known.object, at, by: actor.operator, expiresAt };
    const until = `until ${new Date(expiresAt).toISOString()}`;
    insertAct(writer, actor, {
      at,
      act: 'link.make',
      subject: `link:${id} release:${release}`,
      reason: until,
    });
    return writer.insert(shareLinks).values(row).returning().get();
  });
  if (made instanceof ReleaseFault) throw made;
  return shown({ links, releasing }, made);
}

/** Nobody gets a byte by it any more, streams in flight included. @returns null when there is no such link */
export async function revokeLink(books: Books, id: string, actor: Actor): Promise<ShareLink | null> {
  const { now, writer, write } = books;
  const revoked = await write(() => {
    const at = now();
    const changed = writer
      .update(shareLinks)
      .set({ revokedAt: at })
      .where(and(eq(shareLinks.id, id), isNull(shareLinks.revokedAt)))
      .run().changes;
    const row = writer.select().from(shareLinks).where(eq(shareLinks.id, id)).get();
    if (row && changed > 0)
      insertAct(writer, actor, { at, act: 'link.revoke', subject: `link:${id} release:${row.release}` });
    return row ?? null;
  });
  books.recheck();
  return revoked && shown(books, revoked);
}

/** The newest first. */
export function linksOf(books: Books, release: number): Promise<ShareLink[]> {
  const rows = books.reader
    .select()
    .from(shareLinks)
    .where(eq(shareLinks.release, release))
    .orderBy(desc(shareLinks.at))
    .limit(1000)
    .all();
  return Promise.all(rows.map((row) => shown(books, row)));
}

async function shown({ links, releasing }: Pick<Books, 'links' | 'releasing'>, row: Row): Promise<ShareLink> {
  const base = releasing.publicUrl?.replace(/\/+$/, '') ?? '';
  return { ...row, url: `${base}/s/${await links.sign(row.id)}` };
}
