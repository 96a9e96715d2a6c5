/** Where a tester stands, why, and what happened: the operators' public reasons, and nothing of their notes. */
import { instantOf } from '../admission/switches.ts';
import { iso } from '../iso.ts';
import { type TesterRow, testerOf, touching } from './grant.ts';
import type { Portal, Visitor } from './portal.ts';
import { lacksTerms } from './terms.ts';

export interface Obstacle {
  readonly because: 'stop' | 'no-rules' | 'terms';
  /** What the stop takes in. */
  readonly of: 'programme' | 'cohort' | 'tester' | 'token' | null;
  /** The operators' public reason. */
  readonly reason: string | null;
  readonly since: string | null;
}

export interface Standing {
  readonly tester: string;
  readonly name: string | null;
  readonly cohort: string;
  readonly since: string;
  readonly review: TesterRow['review'];
  /** True: nothing stands in the way of calls but what limits and rules say of each. */
  readonly may: boolean;
  readonly why: readonly Obstacle[];
}

export interface Notice {
  readonly at: string;
  readonly what: 'review' | 'quarantine' | 'stop';
  readonly event: 'begins' | 'ends';
  readonly of: Obstacle['of'];
  readonly reason: string | null;
}

const OF = { global: 'programme', cohort: 'cohort', tester: 'tester', token: 'token' } as const;
/** A stop that the leak detector engages is a quarantine. */
const DETECTOR = 'leak';
const MOST_NOTICES = 50;

export function readStanding(portal: Portal, { tester, jti }: Visitor): Standing {
  const row = rowOf(portal, tester);
  const { id, name, cohort, review, createdAt } = row;
  const why: Obstacle[] = touching(portal, row, jti)
    .filter(({ effect }) => effect === 'stop')
    .map(({ scope, reason, engagedAt }) => {
      return { because: 'stop', of: ofScope(scope), reason, since: isoOf(engagedAt) };
    });
  if (!portal.rules(cohort)) why.push({ because: 'no-rules', of: null, reason: null, since: null });
  else if (lacksTerms(portal, id)) why.push({ because: 'terms', of: null, reason: null, since: null });
  return { tester: id, name, cohort, since: iso(createdAt), review, may: why.length === 0, why };
}

/** @throws Error when the tester has gone since the session was looked at */
export function rowOf(portal: Portal, tester: string): TesterRow {
  const row = testerOf(portal, tester);
  if (!row) throw new Error('the tester has gone');
  return row;
}

/** What began and ended, newest first. */
export function readNotices(portal: Portal, { tester }: Visitor): Notice[] {
  const { cohort } = rowOf(portal, tester);
  return [...reviewNotices(portal, tester), ...switchNotices(portal, tester, cohort)]
    .sort((a, b) => (a.at < b.at ? 1 : -1))
    .slice(0, MOST_NOTICES);
}

function reviewNotices({ reader }: Portal, tester: string): Notice[] {
  const rows = reader.$client
    .prepare<[string], { state: string; at: number }>(
      'select state, at from reviews where tester = ? order by id',
    )
    .all(tester);
  const notices: Notice[] = [];
  let under = false;
  for (const { state, at } of rows) {
    const now = state === 'under-review';
    if (now !== under)
      notices.push({
        at: iso(at),
        what: 'review',
        event: now ? 'begins' : 'ends',
        of: 'tester',
        reason: null,
      });
    under = now;
  }
  return notices;
}

interface SwitchRow {
  readonly scope: string;
  readonly reason: string | null;
  readonly begins: number;
  readonly ends: number | null;
  readonly by: string;
}

/** A stop ends for a tester when it is released, or lets the tester through. */
function switchNotices({ reader }: Portal, tester: string, cohort: string): Notice[] {
  const rows = reader.$client
    .prepare<[string, string, string, string], SwitchRow>(
      `select s.scope, s.reason, s.engaged_at as begins, s.engaged_by as by,
         coalesce((select min(at) from readmissions r where r.switch = s.id and r.scope in (?, ?)), s.released_at) as ends
       from switches s where s.effect = 'stop' and s.scope in ('global', ?, ?) order by s.id desc limit ${MOST_NOTICES}`,
    )
    .all(`cohort:${cohort}`, `tester:${tester}`, `cohort:${cohort}`, `tester:${tester}`);
  return rows.flatMap(({ scope, reason, begins, ends, by }) => {
    const what = by.startsWith(DETECTOR) ? ('quarantine' as const) : ('stop' as const);
    const base = { what, of: ofScope(scope) };
    const began = { ...base, at: isoOf(begins) ?? '', event: 'begins' as const, reason };
    if (ends === null) return [began];
    return [began, { ...base, at: isoOf(ends) ?? '', event: 'ends' as const, reason: null }];
  });
}

function ofScope(scope: string): Obstacle['of'] {
  return OF[scope.split(':', 1)[0] as keyof typeof OF] ?? null;
}

/** Rows that somebody wrote by hand hold times of several kinds. */
function isoOf(at: number): string | null {
  const ms = instantOf(at);
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? iso(ms) : null;
}
