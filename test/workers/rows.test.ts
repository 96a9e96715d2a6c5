/** Rows travel between objects under workerd: from the gate to testers' objects, back to the gate, and on to D1. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { firstIdOf } from '../../src/log/id.ts';
import { leavesIn, readLeaf } from '../../src/log/leaf.ts';
import { readLogKey } from '../../src/log/log-key.ts';
import { sha256 } from '../../src/log/sha256.node.ts';
import { verifyLog } from '../../src/log/verify.ts';
import { openReadOnly } from '../../src/store/db.node.ts';
import type { Letter } from '../../src/worker/letters.worker.ts';
import { bundle, startWorkerd, type Workerd } from '../engines/with-workerd.ts';
import { captureLetter, type Obj, objectAt, until } from './with-rows.ts';

let text: string;
let workerd: Workerd;
let worlds = 0;
beforeAll(async () => {
  ({ text } = await bundle('test/workers/rows.worker.ts'));
  workerd = await startWorkerd(text);
});
afterAll(() => workerd.close());

/** A gate with a cohort of three testers, and their objects. `tell` hands on what the gate has for two of them. */
async function world() {
  const name = `world-${worlds++}`;
  const at = (one: string) => objectAt(() => workerd.url, name, one);
  const [gate, ada, bob, eve] = [at('gate'), at('ada'), at('bob'), at('eve')];
  await gate.write("insert into cohorts (name) values ('artists')");
  for (const id of ['ada', 'bob', 'eve'])
    await gate.write(`insert into testers (id, cohort) values ('${id}', 'artists')`);
  const told = { ada: 0, bob: 0 };
  const tell = async (who: 'ada' | 'bob', most?: number): Promise<number> => {
    for (let n = 0; ; ) {
      const { seq, changes, more } = await gate.page('down', told[who], who, most);
      await (who === 'ada' ? ada : bob).apply(changes);
      told[who] = seq;
      n += changes.length;
      if (!more) return n;
    }
  };
  return { gate, ada, bob, eve, tell };
}

/** … whose objects let them call. */
async function joined() {
  const all = await world();
  for (const [id, object] of [
    ['ada', all.ada],
    ['bob', all.bob],
    ['eve', all.eve],
  ] as const) {
    await object.ask('join', id);
    await all.gate.write(`insert into tokens (jti, tester, expires_at) values ('token-${id}', '${id}', 9)`);
    await delivered(object);
  }
  return all;
}

/** Everything that the object had to tell has been taken. */
const delivered = (object: Obj) =>
  until(async () => (await object.count('feed_up')) + (await object.count('letters')) === 0);

const ids = async (object: Obj, table: string, key = 'id') =>
  (await object.sql(`select "${key}" as id from "${table}" order by 1`)).map(({ id }) => id);

/** How many entries of each kind are in its tree. */
async function kinds(object: Obj): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const { entries } of await object.sql('select entries from leaves order by first')) {
    const leaves = Buffer.from((entries as unknown as { bytes: string }).bytes, 'base64');
    for (let i = 0; i < leavesIn(leaves); i++) {
      const kind = readLeaf(leaves, i)?.kind ?? 'none';
      found[kind] = (found[kind] ?? 0) + 1;
    }
  }
  return found;
}

const alert = (message: string): Letter => ({
  ...{ kind: 'alert', message },
  event: { event: 'quota.exhausted', at: 1, data: { tester: 'ada' } },
});

describe('from the gate to a tester’s object', () => {
  test('goes what concerns that tester, and nothing of others', async () => {
    const { gate, ada, bob, tell } = await world();
    await gate.write(
      "insert into tokens (jti, tester, expires_at) values ('of-ada', 'ada', 9), ('of-bob', 'bob', 9)",
    );
    const scopes = ['global', 'cohort:artists', 'model:sora', 'tester:ada', 'tester:bob'];
    for (const scope of [...scopes, 'token:of-ada', 'token:of-bob', 'token:elsewhere'])
      await gate.write('insert into switches (scope) values (?)', scope);
    // What was made by the token may be anybody's now.
    await gate.write("insert into switches (scope, cancels) values ('token:of-bob', 1)");
    await gate.write("insert into acceptances values ('bob', 1, '', 1, '127.0.0.1', 'api')");
    await tell('ada');
    await tell('bob');
    expect([await ids(ada, 'testers'), await ids(bob, 'testers')]).toEqual([['ada'], ['bob']]);
    expect([await ids(ada, 'tokens', 'jti'), await ids(bob, 'tokens', 'jti')]).toEqual([
      ['of-ada'],
      ['of-bob'],
    ]);
    expect([await ids(ada, 'switches'), await ids(bob, 'switches')]).toEqual([
      [1, 2, 3, 4, 6, 8, 9],
      [1, 2, 3, 5, 7, 8, 9],
    ]);
    expect([await ids(ada, 'acceptances', 'tester'), await ids(bob, 'acceptances', 'tester')]).toEqual([
      [],
      ['bob'],
    ]);
  });

  test('it says whom changes concern: those testers, or everybody', async () => {
    const { gate } = await world();
    const { seq } = await gate.page('down');
    const concerned = () => gate.ask('concerned', seq);
    expect(await concerned()).toEqual([]);
    await gate.write("insert into switches (scope) values ('tester:bob')");
    expect(await concerned()).toEqual(['bob']);
    await gate.write("update testers set limits = '{}' where id = 'ada'");
    expect(await concerned()).toEqual(['ada', 'bob']);
    await gate.write("insert into switches (scope) values ('model:sora')");
    expect(await concerned()).toBe('all');
  });

  test('a row that moves to another tester is gone at the first and there at the second, with what hangs on it', async () => {
    const { gate, ada, bob, tell } = await world();
    await gate.write("insert into objects (id, tester, kind) values ('clip', 'ada', 'videos')");
    await gate.write(
      "insert into releases (object, tester, purpose, place, at, state_at) values ('clip', 'ada', 'p', 'p', 1, 1)",
    );
    await gate.write(
      "insert into share_links (id, release, object, at, by, expires_at) values ('link', 1, 'clip', 1, 'me', 9)",
    );
    await tell('ada');
    await tell('bob');
    const all = (object: Obj) =>
      Promise.all(['objects', 'releases', 'share_links'].map((table) => ids(object, table)));
    expect([await all(ada), await all(bob)]).toEqual([
      [['clip'], [1], ['link']],
      [[], [], []],
    ]);
    await gate.write("update objects set tester = 'bob' where id = 'clip'");
    await tell('ada');
    await tell('bob');
    expect([await all(ada), await all(bob)]).toEqual([
      [[], [], []],
      [['clip'], [1], ['link']],
    ]);
  });

  test('page by page, a row never comes before one that it refers to', async () => {
    const { gate, ada, tell } = await world();
    await gate.write("insert into tokens (jti, tester, expires_at) values ('a', 'ada', 9), ('b', 'ada', 9)");
    await gate.write("update testers set limits = '{}' where id = 'ada'");
    await gate.write('update cohorts set created_at = 1');
    await tell('ada', 1);
    expect(await ids(ada, 'tokens', 'jti')).toEqual(['a', 'b']);
    expect(await ids(ada, 'cohorts', 'name')).toEqual(['artists']);
  });

  test('whoever has nothing yet is not told what is over; whoever has is told that it is', async () => {
    const { gate, ada, bob, tell } = await world();
    await gate.write("insert into switches (scope) values ('global'), ('tester:ada')");
    await gate.write("insert into readmissions (switch, scope) values (1, 'cohort:artists')");
    await tell('ada');
    await gate.write('update switches set released_at = 1 where id = 1');
    await tell('ada');
    await tell('bob');
    expect(await ada.sql('select id, released_at as at from switches')).toEqual([
      { id: 1, at: 1 },
      { id: 2, at: null },
    ]);
    expect([await ids(bob, 'switches'), await ids(bob, 'readmissions')]).toEqual([[], []]);
    for (const text of ['old', 'new'])
      await gate.write(
        `insert into policies (by, source, sha256, text, diff) values ('me', 'api', '', '${text}', '')`,
      );
    const versions = async (seq: number) =>
      (await gate.page('down', seq, 'eve')).changes.flatMap(({ table, row }) =>
        table === 'policies' ? [row?.text] : [],
      );
    expect([await versions(0), await versions(1)]).toEqual([['new'], ['old', 'new']]);
  });

  test('what was deleted goes, whatever refers to it', async () => {
    const { gate, ada, bob, tell } = await world();
    await gate.write("insert into tokens (jti, tester, expires_at) values ('a', 'ada', 9)");
    await tell('ada');
    await gate.write('delete from tokens');
    await gate.write("delete from testers where id = 'ada'");
    await tell('ada');
    expect([await ids(ada, 'tokens', 'jti'), await ids(ada, 'testers')]).toEqual([[], []]);
    await tell('bob');
    await gate.write("insert into cohorts (name) values ('others')");
    await gate.write("update testers set cohort = 'others'");
    await gate.write("delete from cohorts where name = 'artists'");
    await tell('bob');
    expect([await ids(bob, 'testers', 'cohort'), await ids(bob, 'cohorts', 'name')]).toEqual([
      ['others'],
      ['others'],
    ]);
  });

  test('a release that is asked for anew may come before the word that the old one is over', async () => {
    const { gate, ada, tell } = await world();
    await gate.write("insert into objects (id, tester, kind) values ('clip', 'ada', 'videos')");
    const ask = () =>
      gate.write(
        "insert into releases (object, tester, purpose, place, at, state_at) values ('clip', 'ada', 'p', 'p', 1, 1)",
      );
    await ask();
    await tell('ada');
    await gate.write("update releases set state = 'withdrawn'");
    await ask();
    await gate.write("update releases set place = 'elsewhere' where id = 1");
    await tell('ada', 1);
    const rows = await ada.sql('select id, state, place from releases order by id');
    expect(rows).toEqual([
      { id: 1, state: 'withdrawn', place: 'elsewhere' },
      { id: 2, state: 'asked', place: 'p' },
    ]);
  });

  test('a table that is tracked from now on is told whole; one whose columns change keeps its triggers in step', async () => {
    const { gate } = await world();
    await gate.write('create table made (id integer primary key, data blob)');
    await gate.write("insert into made values (1, x'0102')");
    const made = { table: 'made', key: ['id'], tester: null };
    await gate.ask('track', 'own', [made]);
    const first = await gate.page('own');
    expect(first.changes).toEqual([{ table: 'made', key: [1], row: { id: 1, data: { bytes: 'AQI=' } } }]);
    await gate.write('alter table made add column more text');
    await gate.ask('track', 'own', [made]);
    expect((await gate.page('own', first.seq)).changes).toEqual([]);
    await gate.write("update made set more = 'x'");
    expect((await gate.page('own', first.seq)).changes).toHaveLength(1);
  });

  test('a migration may let go of what triggers name; they are made again', async () => {
    const { gate } = await world();
    const made = { table: 'made', key: ['id'], tester: '(select tester from objects where id = row.more)' };
    await gate.write('create table made (id integer primary key, more text, less text)');
    await gate.ask('track', 'own', [made]);
    const { seq } = await gate.page('own');
    const rebuilt = ['create table new (id text primary key, tester text)', 'drop table objects'];
    const statements = ['alter table made drop column less', ...rebuilt, 'alter table new rename to objects'];
    await gate.ask('migrate', [{ tag: 'next', sql: statements.join('--> statement-breakpoint') }]);
    await gate.ask('track', 'own', [made]);
    await gate.write("insert into objects values ('clip', 'ada')");
    await gate.write("insert into made values (1, 'clip')");
    expect((await gate.page('own', seq, 'ada')).changes).toEqual([
      { table: 'made', key: [1], row: { id: 1, more: 'clip' } },
    ]);
  });

  test('rows with bytes, and with columns that only one side knows, are taken as far as both know them', async () => {
    const { gate, ada } = await world();
    const made = { table: 'made', key: ['id'], tester: null };
    await gate.write('create table made (id integer primary key, data blob, here text)');
    await ada.write('create table made (id integer primary key, data blob, there text)');
    await gate.write("insert into made values (1, x'0102', 'here')");
    await gate.ask('track', 'own', [made]);
    await ada.apply((await gate.page('own')).changes, [made]);
    expect(await ada.sql('select *, typeof(data) as type from made')).toEqual([
      { id: 1, data: { bytes: 'AQI=' }, there: null, type: 'blob' },
    ]);
  });
});

describe('from a tester’s object to the gate', () => {
  test('every call is in the gate’s log, with its end, as soon as it is over', async () => {
    const { gate, ada } = await joined();
    expect(await ada.ask('call', 'ada')).toBeNull();
    expect(await ada.ask('call', 'ada', { named: [{ id: 'no', param: 'id' }] })).toBe('object_unknown');
    await delivered(ada);
    const columns =
      'id, tester, cohort, token, decision, rule, outcome, node, bytes_out, duration_ms, policy';
    const [own, copy] = [ada, gate].map((one) => one.sql(`select ${columns} from requests order by id`));
    expect(await copy).toEqual(await own);
    expect(await copy).toHaveLength(2);
    expect(await kinds(gate)).toEqual({ request: 2, settled: 1 });
    const used = await gate.sql("select last_used_at > 0 as used from tokens where jti = 'token-ada'");
    expect([used, await gate.count('limits')]).toEqual([[{ used: 1 }], 1]);
  });

  test('what it made is known at the gate while it runs, and what it used once it has ended', async () => {
    const { gate, ada } = await joined();
    await ada.ask('made', 'ada', 'clip');
    await delivered(ada);
    expect(await gate.sql('select id, tester, pending is null as settled from objects')).toEqual([
      { id: 'clip', tester: 'ada', settled: 0 },
    ]);
    await ada.ask('ended', 'ada', 'clip');
    await delivered(ada);
    expect(
      await gate.sql('select pending, job_used as used from objects join requests r on r.id = request'),
    ).toEqual([{ pending: null, used: '{"videoSeconds":3}' }]);
    expect(await gate.count('inspections')).toBe(1);
    expect(await kinds(gate)).toEqual({ request: 2, settled: 2, units: 1 });
  });

  test('a delivery whose acknowledgement is lost changes nothing the second time', async () => {
    const { gate, ada } = await joined();
    await gate.ask('manner', 'loses');
    await ada.ask('call', 'ada');
    const [{ id = '' } = {}] = await ada.sql('select id from requests');
    await ada.letter(captureLetter({ request: String(id) }, 'a secret plan'), alert('one'));
    await until(async () => (await gate.count('outbox')) === 1);
    expect(await ada.count('feed_up')).toBeGreaterThan(0);
    await gate.ask('manner', 'takes');
    await delivered(ada);
    expect(await kinds(gate)).toEqual({ request: 1, settled: 1, captured: 1 });
    expect([
      await gate.count('captures'),
      await gate.count('prompt_rows'),
      await gate.count('outbox'),
    ]).toEqual([1, 1, 1]);
    expect(await ada.count('letters')).toBe(0);
  });

  test('a text longer than is kept goes as far as it is kept', async () => {
    const { gate, ada } = await joined();
    await ada.ask('call', 'ada');
    const [{ id = '' } = {}] = await ada.sql('select id from requests');
    await ada.letter(captureLetter({ request: String(id) }, 'ö'.repeat(2_000_000)));
    await delivered(ada);
    const bytes = 'length(sealed) between 1048576 and 1048700';
    expect(await gate.count('captures', bytes)).toBe(1);
  });

  test('an older delivery behind a newer one changes nothing', async () => {
    const { gate, ada } = await joined();
    await gate.ask('manner', 'refuses');
    await ada.ask('open', 'ada', { units: { tokens: 5 } });
    const older = { object: 'ada', ...(await ada.page('up')), letters: [] };
    await ada.write("update requests set outcome = 'complete', status = 200");
    await ada.write('update usage set day_used = 2, total_used = 2');
    const newer = { object: 'ada', ...(await ada.page('up')), letters: [] };
    for (const one of [newer, older]) await gate.take(one);
    expect(await gate.sql('select outcome from requests')).toEqual([{ outcome: 'complete' }]);
    expect(await gate.sql("select total_used as n from usage where subject = 'tester:ada'")).toEqual([
      { n: 2 },
    ]);
    expect(await kinds(gate)).toEqual({ request: 1, settled: 1 });
  });

  test('every further refusal that a row stands for has an entry, once', async () => {
    const { gate, ada } = await joined();
    await ada.ask('call', 'eve');
    await delivered(ada);
    for (const n of [2, 5]) {
      await ada.write(`update requests set repeats = ${n}`);
      await delivered(ada);
      expect(await kinds(gate)).toEqual({ request: 1, repeated: n - 1 });
    }
  });

  test('what a cohort used is the sum over its testers', async () => {
    const { gate, ada, bob } = await joined();
    await ada.ask('made', 'ada', 'clip');
    await bob.ask('made', 'bob', 'other');
    await delivered(ada);
    await delivered(bob);
    expect(await gate.sql('select subject, total_used as n from usage order by subject')).toEqual([
      { subject: 'cohort:artists', n: 8 },
      { subject: 'tester:ada', n: 4 },
      { subject: 'tester:bob', n: 4 },
    ]);
    await ada.ask('ended', 'ada', 'clip');
    await delivered(ada);
    expect(await gate.sql("select total_used as n from usage where subject = 'cohort:artists'")).toEqual([
      { n: 7 },
    ]);
  });

  test('a late row opens its block of the index again', async () => {
    const { gate, ada } = await joined();
    const id = (ms: number) => firstIdOf(Date.UTC(2026, 0, 1) + ms);
    await gate.write(
      `insert into blocks (first_id, last_id, oldest, newest, ids, times) values ('${id(0)}', '${id(9)}', 0, 9, x'', x'')`,
    );
    await ada.write(
      `insert into requests (id, at, method, path, decision, outcome) values ('${id(5)}', 5, 'GET', '/', 'refused', 'x')`,
    );
    await delivered(ada);
    expect(await gate.count('blocks')).toBe(0);
  });

  test('an object that crashes between commit and delivery delivers after its restart, unasked', async () => {
    const { gate, ada } = await joined();
    await gate.ask('manner', 'hangs');
    await ada.ask('open', 'ada');
    await workerd.end();
    workerd = await startWorkerd(text, { dir: workerd.dir });
    await until(async () => (await gate.count('requests', "outcome = 'lost'")) === 1);
    expect(await kinds(gate)).toEqual({ request: 1, settled: 1 });
  });
});

describe('both ways', () => {
  test('what is applied from the gate is not sent back to it, nor the other way', async () => {
    const { gate, ada, tell } = await joined();
    await gate.write("insert into objects (id, tester, kind) values ('clip', 'ada', 'entered')");
    await tell('ada');
    expect((await ada.page('up')).changes).toEqual([]);
    const { seq } = await gate.page('down');
    await ada.ask('made', 'ada', 'other');
    await delivered(ada);
    expect(await ids(gate, 'objects')).toEqual(['clip', 'other']);
    expect((await gate.page('down', seq)).changes).toEqual([]);
    // Whoever makes a copy of everything is told all the same.
    expect((await gate.page('archive', seq)).changes).not.toEqual([]);
  });

  test('a pending change survives an application', async () => {
    const { gate, ada, tell } = await joined();
    await gate.write("insert into objects (id, tester, kind) values ('clip', 'ada', 'entered')");
    await tell('ada');
    await gate.ask('manner', 'refuses');
    await ada.write("update objects set deleted_at = 7 where id = 'clip'");
    await gate.write("update objects set seconds = 4 where id = 'clip'");
    await tell('ada');
    expect(await ada.sql('select deleted_at as at from objects')).toEqual([{ at: 7 }]);
    await gate.take({ object: 'ada', ...(await ada.page('up')), letters: [] });
    expect(await gate.sql('select deleted_at as at, seconds from objects')).toEqual([{ at: 7, seconds: 4 }]);
  });

  test('whose an object is, is the gate’s word, whatever waited to be delivered', async () => {
    const { gate, ada, tell } = await joined();
    await ada.ask('made', 'ada', 'clip');
    await delivered(ada);
    await gate.ask('manner', 'refuses');
    await ada.ask('ended', 'ada', 'clip');
    await gate.write("update objects set tester = 'bob' where id = 'clip'");
    await gate.take({ object: 'ada', ...(await ada.page('up')), letters: [] });
    const there = () => gate.sql('select tester, pending from objects');
    expect(await there()).toEqual([{ tester: 'bob', pending: null }]);
    await tell('ada');
    await gate.take({ object: 'ada', ...(await ada.page('up')), letters: [] });
    expect([await ids(ada, 'objects'), await there()]).toEqual([[], [{ tester: 'bob', pending: null }]]);
  });
});

describe('the log', () => {
  test('of the gate verifies over calls of three objects, and not after a row was edited', async () => {
    const { gate, ada, bob, eve } = await joined();
    for (const [who, object] of [
      ['ada', ada],
      ['bob', bob],
      ['eve', eve],
    ] as const) {
      await object.ask('made', who, `clip-of-${who}`);
      await object.ask('call', who, { named: [{ id: 'no', param: 'id' }] });
      await object.ask('ended', who, `clip-of-${who}`);
      await object.ask('open', who);
      const [{ id = '' } = {}] = await object.sql('select max(id) as id from requests');
      await object.letter(captureLetter({ request: String(id), tester: who }, `a plan of ${who}`));
      await delivered(object);
    }
    await ada.write("update requests set repeats = 3 where decision = 'refused'");
    await delivered(ada);
    await gate.write("insert into switches (scope) values ('global')");
    await gate.write("insert into acts (operator, act, subject) values ('me', 'test', 'x')");
    await gate.write("insert into operators (name, role) values ('me', 'admin')");
    const keyText = await gate.ask<string>('seal');
    await workerd.end();
    const file = fileOf(gate);
    const report = await verified(file, keyText);
    expect(report).toMatchObject({ findings: [], checkpoints: 1, entries: 28, checked: 28 });
    for (const edit of ["rule = 'x'", 'job_used = null', "tester = 'eve'", 'repeats = 2', 'outcome = null']) {
      const db = new Database(file);
      const before = db.prepare("select * from requests where tester = 'ada' and job_used is not null").get();
      db.prepare(`update requests set ${edit} where tester = 'ada' and job_used is not null`).run();
      const { id, ...row } = before as Record<string, unknown>;
      db.close();
      expect((await verified(file, keyText)).findings).not.toEqual([]);
      const again = new Database(file);
      const set = Object.keys(row).map((name) => `"${name}" = :${name}`);
      again.prepare(`update requests set ${set.join(', ')} where id = :id`).run({ ...row, id });
      again.close();
    }
    expect((await verified(file, keyText)).findings).toEqual([]);
    workerd = await startWorkerd(text, { dir: workerd.dir });
  });
});

function fileOf({ name }: Obj): string {
  const files = readdirSync(workerd.disk).filter((file) => /^[0-9a-f]+\.sqlite$/.test(file));
  const found = files.find((file) => {
    const db = new Database(join(workerd.disk, file));
    const there = db.prepare('select name from named').get() as { name: string };
    db.close();
    return there.name === name;
  });
  return join(workerd.disk, found ?? 'none');
}

async function verified(file: string, keyText: string) {
  const db = openReadOnly(file);
  try {
    return await verifyLog({ db, sha256, key: await readLogKey(keyText, sha256), witnesses: [] });
  } finally {
    db.$client.close();
  }
}
