/** Findings of red teams: filed by testers, and answered by operators. */
import { and, desc, eq, inArray } from 'drizzle-orm';
import { iso, isoOrNull } from '../iso.ts';
import { Refusal } from '../refusal.ts';
import { attachments, findings } from '../store/schema.ts';
import { recordTestersAct, writeUnlessRefused } from './acts.ts';
import { type Accepted, type Attachment, filesRoom, keep } from './attachments.ts';
import { checkOwn, checkRoom } from './feedback.ts';
import type { FindingInput } from './input.ts';
import type { Portal, Visitor } from './portal.ts';

export interface Finding {
  readonly id: number;
  readonly at: string;
  readonly title: string;
  readonly severity: (typeof findings.$inferSelect)['severity'];
  readonly category: (typeof findings.$inferSelect)['category'];
  readonly reproduction: string;
  readonly call: string | null;
  readonly object: string | null;
  readonly status: (typeof findings.$inferSelect)['status'];
  /** What the operators said with it. */
  readonly answer: string | null;
  readonly statusAt: string | null;
  readonly attachments: readonly Attachment[];
}

type Row = typeof findings.$inferSelect;

const MOST_SHOWN = 200;

/** Newest first. */
export function readFindings(portal: Portal, { tester }: Visitor): Finding[] {
  const rows = portal.reader.select().from(findings).where(eq(findings.tester, tester));
  return withFiles(portal, rows.orderBy(desc(findings.id)).limit(MOST_SHOWN).all());
}

/** @throws Refusal as if it did not exist, for another tester's too */
export function readFinding(portal: Portal, { tester }: Visitor, id: number): Finding {
  const own = and(eq(findings.id, id), eq(findings.tester, tester));
  const [found] = withFiles(portal, portal.reader.select().from(findings).where(own).all());
  if (!found) throw new Refusal('object_unknown', 'no finding of this tester');
  return found;
}

/** @throws Refusal where the call or the object is not the tester's own, or there is no room */
export async function fileFinding(
  portal: Portal,
  visitor: Visitor,
  address: string,
  { call, object, ...said }: FindingInput,
  files: readonly Accepted[],
): Promise<Finding> {
  checkOwn(portal, visitor, { call, object });
  const told = { ...said, request: call ?? null, object: object ?? null };
  const id = await writeUnlessRefused(portal, () => {
    const full = checkRoom(portal, findings, visitor.tester) ?? filesRoom(portal, visitor, files);
    if (full) return full;
    const row = { ...told, tester: visitor.tester, at: portal.now() };
    const made = portal.writer.insert(findings).values(row).returning({ id: findings.id }).get();
    const kept = keep(portal, visitor, made.id, files).map(({ name, sha256 }) => ({ name, sha256 }));
    const act = { act: 'finding.file', subject: `finding:${made.id}`, said: { ...told, attachments: kept } };
    recordTestersAct(portal, visitor, address, act);
    return made.id;
  });
  return readFinding(portal, visitor, id);
}

function withFiles({ reader }: Portal, rows: readonly Row[]): Finding[] {
  const { id, finding, name, type, bytes, sha256 } = attachments;
  const files =
    rows.length === 0
      ? []
      : reader
          .select({ id, finding, name, type, bytes, sha256 })
          .from(attachments)
          .where(
            inArray(
              finding,
              rows.map((row) => row.id),
            ),
          )
          .orderBy(id)
          .all();
  return rows.map((row) => {
    const own = files.filter((one) => one.finding === row.id).map(({ finding: _, ...file }) => file);
    return bodyOf(row, own);
  });
}

function bodyOf(row: Row, files: readonly Attachment[]): Finding {
  const { id, at, title, severity, category, reproduction, request, object, status, answer, statusAt } = row;
  const said = { id, at: iso(at), title, severity, category, reproduction, call: request, object };
  return { ...said, status, answer, statusAt: isoOrNull(statusAt), attachments: files };
}
