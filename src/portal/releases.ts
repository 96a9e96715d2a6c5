/** A tester's requests for leave to show an output outside, and where each stands. */
import { desc, eq } from 'drizzle-orm';
import { iso } from '../iso.ts';
import { askRelease, type Release, ReleaseFault, takeBackRelease, votesOf } from '../outputs/releases.ts';
import { Refusal } from '../refusal.ts';
import { releases } from '../store/schema.ts';
import { type ReleaseInput, Unfit } from './input.ts';
import { readObject } from './outputs.ts';
import type { Portal, Visitor } from './portal.ts';

export interface OwnRelease {
  readonly id: number;
  readonly object: string;
  readonly purpose: string;
  readonly place: string;
  readonly at: string;
  readonly state: Release['state'];
  readonly stateAt: string;
  /** Why it was not approved, or not any more. */
  readonly reason: string | null;
}

const MOST_SHOWN = 200;

/** Newest first. */
export function readReleases(portal: Portal, { tester }: Visitor): OwnRelease[] {
  const rows = portal.reader.select().from(releases).where(eq(releases.tester, tester));
  return rows
    .orderBy(desc(releases.id))
    .limit(MOST_SHOWN)
    .all()
    .map((row) => bodyOf(portal, row));
}

/** @throws Refusal, and Unfit where there is nothing to ask for now */
export async function requestRelease(
  portal: Portal,
  visitor: Visitor,
  address: string,
  { object, purpose, place }: ReleaseInput,
): Promise<OwnRelease> {
  readObject(portal, visitor, object);
  const asking = { tester: visitor.tester, object, purpose, place, address };
  return bodyOf(portal, await told(askRelease(portal, asking)));
}

/** @throws Refusal as if it did not exist, for another tester's too */
export async function withdrawRelease(
  portal: Portal,
  { tester }: Visitor,
  address: string,
  id: number,
): Promise<OwnRelease> {
  return bodyOf(portal, await told(takeBackRelease(portal, { tester, id, address })));
}

function bodyOf(portal: Portal, row: Release): OwnRelease {
  const { id, object, purpose, place, at, state, stateAt } = row;
  const isOver = state === 'rejected' || state === 'withdrawn';
  // Reviewers' names and votes are theirs; what they say against it is said to the tester.
  const reason = isOver ? (votesOf(portal, id).find(({ vote }) => vote !== 'approve')?.reason ?? null) : null;
  return { id, object, purpose, place, at: iso(at), state, stateAt: iso(stateAt), reason };
}

async function told(asked: Promise<Release>): Promise<Release> {
  try {
    return await asked;
  } catch (fault) {
    if (!(fault instanceof ReleaseFault)) throw fault;
    if (fault.code === 'release_unknown') throw new Refusal('object_unknown', 'no release of this tester');
    throw new Unfit({ object: fault.message });
  }
}
