/** The log's tree: whoever edits, deletes, inserts, moves or cuts off is found, and the first bad entry is named. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyBundleFile, verifyDatabase } from '../../src/log/offline.node.ts';
import { post, startGate, startUpstream, type TestGate } from '../with-gate.ts';

let gate: TestGate;
let dir: string;
let witness: string;
let closeUpstream: () => Promise<void>;

/** Calls that end in several ways, an operator's acts, a stop and its release; then everything is signed and closed. */
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-tree-'));
  witness = join(dir, 'checkpoints.txt');
  const upstream = await startUpstream((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"resp_1","output":[]}');
  });
  closeUpstream = upstream.close;
  gate = await startGate(
    upstream.url,
    undefined,
    `log: { checkpointSeconds: 0.05, checkpointFile: ${JSON.stringify(witness)} }`,
  );
  const token = await gate.tester('ada');
  for (let i = 0; i < 6; i++) await post(gate.url, token, { model: 'm', input: `${i}` }, '/v1/embeddings');
  await gate.admin('POST', 'switches', { scope: 'tester:ada', reason: 'pause' });
  await post(gate.url, token, { model: 'm', input: 'refused' }, '/v1/embeddings');
  await gate.admin('POST', 'switches/release', { scope: 'tester:ada', reason: 'test' });
  await gate.sql("insert into switches (scope, reason) values ('cohort:by-hand', 'somebody in a hurry')");
  for (let i = 0; i < 200; i++) await post(gate.url, 'no-token', {}, '/v1/nothing');
  await gate.settled();
  await gate.stop();
});

afterAll(async () => {
  await gate.close();
  await closeUpstream();
  rmSync(dir, { recursive: true, force: true });
});

/** What verifying says after somebody with the file in hand has done this to a copy. */
async function after(sql: string, witnesses: readonly string[] = []) {
  const copy = mkdtempSync(join(dir, 'copy-'));
  cpSync(gate.dir, copy, { recursive: true });
  const db = new Database(join(copy, 'portcullis.sqlite'));
  db.exec(sql);
  db.close();
  return verifyDatabase({ dataDir: copy, key: null, witnesses });
}

const nth = (n: number) =>
  `(select id from requests where decision = 'allowed' order by id limit 1 offset ${n})`;

test('a log that nobody touched holds, and so do the checkpoints that were sent outside', async () => {
  const report = await after('select 1', [witness]);
  expect(report.findings).toEqual([]);
  expect(report.checked).toBe(report.entries);
  expect(report.entries).toBeGreaterThan(220);
  expect(report.checkpoints).toBeGreaterThan(2);
});

test.for([
  ['an edited row', `update requests set tester = 'eve' where id = ${nth(2)}`, /^request .* does not say/],
  ['an edited outcome', `update requests set bytes_out = 1 where id = ${nth(2)}`, /^settled .* does not say/],
  ['a deleted row', `delete from requests where id = ${nth(1)}`, /^request .* was deleted/],
  [
    'an inserted row',
    `insert into requests (id, at, method, path, decision, outcome)
     values ('01890a5d-ac96-774b-bcce-000000000001', 1, 'GET', '/v1/models', 'refused', 'x')`,
    /inserted past the gate/,
  ],
  [
    'a count made smaller',
    'update requests set repeats = repeats - 1 where repeats > 1',
    /^request .* counts/,
  ],
  [
    'an edited act',
    "update acts set operator = 'nobody' where act = 'switch.engage'",
    /^act .* does not say/,
  ],
  ['a deleted act', "delete from acts where act = 'switch.release'", /^act .* was deleted/],
  [
    'an edited switch',
    "update switches set reason = 'never' where scope = 'tester:ada'",
    /^switch .* does not say/,
  ],
] as const)('%s is found and named', async ([, sql, what]) => {
  const { findings } = await after(sql);
  expect(findings[0]?.what).toMatch(what);
});

test('two rows that change places are found', async () => {
  const { findings } = await after(`
    update requests set leaf = (select leaf from requests where id = ${nth(1)}), path = '/moved' where id = ${nth(0)}`);
  expect(findings[0]?.what).toMatch(/does not say/);
});

test('a row edited together with its leaf is found by the checkpoints, which name the entries between them', async () => {
  const { findings } = await after('update leaves set entries = zeroblob(length(entries)) where first = 0');
  expect(findings[0]?.entry).toBe(0);
});

test('leaves that change places are found', async () => {
  const swap =
    'update leaves set entries = cast(substr(entries, 50, 49) || substr(entries, 1, 49) || substr(entries, 99) as blob)';
  const { findings } = await after(
    `${swap} where first = (select first from leaves where length(entries) >= 98 limit 1)`,
  );
  expect(findings.some(({ what }) => /signed/.test(what))).toBe(true);
});

const CUT = `
  delete from leaves where first >= 100;
  delete from requests where coalesce(settled_leaf, leaf) >= 100;
  delete from acts where leaf >= 100;
  update switches set released_leaf = null, released_at = null, released_by = null where released_leaf >= 100;
  delete from switches where leaf >= 100;
  delete from tiles;
  delete from checkpoints where size > (select first from leaves order by first desc limit 1);`;

test('an end that was cut off is found by a checkpoint from elsewhere, and by nothing else', async () => {
  expect((await after(CUT)).findings.filter(({ what }) => !/counts/.test(what))).toEqual([]);
  const { findings } = await after(CUT, [witness]);
  expect(findings.some(({ what }) => /the end was cut off/.test(what))).toBe(true);
});

test('a log that was made anew with its own key is found by a checkpoint from elsewhere', async () => {
  const other = await startGate(null);
  const token = await other.tester('bob');
  for (let i = 0; i < 120; i++) await post(other.url, token, { model: 'm', input: 'x' }, '/v1/embeddings');
  await other.settled();
  await other.stop();
  // Whoever holds the machine holds the signing key as well.
  cpSync(join(gate.dir, 'log-key.json'), join(other.dir, 'log-key.json'));
  const cut = new Database(join(other.dir, 'portcullis.sqlite'));
  cut.exec('delete from checkpoints');
  cut.close();
  const { findings } = await verifyDatabase({ dataDir: other.dir, key: null, witnesses: [witness] });
  expect(findings.some(({ what }) => /forked/.test(what))).toBe(true);
  await other.close();
});

test('a bundle proves itself without the database, and shows every change', async () => {
  await gate.restart();
  const fetched = async (query: string) => {
    const answer = await fetch(`${gate.control}/admin/log/bundle${query}`, {
      headers: { authorization: `Bearer ${gate.credential}` },
    });
    return answer.text();
  };
  const { key } = (await gate.admin('GET', 'log')) as { key: string };
  const file = join(dir, 'bundle.jsonl');
  const verify = (text: string) => {
    writeFileSync(file, text);
    return verifyBundleFile(file, key);
  };

  const whole = await fetched('');
  expect((await verify(whole)).entries).toBeGreaterThan(220);
  const [one] = gate.rows("decision = 'allowed'");
  const single = await fetched(`?request=${one?.id}`);
  expect((await verify(single)).entries).toBe(2);
  expect(single).toContain('"tester\\":\\"ada');

  const lines = single.split('\n');
  const at = lines.findIndex((line) => line.includes('"e":'));
  await expect(verify(single.replace('ada', 'eve'))).rejects.toThrow(/edited/);
  await expect(verify(lines.toSpliced(at, 1).join('\n'))).rejects.toThrow(/should stand here|ends before/);
  await expect(verify(lines.toSpliced(-2, 1).join('\n'))).rejects.toThrow(/ends before|edited/);
  await expect(verify(`${single}${lines[at]}\n`)).rejects.toThrow(/more than/);
  await expect(verifyBundleFile(file, key.replace(/[0-9a-f]{8}/, '00000000'))).rejects.toThrow(/another key/);
});

test('a log that is older than its tree holds from the tree on, and an act says where that begins', async () => {
  const older = await startGate(null);
  const token = await older.tester('cyd');
  for (let i = 0; i < 5; i++) await post(older.url, token, { model: 'm', input: 'x' }, '/v1/embeddings');
  await older.settled();
  await older.stop();
  await older.sql(`delete from leaves; delete from tiles; delete from checkpoints; update acts set leaf = null;
    update requests set leaf = null, settled_leaf = null`);
  await older.restart();
  await post(older.url, token, { model: 'm', input: 'x' }, '/v1/embeddings');
  await older.settled();
  await older.stop();
  const verify = () => verifyDatabase({ dataDir: older.dir, key: null, witnesses: [] });
  expect((await verify()).findings).toEqual([]);
  await older.sql(`insert into requests (id, at, method, path, decision, outcome)
    values ('ffffffff-ac96-774b-bcce-000000000001', 1, 'GET', '/v1/models', 'refused', 'x')`);
  expect((await verify()).findings[0]?.what).toMatch(/inserted past the gate/);
  await older.close();
});
