/** Rows that go both ways between the gate and testers' objects, under workerd; the log that comes of them. */
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readLogKey } from '../../src/log/log-key.ts';
import { sha256 } from '../../src/log/sha256.node.ts';
import { verifyLog } from '../../src/log/verify.ts';
import { openReadOnly } from '../../src/store/db.node.ts';
import { captureLetter, delivered, ids, startRows } from './with-rows.ts';

let rows: Awaited<ReturnType<typeof startRows>>;
beforeAll(async () => {
  rows = await startRows();
});
afterAll(() => rows.close());

test('what is applied from the gate is not sent back to it, nor the other way', async () => {
  const { gate, ada, tell } = await rows.joined();
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
  const { gate, ada, tell } = await rows.joined();
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
  const { gate, ada, tell } = await rows.joined();
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

test('the log of the gate verifies over calls of three objects, and not after a row was edited', async () => {
  const { gate, ada, bob, eve } = await rows.joined();
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
  await rows.end();
  const file = rows.fileOf(gate);
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
  await rows.again();
});

async function verified(file: string, keyText: string) {
  const db = openReadOnly(file);
  try {
    return await verifyLog({ db, sha256, key: await readLogKey(keyText, sha256), witnesses: [] });
  } finally {
    db.$client.close();
  }
}
