/** The programme's terms: publishing a version, and its acceptance by a tester. */
import { and, asc, count, desc, eq, gt } from 'drizzle-orm';
import type { Actor, Control } from '../control.ts';
import type { Clock } from '../deps.ts';
import { insertAct } from '../log/acts.ts';
import { acceptances, terms, testers } from '../store/schema.ts';

/** What this file needs of the control side. */
export type Books = Pick<Control, 'now' | 'reader' | 'writer' | 'write'>;
export type Terms = typeof terms.$inferSelect;
export type Acceptance = typeof acceptances.$inferSelect;

/** There is no such version, or it is not the text that the tester saw. */
export class TermsUnknown extends Error {}

/** Where testers read and accept them, below our public URL. */
export const TERMS_PATH = '/portal/terms';

/** How a refusal names it. */
export function termsLink(publicUrl: string | null): string {
  return `${publicUrl?.replace(/\/+$/, '') ?? ''}${TERMS_PATH}`;
}

export interface Publishing {
  readonly text: string;
  /** Of the text in UTF-8, lower-case hex. */
  readonly sha256: string;
  /** How long whoever accepted an older version may go on. */
  readonly graceMs: number;
}

/** @returns the new version */
export function publish(
  { now, writer, write }: Books,
  { text, sha256, graceMs }: Publishing,
  actor: Actor,
): Promise<Terms> {
  const at = now();
  return write(() => {
    const last = writer.select().from(terms).orderBy(desc(terms.version)).limit(1).get();
    const version = (last?.version ?? 0) + 1;
    const graceUntil = graceMs > 0 ? at + graceMs : null;
    const row = { version, text, sha256, at, by: actor.operator, graceUntil };
    writer.insert(terms).values(row).run();
    insertAct(writer, actor, { at, act: 'terms.publish', subject: `terms:${version} sha256:${sha256}` });
    return row;
  });
}

export function termsOf({ reader }: Pick<Books, 'reader'>, version: number): Terms | null {
  return reader.select().from(terms).where(eq(terms.version, version)).get() ?? null;
}

/** Every version, the newest first, and how many testers accepted it. */
export function allTerms({ reader }: Pick<Books, 'reader'>): (Terms & { accepted: number })[] {
  return reader
    .select({
      ...{ version: terms.version, text: terms.text, sha256: terms.sha256, at: terms.at, by: terms.by },
      ...{ graceUntil: terms.graceUntil, accepted: count(acceptances.tester) },
    })
    .from(terms)
    .leftJoin(acceptances, eq(acceptances.version, terms.version))
    .groupBy(terms.version)
    .orderBy(desc(terms.version))
    .all();
}

/** By tester, those behind `after`. */
export function acceptancesOf(
  { reader }: Pick<Books, 'reader'>,
  version: number,
  { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
): Acceptance[] {
  return reader
    .select()
    .from(acceptances)
    .where(and(eq(acceptances.version, version), gt(acceptances.tester, after)))
    .orderBy(asc(acceptances.tester))
    .limit(limit)
    .all();
}

/** What one tester accepted, the newest version first. */
export function acceptedBy({ reader }: Pick<Books, 'reader'>, tester: string): Acceptance[] {
  return reader
    .select()
    .from(acceptances)
    .where(eq(acceptances.tester, tester))
    .orderBy(desc(acceptances.version))
    .all();
}

export interface Accepting {
  readonly tester: string;
  readonly version: number;
  /** Of the text that the tester saw. */
  readonly sha256: string;
  readonly address: string | null;
  readonly how: 'portal' | 'api';
}

/**
 * Once for each tester and version; whoever accepts again has accepted then.
 * @throws TermsUnknown
 */
export async function accept({ now, writer, write }: Books, accepting: Accepting): Promise<Acceptance> {
  const { tester, version, sha256, address, how } = accepting;
  const known = await write(() => {
    const isThere = writer.select({ id: testers.id }).from(testers).where(eq(testers.id, tester)).get();
    const text = writer.select().from(terms).where(eq(terms.version, version)).get();
    if (!isThere || text?.sha256 !== sha256) return null;
    const row = { tester, version, sha256, at: now(), address, how };
    const isNew = writer.insert(acceptances).values(row).onConflictDoNothing().run().changes > 0;
    if (isNew) tell({ now, writer }, accepting);
    return writer
      .select()
      .from(acceptances)
      .where(and(eq(acceptances.tester, tester), eq(acceptances.version, version)))
      .get();
  });
  if (!known) throw new TermsUnknown(`There are no terms ${version} of this text.`);
  return known;
}

/** An act of the tester, and so a leaf of the log's tree. */
function tell(
  { now, writer }: { now: Clock; writer: Books['writer'] },
  { tester, version, sha256, address, how }: Accepting,
): void {
  const subject = `terms:${version} sha256:${sha256}`;
  insertAct(
    writer,
    { operator: `tester:${tester}`, address },
    { at: now(), act: 'terms.accept', subject, reason: how },
  );
}
