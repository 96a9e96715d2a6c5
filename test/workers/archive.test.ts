/** The copy in D1, under wrangler's local one: it says what the gate's rows say. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { getPlatformProxy } from 'wrangler';
import { migrations } from '../../scripts/workers-bundle.ts';
import { type Archive, archiveIn, type D1 } from '../../src/worker/archive.worker.ts';
import { ARCHIVED } from '../../src/worker/tables.worker.ts';
import { bundle, startWorkerd, type Workerd } from '../engines/with-workerd.ts';
import { type Obj, objectAt } from './with-rows.ts';

let workerd: Workerd;
let proxy: Awaited<ReturnType<typeof getPlatformProxy<Record<string, D1>>>>;
const dir = mkdtempSync(join(tmpdir(), 'portcullis-d1-'));
beforeAll(async () => {
  workerd = await startWorkerd((await bundle('test/workers/rows.worker.ts')).text);
  const configPath = join(dir, 'wrangler.json');
  const databases = Array.from({ length: DATABASES }, (_, i) => `D1_${i}`);
  const d1_databases = databases.map((name) => ({ binding: name, database_name: name, database_id: name }));
  writeFileSync(configPath, JSON.stringify({ name: 'test', compatibility_date: '2026-11-01', d1_databases }));
  proxy = await getPlatformProxy({ configPath, persist: false });
});
afterAll(async () => {
  await proxy.dispose();
  await workerd.close();
  rmSync(dir, { recursive: true, force: true });
});

/** One for each test. */
const DATABASES = 5;
let worlds = 0;

/** A gate with some of everything, and a D1 with nothing. */
async function filled() {
  const d1 = proxy.env[`D1_${worlds}`];
  if (!d1) throw new Error('there are not so many databases');
  const gate = objectAt(() => workerd.url, `world-${worlds++}`, 'gate');
  await gate.write("insert into cohorts (name) values ('artists')");
  await gate.write(`insert into testers (id, cohort, name) values ('ada', 'artists', 'Ada "Ö" 1')`);
  await gate.write("insert into tokens (jti, tester, expires_at) values ('a', 'ada', 9)");
  await gate.write(
    "insert into switches (scope, reason) values ('global', '{\"a\":[1]}'), ('tester:ada', '1.50')",
  );
  await gate.write("insert into readmissions (switch, scope) values (1, 'tester:ada')");
  await gate.write("insert into acts (operator, act, subject) values ('me', 'test', 'x')");
  await gate.write("insert into acceptances values ('ada', 1, 'x', 1, null, 'api')");
  await gate.write("insert into objects (id, tester, kind, seconds) values ('clip', 'ada', 'videos', 4.5)");
  await gate.write(ASK);
  return { d1, gate, archive: archiveIn(d1, migrations(), ARCHIVED) };
}

const ASK =
  "insert into releases (object, tester, purpose, place, at, state_at) values ('clip', 'ada', 'p', 'p', 1, 1)";

/** All that waits, in pages. */
async function tell(gate: Obj, archive: Archive, most?: number): Promise<void> {
  for (let more = true; more; ) {
    const page = await gate.page('archive', 0, undefined, most);
    await archive(page);
    await gate.ask('forget', 'archive', page.seq);
    ({ more } = page);
  }
}

async function expectCopy(gate: Obj, d1: D1): Promise<void> {
  for (const { table, key } of ARCHIVED) {
    const text = `select * from "${table}" order by ${key.join(', ')}`;
    const [copy] = await d1.batch([d1.prepare(text)]);
    expect([table, copy?.results]).toEqual([table, await gate.sql(text)]);
  }
}

test('the copy in D1 says what the gate’s rows say, as they come, change and go', async () => {
  const { d1, gate, archive } = await filled();
  await tell(gate, archive, 1);
  await expectCopy(gate, d1);
  await gate.write('update switches set released_at = 5 where id = 2');
  await gate.write("update releases set state = 'withdrawn'");
  await gate.write(ASK);
  await gate.write("update releases set place = 'elsewhere' where id = 1");
  await gate.write('delete from tokens');
  await gate.write('delete from objects');
  await tell(gate, archive, 1);
  await gate.write("insert into cohorts (name) values ('others')");
  await gate.write("update testers set cohort = 'others'");
  await gate.write("delete from cohorts where name = 'artists'");
  await tell(gate, archive);
  await expectCopy(gate, d1);
  expect((await gate.page('archive')).changes).toEqual([]);
});

test('a lost answer, and a gate that starts anew, change nothing', async () => {
  const { d1, gate } = await filled();
  let asked = '';
  const lost = new Set<string>();
  /** Of everything that it is asked, the first answer is lost. */
  const losing: D1 = {
    prepare(text) {
      asked += text;
      return d1.prepare(text);
    },
    async batch(statements) {
      const [all, isFirst] = [asked, !lost.has(asked)];
      asked = '';
      lost.add(all);
      const results = await d1.batch(statements);
      if (isFirst) throw new Error('the answer is lost');
      return results;
    },
  };
  for (const archive of [
    archiveIn(losing, migrations(), ARCHIVED),
    archiveIn(losing, migrations(), ARCHIVED),
  ]) {
    for (let again = true; again; )
      again = await archive(await gate.page('archive')).then(
        () => false,
        () => true,
      );
    await expectCopy(gate, d1);
  }
  // One of each migration, two before them, one of the rows.
  expect(lost.size).toBe(migrations().length + 3);
});

test('a request to D1 that was overtaken by a newer one writes nothing, and is told so', async () => {
  const { d1, gate, archive } = await filled();
  const older = await gate.page('archive');
  await gate.write("update testers set name = 'Augusta'");
  await gate.write('delete from readmissions');
  await archive(await gate.page('archive'));
  await expect(archive(older)).rejects.toThrow('D1 is ahead');
  await expectCopy(gate, d1);
});

test('a thousand rows at once, and long ones, fit', async () => {
  const { d1, gate, archive } = await filled();
  await gate.write(
    `insert into requests (id, at, method, path, decision, tester, size, first_byte_ms)
     with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000)
     select printf('%08d', i), i, 'GET', '/v1/x', 'refused', 'ada', hex(zeroblob(400)), i / 8.0 from n`,
  );
  for (let i = 0; i < 3; i++)
    await gate.write(
      `insert into policies (by, source, sha256, text, diff) values ('me', 'api', '', hex(zeroblob(300000)), '')`,
    );
  await tell(gate, archive);
  await expectCopy(gate, d1);
});

test('nothing goes there that lets anybody in, and no text that was kept of a call', async () => {
  const { d1, gate, archive } = await filled();
  await gate.write("insert into operators (name, role) values ('me', 'admin')");
  await gate.write("insert into operator_tokens (id, operator, label, hash) values ('1', 'me', 'x', 'hash')");
  await gate.write("insert into sealing_keys values ('ada', x'01')");
  await gate.write("insert into captures values ('1', 'prompt', 'ada', 1, x'01', x'01')");
  await gate.write("insert into prompts (rowid, text) values (1, 'secret')");
  await gate.write(
    "insert into portal_links (hash, tester, at, by, expires_at) values ('x', 'ada', 1, 'me', 9)",
  );
  await gate.write(
    "insert into share_links (id, release, object, at, by, expires_at) values ('x', 1, 'clip', 1, 'me', 9)",
  );
  await tell(gate, archive);
  await expectCopy(gate, d1);
  for (const table of [
    'operator_tokens',
    'sealing_keys',
    'captures',
    'prompts',
    'portal_links',
    'share_links',
  ]) {
    const [none] = await d1.batch([d1.prepare(`select 1 from "${table}"`)]);
    expect([table, none?.results]).toEqual([table, []]);
  }
});
