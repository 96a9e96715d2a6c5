/** Findings in the store: reading them, and changing where one stands together with the act that tells of it. */
import { and, asc, desc, eq, gt, inArray, lt } from 'drizzle-orm';
import type { Actor, Control } from '../control.ts';
import { iso, isoOrNull } from '../iso.ts';
import { harmless } from '../printable.ts';
import { attachments, findings } from '../store/schema.ts';
import { recordAct } from './acts.ts';
import { pageOf } from './page.ts';
import { Problem } from './problem.ts';

type Row = typeof findings.$inferSelect;

interface Query {
  readonly tester?: string | undefined;
  readonly status?: Row['status'] | undefined;
  readonly severity?: Row['severity'] | undefined;
  readonly after?: number | undefined;
  readonly limit: number;
}

const ROWS_AT_ONCE = 200;

/** Newest first. */
export function readFindings(control: Control, { tester, status, severity, after, limit }: Query) {
  const where = and(
    tester === undefined ? undefined : eq(findings.tester, tester),
    status === undefined ? undefined : eq(findings.status, status),
    severity === undefined ? undefined : eq(findings.severity, severity),
    after === undefined ? undefined : lt(findings.id, after),
  );
  const rows = control.reader.select().from(findings).where(where);
  const found = rows
    .orderBy(desc(findings.id))
    .limit(limit + 1)
    .all();
  const { page, next } = pageOf(found, limit, ({ id }) => id);
  return { findings: withFiles(control, page), next };
}

/** Oldest first, a few at a time. */
export function* allFindings(control: Control) {
  for (let after = 0; ; ) {
    const rows = control.reader
      .select()
      .from(findings)
      .where(gt(findings.id, after))
      .orderBy(asc(findings.id))
      .limit(ROWS_AT_ONCE)
      .all();
    yield withFiles(control, rows);
    const last = rows.at(-1);
    if (!last || rows.length < ROWS_AT_ONCE) return;
    after = last.id;
  }
}

export function readFinding(control: Control, id: number) {
  const [found] = withFiles(control, control.reader.select().from(findings).where(eq(findings.id, id)).all());
  if (!found) throw findingUnknown(id);
  return found;
}

export function readAttachment({ reader }: Control, finding: number, id: number) {
  const which = and(eq(attachments.id, id), eq(attachments.finding, finding));
  const row = reader.select().from(attachments).where(which).get();
  if (!row) throw new Problem('finding_unknown', `The finding ${finding} has no attachment ${id}.`);
  return row;
}

/** @param told what the tester reads; without an answer the last one stays */
export async function setStatus(
  control: Control,
  id: number,
  { status, answer }: { readonly status: Row['status']; readonly answer?: string | undefined },
  actor: Actor,
) {
  const changed = await control.write(() => {
    const set = { status, statusAt: control.now(), statusBy: actor.operator };
    const told = answer === undefined ? {} : { answer: harmless(answer) };
    const which = eq(findings.id, id);
    if (
      control.writer
        .update(findings)
        .set({ ...set, ...told })
        .where(which)
        .run().changes === 0
    )
      return null;
    const reason = answer === undefined ? status : `${status}: ${answer}`;
    recordAct(control, actor, 'finding.status', `finding:${id}`, reason);
    return id;
  });
  if (changed === null) throw findingUnknown(id);
  return readFinding(control, id);
}

function withFiles({ reader }: Control, rows: readonly Row[]) {
  const { id, finding, name, type, bytes, sha256 } = attachments;
  const ids = rows.map((row) => row.id);
  const files =
    ids.length === 0
      ? []
      : reader
          .select({ id, finding, name, type, bytes, sha256 })
          .from(attachments)
          .where(inArray(finding, ids))
          .orderBy(asc(id))
          .all();
  return rows.map((row) => ({
    ...row,
    at: iso(row.at),
    statusAt: isoOrNull(row.statusAt),
    attachments: files.filter((file) => file.finding === row.id).map(({ finding: _, ...file }) => file),
  }));
}

function findingUnknown(id: number): Problem {
  return new Problem('finding_unknown', `There is no finding ${id}.`);
}
