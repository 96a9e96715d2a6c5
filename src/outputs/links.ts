/** What admission asks of a link to a released output, and counts. */
import type { Db } from '../store/db.node.ts';

/** A link, and what it leads to now. */
export interface LinkRow {
  readonly object: string;
  readonly at: number;
  readonly expiresAt: number;
  readonly revokedAt: number | null;
  /** Of its release. */
  readonly state: string;
  /** Whose the output is; null with an object that is not known any more. */
  readonly tester: string | null;
  readonly cohort: string | null;
  readonly model: string | null;
  readonly deletedAt: number | null;
}

export interface Links {
  find(id: string): LinkRow | null;
  fetched(id: string, at: number): void;
}

export function linksIn({ $client: db }: Db): Links {
  const find = db.prepare<[string], LinkRow>(
    `select s.object, s.at, s.expires_at as expiresAt, s.revoked_at as revokedAt, r.state, t.id as tester, t.cohort,
            o.model, o.deleted_at as deletedAt
     from share_links s join releases r on r.id = s.release
     left join objects o on o.id = s.object left join testers t on t.id = o.tester where s.id = ?`,
  );
  const fetched = db.prepare('update share_links set fetches = fetches + 1, last_at = ? where id = ?');
  return {
    find: (id) => find.get(id) ?? null,
    fetched: (id, at) => void fetched.run(at, id),
  };
}

/** Why a link does not work; null while it does. For the log: whoever follows it hears that it leads nowhere. */
export function linkFault(row: LinkRow | null, now: number): string | null {
  if (row === null) return 'there is no such link';
  if (row.revokedAt !== null) return 'the link was revoked';
  if (now >= row.expiresAt) return 'the link has expired';
  if (row.state !== 'approved') return `its release is ${row.state}`;
  if (row.deletedAt !== null) return 'the output was deleted';
  return row.tester === null ? 'the output is nobody’s' : null;
}
