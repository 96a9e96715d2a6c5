/** Releases with what reviewers have to know of them: whose, of what cohort, what was said, the prompt where it was kept. */
import { and, count, desc, eq, inArray } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { iso } from '../iso.ts';
import { findReleases, type Release, type ReleaseQuestion, votesOf } from '../outputs/releases.ts';
import { objects, outputs, releaseVotes, testers } from '../store/schema.ts';

export function readReleases(control: Control, asked: ReleaseQuestion) {
  const rows = findReleases(control, asked);
  const approvals = approvalsOf(control, rows);
  const cohorts = cohortsOf(control, rows);
  return rows.map((row) => ({
    ...{ ...row, at: iso(row.at), stateAt: iso(row.stateAt) },
    cohort: cohorts.get(row.tester) ?? null,
    approvals: approvals.get(row.id) ?? 0,
    needed: control.releasing.approvals,
  }));
}

export function readRelease(control: Control, release: Release) {
  const all = readReleases(control, { object: release.object, limit: 1000 });
  const own = all.find(({ id }) => id === release.id) ?? all[0];
  if (!own) throw new Error('a release that was read a moment ago is gone');
  const made = control.reader.select().from(objects).where(eq(objects.id, release.object)).get();
  const request = made?.request ?? null;
  return {
    ...own,
    ...{ model: made?.model ?? null, seconds: made?.seconds ?? null, request },
    prompt: request === null ? null : promptOf(control, request),
    outputs: outputsOf(control, release.object),
    votes: votesOf(control, release.id).map(({ vote, by, reason, at }) => ({
      vote,
      by,
      reason,
      at: iso(at),
    })),
    earlier: all.filter(({ id }) => id !== release.id),
  };
}

export function outputsOf({ reader }: Control, object: string) {
  return reader
    .select()
    .from(outputs)
    .where(eq(outputs.object, object))
    .orderBy(desc(outputs.at))
    .limit(100)
    .all()
    .map(({ variant, sha256, bytes, mediaType, at, c2pa }) => {
      return { variant, sha256, bytes, mediaType, at: iso(at), c2pa: c2pa === null ? null : c2pa === 1 };
    });
}

function promptOf({ log }: Control, request: string): string | null {
  const kept = log.capture(request);
  return kept?.part === 'prompt' ? kept.text : null;
}

function approvalsOf({ reader }: Control, rows: readonly Release[]): Map<number, number> {
  if (rows.length === 0) return new Map();
  const ofThese = inArray(
    releaseVotes.release,
    rows.map(({ id }) => id),
  );
  const counted = reader
    .select({ release: releaseVotes.release, n: count() })
    .from(releaseVotes)
    .where(and(ofThese, eq(releaseVotes.vote, 'approve')))
    .groupBy(releaseVotes.release)
    .all();
  return new Map(counted.map(({ release, n }) => [release, n]));
}

function cohortsOf({ reader }: Control, rows: readonly Release[]): Map<string, string> {
  if (rows.length === 0) return new Map();
  const known = reader
    .select({ id: testers.id, cohort: testers.cohort })
    .from(testers)
    .where(inArray(testers.id, [...new Set(rows.map(({ tester }) => tester))]))
    .all();
  return new Map(known.map(({ id, cohort }) => [id, cohort]));
}
