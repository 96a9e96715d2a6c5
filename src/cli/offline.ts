/** A stop without the server: one transaction in its database, which a running server watches and obeys. */
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import type { Scope } from '../admission/scope.ts';
import type { StopOrder } from '../control.ts';
import { legible } from '../printable.ts';
import { dataDir } from './connection.ts';
import { Fault, Refused } from './exit.ts';
import { out, outJson, paint } from './print.ts';

const BUSY_TIMEOUT_MS = 5_000;
const NEXT =
  'A running server obeys within its watching interval; one that starts later obeys from its start.';

export function killOffline({ scope, effect, ...told }: StopOrder, json: boolean): void {
  const reason = told.reason && legible(told.reason);
  const note = told.note ? legible(told.note) : null;
  const at = Date.now();
  const id = inDatabase((db) => {
    checkExists(db, scope);
    const { lastInsertRowid } = db
      .prepare(
        'INSERT INTO switches (scope, effect, reason, note, engaged_at, engaged_by) VALUES (?, ?, ?, ?, ?, ?)',
      )
      .run(scope, effect, reason, note, effect === 'revoke' ? Math.max(at, newestToken(db)) : at, operator());
    recordAct(db, at, effect === 'revoke' ? 'switch.revoke' : 'switch.engage', scope, reason ?? note);
    return Number(lastInsertRowid);
  });
  const engagedAt = new Date(at).toISOString();
  if (json) outJson({ id, scope, effect, reason, engagedAt, engagedBy: operator(), offline: true });
  if (json) return;
  const verb = effect === 'revoke' ? 'REVOKED' : 'STOPPED';
  out(`${paint(['bold', 'red'], verb)}  ${scope}  switch ${id}, written to ${databaseFile()}`);
  out(`  ${NEXT}`);
}

export function resumeOffline(scope: Scope, told: string | null, json: boolean): void {
  const reason = told && legible(told);
  if (existsSync(join(dataDir(process.env), 'STOP')))
    throw new Refused('The file STOP in the data directory stops everything: remove it first.');
  const at = Date.now();
  const ids = inDatabase((db) => {
    const rows = db
      .prepare<unknown[], { id: number }>(
        `UPDATE switches SET released_at = ?, released_by = ?, release_reason = ?
         WHERE scope = ? AND effect = 'stop' AND released_at IS NULL RETURNING id`,
      )
      .all(at, operator(), reason, scope);
    if (rows.length === 0) throw new Refused(`No stop of "${scope}" is engaged.`);
    recordAct(db, at, 'switch.release', scope, reason);
    return rows.map(({ id }) => id);
  });
  const releasedAt = new Date(at).toISOString();
  if (json) outJson({ scope, ids, releasedAt, releasedBy: operator(), offline: true });
  if (json) return;
  out(`${paint(['bold', 'green'], 'RELEASED')}  ${scope}  switches ${ids.join(', ')} in ${databaseFile()}`);
}

/** One durable transaction; nothing of it stays when the work throws. */
function inDatabase<T>(work: (db: Database.Database) => T): T {
  const file = databaseFile();
  if (!existsSync(file))
    throw new Fault(`there is no database ${file}; set PORTCULLIS_DATA_DIR to the server's data directory.`);
  try {
    const db = new Database(file, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    try {
      db.pragma('synchronous = FULL');
      return db.transaction(work).immediate(db);
    } finally {
      db.close();
    }
  } catch (fault) {
    if (fault instanceof Refused) throw fault;
    throw new Fault(`NOTHING WAS CHANGED in ${file}: ${fault instanceof Error ? fault.message : fault}`);
  }
}

/** A revocation takes what was issued before it, also by a clock that was ahead then. */
function newestToken(db: Database.Database): number {
  return Number(db.prepare('SELECT max(issued_at) FROM tokens').pluck().get() ?? 0);
}

/** A stop of nobody must not look like success. */
function checkExists(db: Database.Database, scope: Scope): void {
  const [, kind, id] = /^(cohort|tester):(.*)$/s.exec(scope) ?? [];
  if (!kind) return;
  const sql =
    kind === 'cohort' ? 'SELECT 1 FROM cohorts WHERE name = ?' : 'SELECT 1 FROM testers WHERE id = ?';
  if (!db.prepare(sql).get(id)) throw new Refused(`There is no ${kind} "${id}".`);
}

function recordAct(
  db: Database.Database,
  at: number,
  act: string,
  subject: string,
  reason: string | null,
): void {
  db.prepare('INSERT INTO acts (at, operator, act, subject, reason) VALUES (?, ?, ?, ?, ?)').run(
    at,
    operator(),
    act,
    subject,
    reason,
  );
}

/** Who is at the keyboard, as far as the system knows; a container's user may have no name. */
function operator(): string {
  try {
    return `offline:${userInfo().username}`;
  } catch {
    return `offline:uid-${process.getuid?.() ?? 'unknown'}`;
  }
}

function databaseFile(): string {
  return resolve(join(dataDir(process.env), 'portcullis.sqlite'));
}
