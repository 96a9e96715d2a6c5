/** Rows that go from the gate to testers' objects, under workerd: what concerns a tester, and nothing of others. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ids, type Obj, startRows } from './with-rows.ts';

let rows: Awaited<ReturnType<typeof startRows>>;
beforeAll(async () => {
  rows = await startRows();
});
afterAll(() => rows.close());

test('a tester’s object is told what concerns that tester, and nothing of others', async () => {
  const { gate, ada, bob, tell } = await rows.world();
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

test('a feed says whom changes concern: those testers, or everybody', async () => {
  const { gate } = await rows.world();
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
  const { gate, ada, bob, tell } = await rows.world();
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
  const { gate, ada, tell } = await rows.world();
  await gate.write("insert into tokens (jti, tester, expires_at) values ('a', 'ada', 9), ('b', 'ada', 9)");
  await gate.write("update testers set limits = '{}' where id = 'ada'");
  await gate.write('update cohorts set created_at = 1');
  await tell('ada', 1);
  expect(await ids(ada, 'tokens', 'jti')).toEqual(['a', 'b']);
  expect(await ids(ada, 'cohorts', 'name')).toEqual(['artists']);
});

test('whoever has nothing yet is not told what is over; whoever has is told that it is', async () => {
  const { gate, ada, bob, tell } = await rows.world();
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
  const { gate, ada, bob, tell } = await rows.world();
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
  const { gate, ada, tell } = await rows.world();
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
  expect(await ada.sql('select id, state, place from releases order by id')).toEqual([
    { id: 1, state: 'withdrawn', place: 'elsewhere' },
    { id: 2, state: 'asked', place: 'p' },
  ]);
});

test('a table that is tracked from now on is told whole; one whose columns change keeps its triggers in step', async () => {
  const { gate } = await rows.world();
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
  const { gate } = await rows.world();
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
  const { gate, ada } = await rows.world();
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
