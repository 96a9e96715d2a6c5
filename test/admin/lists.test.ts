/** Lists of the admin API: nothing is missing between two pages, nothing comes twice, and what is looked for is found. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { VALID, validBy } from '../../src/admin/ended-tokens.ts';
import { objects } from '../../src/store/schema.ts';
import { type Admin, logCall, startAdmin } from './with-admin.ts';

let admin: Admin;
beforeEach(async () => {
  admin = await startAdmin();
  for (const name of ['alpha', 'beta']) await admin.call('POST', '/admin/cohorts', { name });
});
afterEach(() => admin.close());

const read = async (path: string) => (await admin.call('GET', `/admin/${path}`)).json();
const add = (id: string, more: object = {}) =>
  admin.call('POST', '/admin/testers', { id, cohort: 'alpha', ...more });
const found = async (query: string) =>
  (await read(`testers?${query}`)).testers.map(({ id }: { id: string }) => id);

/** Six rows in each list, and two cohorts more than there are. */
async function fill() {
  for (const n of [1, 2, 3, 4]) await admin.call('POST', '/admin/cohorts', { name: `cohort-${n}` });
  for (const n of [1, 2, 3, 4, 5, 6]) {
    await add(`tester-${n}`);
    await admin.call('POST', '/admin/tokens', { tester: `tester-${n}` });
    await admin.call('POST', '/admin/switches', { scope: `tester:tester-${n}`, reason: 'test' });
    admin.db.writer
      .insert(objects)
      .values({ id: `video_${n}`, tester: 'tester-1', kind: 'videos' })
      .run();
  }
}

test.each([
  ['cohorts', 'name', ''],
  ['testers', 'id', ''],
  ['tokens', 'jti', ''],
  ['switches', 'id', 'engaged=true&'],
  ['objects', 'id', ''],
  ['acts', 'id', 'act=token.issue&'],
])('%s come page by page, each row once, and the last page says so', async (list, name, filter) => {
  await fill();
  const whole = (await read(`${list}?${filter}limit=1000`))[list];
  expect(whole).toHaveLength(6);
  const pages: Record<string, unknown>[][] = [];
  for (let after = ''; ; ) {
    const page = await read(`${list}?${filter}limit=3${after && `&after=${encodeURIComponent(after)}`}`);
    pages.push(page[list]);
    if (page.next === null) break;
    expect(page.next).toBe(String(page[list].at(-1)[name]));
    after = page.next;
  }
  expect(pages.map((page) => page.length)).toEqual([3, 3]);
  expect(pages.flat().map((row) => row[name])).toEqual(
    whole.map((row: Record<string, unknown>) => row[name]),
  );
  expect((await admin.call('GET', `/admin/${list}?limit=0`)).status).toBe(400);
});

test('testers are found by a part of id, name, address or cohort, whatever SQL would make of it', async () => {
  await add('ada', { name: 'Ada Lovelace' });
  await add('bob', { email: 'bob_b@example.org' });
  await add('bobxb', { cohort: 'beta' });
  expect(await found('q=LOVE')).toEqual(['ada']);
  expect(await found('q=bob_b')).toEqual(['bob']);
  expect(await found('q=%25')).toEqual([]);
  expect(await found('q=%5C')).toEqual([]);
  expect(await found("q='%20or%201%3D1%20--")).toEqual([]);
  expect(await found('q=bet')).toEqual(['bobxb']);
  expect(await found('q=b&cohort=alpha')).toEqual(['bob']);
  await admin.call('POST', '/admin/testers/ada/reviews', { state: 'cleared', note: 'looked at' });
  expect(await found('review=cleared')).toEqual(['ada']);
  expect(await found('review=cleared&cohort=beta')).toEqual([]);
});

test('each tester is listed with tokens in force, last use, calls of today, and whether they may call', async () => {
  for (const id of ['ada', 'bob', 'cleo']) await add(id);
  for (const tester of ['ada', 'ada', 'bob']) await admin.call('POST', '/admin/tokens', { tester });
  const { tokens } = await read('tokens?tester=ada');
  await admin.call('POST', `/admin/tokens/${tokens[0].jti}/revoke`, {});
  admin.db.writer.$client.prepare('update tokens set last_used_at = 1000 where jti = ?').run(tokens[0].jti);
  await admin.call('POST', '/admin/switches', { scope: 'tester:bob', reason: 'test' });
  const yesterday = Date.now() - 86_400_000;
  for (const call of [{}, { decision: 'refused' as const }, { at: yesterday }, { tester: 'bob' }])
    logCall(admin.db.writer, call);
  expect((await read('testers')).testers).toMatchObject([
    { id: 'ada', validTokens: 1, lastUsedAt: '1970-01-01T00:00:01.000Z', callsToday: 2, mayCall: true },
    { id: 'bob', validTokens: 1, lastUsedAt: null, callsToday: 1, mayCall: false },
    { id: 'cleo', validTokens: 0, callsToday: 0, mayCall: false },
  ]);
});

test('the list and GET /admin/standing say the same of everybody', async () => {
  await fill();
  await admin.call('POST', '/admin/switches/release', { scope: 'tester:tester-2', reason: 'over' });
  await add('beta-1', { cohort: 'beta' });
  await admin.call('POST', '/admin/tokens', { tester: 'beta-1' });
  const standing = (await read('standing')).testers.map((one: { tester: string; may: boolean }) => [
    one.tester,
    one.may,
  ]);
  const listed = (await read('testers')).testers.map((one: { id: string; mayCall: boolean }) => [
    one.id,
    one.mayCall,
  ]);
  expect(listed).toEqual(standing);
  expect(listed.filter(([, may]: [string, boolean]) => may)).toEqual([['tester-2', true]]);
});

test('acts are found by operator, kind, subject and time', async () => {
  await add('ada');
  await admin.call('POST', '/admin/switches', { scope: 'tester:ada', reason: 'test' });
  await admin.call('POST', '/admin/cohorts', { name: 'gamma' }, admin.credentials.admin);
  const acts = async (query: string) =>
    (await read(`acts?${query}`)).acts.map(({ act, subject }: Record<string, string>) => `${act} ${subject}`);
  expect(await acts('operator=the-admin')).toEqual(['cohort.create cohort:gamma']);
  expect(await acts('act=switch.engage')).toEqual(['switch.engage tester:ada']);
  expect(await acts('subject=tester:ada')).toEqual(['switch.engage tester:ada', 'tester.create tester:ada']);
  expect(await acts('subject=_ester')).toEqual([]);
  expect(await acts('since=1h')).toHaveLength(5);
  expect(await acts('until=1h')).toEqual([]);
  expect((await admin.call('GET', '/admin/acts?since=yesterday')).status).toBe(400);
});

test('a release of a narrow scope names the stop of everything, behind however many others', async () => {
  await add('ada');
  await admin.call('POST', '/admin/switches', { scope: 'global', reason: 'test' });
  const insert = admin.db.writer.$client.prepare('insert into switches (scope) values (?)');
  admin.db.writer.$client.transaction(() => {
    for (let i = 0; i < 1_500; i++) insert.run(`tester:t${i}`);
  })();
  const answer = await admin.call('POST', '/admin/switches/release', { scope: 'tester:ada', reason: 'over' });
  expect((await answer.json()).detail).toContain('"global" is stopped by switch 1');
});

test('a token is held against the switches that name it, however many are engaged', () => {
  const plan = admin.db.reader.$client
    .prepare<[object], { detail: string }>(`explain query plan select jti from tokens where ${VALID}`)
    .all(validBy(admin.control))
    .map(({ detail }) => detail);
  expect(plan).toContainEqual(
    expect.stringMatching(/^SEARCH switches USING INDEX switches_engaged \(scope=\?\)/),
  );
  expect(plan).not.toContainEqual(expect.stringMatching(/^SCAN switches/));
});
