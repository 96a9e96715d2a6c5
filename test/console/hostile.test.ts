/** The console against those who write into the log, and against pages of other sites. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, PERMISSIVE, raw, startUpstream, type Upstream } from '../with-gate.ts';
import { type Console, startConsole } from './with-console.ts';

const MARK = 'xss';
const SCRIPT = `"><script>document.title='${MARK}'</script><img src=x onerror="document.title='${MARK}'">`;
const ATTRIBUTE = `' onmouseover='document.title="${MARK}"' autofocus onfocus='document.title="${MARK}"' x='`;
const TEMPLATE = `</title></textarea></style><svg onload=document.title='${MARK}'>\${1}{{1}}`;
const HOSTILE = [SCRIPT, ATTRIBUTE, TEMPLATE];

const CLIP = Buffer.from('clip');
const CLIP_HASH = createHash('sha256').update(CLIP).digest('hex');

let it: Console;
let token: string;
const places: string[] = [];
beforeAll(async () => {
  it = await startConsole(`artists: { ${PERMISSIVE}, capture: full }`, 'log: { checkpointSeconds: 1 }');
  token = await it.gate.tester('grace');
  await it.gate.admin('PATCH', 'testers/grace', { name: SCRIPT.slice(0, 200) });
  await it.gate.admin('POST', 'testers/grace/reviews', { state: 'under-review', note: ATTRIBUTE });
  await it.gate
    .admin('POST', 'switches', {
      scope: `model:${SCRIPT.replaceAll(' ', '')}`,
      reason: SCRIPT,
      note: ATTRIBUTE,
    })
    .catch(() => {});
  const { id } = await it.gate.admin('POST', 'switches', {
    scope: 'tester:ada',
    reason: SCRIPT,
    note: TEMPLATE,
  });
  for (const text of HOSTILE) await callWith(text);
  await it.gate.settled();
  // What no writer of ours lets in, and somebody with the database open does.
  const quoted = SCRIPT.replaceAll("'", "''");
  await it.gate.sql(`insert into cohorts (name) values ('${quoted}');
    insert into testers (id, cohort, name) values ('${quoted}', '${quoted}', '${quoted}');
    insert into objects (id, tester, kind) values ('video_${quoted}', '${quoted}', 'videos');
    insert into marks (code, request, tester, object, at) values ('ABCD34EW', '${quoted}', '${quoted}', 'video_${quoted}', 1);
    insert into outputs (object, variant, sha256, tester, bytes, media_type, at) values ('video_${quoted}', '${quoted}', '${CLIP_HASH}', '${quoted}', 4, '${quoted}', 1);
    insert into releases (id, object, tester, purpose, place, at, state_at) values (7001, 'video_${quoted}', '${quoted}', '${quoted}', '${quoted}', 1, 1);
    insert into releases (id, object, tester, purpose, place, state, at, state_at) values (7002, 'video_${quoted}', '${quoted}', '${quoted}', '${quoted}', 'rejected', 1, 1);
    insert into release_votes (release, vote, by, reason, at) values (7002, 'reject', '${quoted}', '${quoted}', 1);
    insert into findings (id, tester, at, title, severity, category, reproduction, request, object, answer, status_by) values (7003, '${quoted}', 1, '${quoted}', 'high', 'privacy', '${quoted}', '${quoted}', '${quoted}', '${quoted}', '${quoted}');
    insert into attachments (finding, tester, name, type, bytes, sha256, data) values (7003, '${quoted}', '${quoted}', '${quoted}', 1, '${quoted}', x'00');
    insert into appeals (tester, at, text) values ('${quoted}', 1, '${quoted}');
    insert into feedback (tester, at, rating, text, request, object) values ('${quoted}', 1, 5, '${quoted}', '${quoted}', '${quoted}');
    insert into switches (scope, reason, note, engaged_by) values ('cohort:${quoted}', '${quoted}', '${quoted}', '${quoted}');
    update requests set agent = '${quoted}', address = '${quoted}', detail = '${quoted}', rule = '${quoted}',
      upstream_request_id = '${quoted}', size = '${quoted}', client_request_id = '${quoted}', operation = '${quoted}'
      where id in (select id from requests order by id limit 1)`);
  const wanted = encodeURIComponent(SCRIPT);
  places.push(
    '/console/releases',
    `/console/releases?state=rejected`,
    '/console/releases/7001',
    '/console/releases/7002',
  );
  places.push(
    `/console/releases?tester=${wanted}&object=${wanted}`,
    '/console/trace',
    '/console/trace?code=ABCD',
  );
  places.push(`/console/trace?code=${wanted}`);
  places.push(
    '/console/reports',
    `/console/reports?tester=${wanted}&status=${wanted}`,
    '/console/reports/7003',
    '/console/reports/appeals',
    '/console/reports/feedback',
  );
  places.push(
    '/console',
    '/console/stop',
    `/console/stop?kind=tester&name=${wanted}`,
    '/console/testers',
    '/console/testers/grace',
  );
  places.push(
    `/console/testers?q=${wanted}&cohort=${wanted}`,
    '/console/cohorts',
    '/console/requests',
    '/console/requests?follow=1',
  );
  places.push(`/console/requests?tester=${wanted}&since=${wanted}&model=${wanted}`, '/console/requests/rows');
  places.push(
    '/console/outputs',
    `/console/outputs?kind=${wanted}&tester=${wanted}`,
    '/console/switches',
    `/console/switches/${id}`,
  );
  places.push(
    `/console/switches?cohort=${wanted}`,
    '/console/settings',
    '/console/settings/operators',
    '/console/settings/acts',
  );
  places.push(
    '/console/settings/you',
    '/console/settings/keys',
    `/console/sign-in?next=${wanted}`,
    `/console/${wanted.replaceAll('%2F', '')}`,
  );
  places.push(...it.gate.rows().map((row) => `/console/requests/${row.id}`));
}, 60_000);
afterAll(() => it.close());

/** As a tester would: in every field that one can write. */
async function callWith(text: string): Promise<void> {
  const plain = text.replaceAll(/[^\x21-\x7e ]/g, '');
  for (const path of [
    '/v1/chat/completions',
    `/v1/models/${encodeURIComponent(plain.replaceAll(/[/%;\\]/g, ''))}`,
  ])
    await fetch(it.gate.url + path, {
      method: path.endsWith('completions') ? 'POST' : 'GET',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'user-agent': plain,
        'x-client-request-id': plain,
      },
      ...(path.endsWith('completions')
        ? { body: JSON.stringify({ ...CHAT, model: text, messages: [{ role: 'user', content: text }] }) }
        : {}),
    });
}

test('what testers and operators write is shown as text, on every page', async () => {
  const { page, faults, open, context } = await it.signedIn('reader');
  let shown = 0;
  for (const place of places) {
    await open(place);
    await page.waitForTimeout(60);
    expect([place, (await page.title()).startsWith(MARK)]).toEqual([place, false]);
    const planted = await page.evaluate(
      () =>
        [...document.querySelectorAll('*')].filter(
          (one) =>
            [...one.attributes].some(({ name }) => name.startsWith('on')) ||
            (one.tagName === 'SCRIPT' && one.textContent !== ''),
        ).length,
    );
    expect([place, planted]).toEqual([place, 0]);
    if ((await page.content()).includes('&lt;script&gt;')) shown++;
    expect([place, faults]).toEqual([place, []]);
  }
  // Else this test would look at nothing.
  expect(shown).toBeGreaterThan(12);
  await context.close();
}, 120_000);

test.each([true, false])(
  'what is told of a traced clip is escaped like the rest (script: %s)',
  async (script) => {
    const { page, faults, context } = await it.signedIn(`tracer-${script}`, { script });
    await page.goto('/console/trace');
    const file = { name: SCRIPT, mimeType: 'video/mp4', buffer: CLIP };
    await page.getByLabel('A clip, as it was found').setInputFiles(file);
    await page.getByRole('button', { name: 'Whose is it?' }).click();
    await page.getByRole('region', { name: 'What was found' }).waitFor();
    expect(await page.locator('.gallery').textContent()).toContain('<script>');
    expect(await page.content()).toContain('&lt;script&gt;');
    expect(await page.locator('.gallery [onerror], .gallery script, .traced script').count()).toBe(0);
    expect([await page.title(), faults]).toEqual(['Whose clip is this? · Portcullis', []]);
    await context.close();
  },
);

test('live parts are escaped like the rest', async () => {
  const { page, faults, context } = await it.signedIn('watcher');
  await page.goto('/console');
  await it.gate.admin('POST', 'switches', { scope: 'tester:grace', reason: `live ${SCRIPT}` });
  await page.getByText('live ">').waitFor();
  expect(await page.title()).not.toBe(MARK);
  await it.gate.admin('POST', 'switches/release', { scope: 'tester:grace', reason: 'over' });
  expect(faults).toEqual([]);
  await context.close();
});

test('nothing but our own files runs or loads, nobody frames us, and no answer stays in a cache', async () => {
  const { page, context } = await it.signedIn('reader');
  for (const place of [
    '/console',
    '/console/sign-in',
    '/console/nothing',
    '/console/requests/none',
    '/console/assets/none',
  ]) {
    const headers = (await page.request.get(place)).headers();
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'self'; style-src 'self'; .*frame-ancestors 'none'$/,
    );
    expect(headers['content-security-policy']).not.toMatch(/unsafe|\*|data:|https?:/);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
    });
  }
  await page.goto('/console');
  const outside = await page.evaluate(() =>
    [...document.querySelectorAll('[src], link[href]')].map(
      (one) => one.getAttribute('src') ?? one.getAttribute('href') ?? '',
    ),
  );
  expect(outside.filter((address) => !address.startsWith('/console/assets/'))).toEqual([]);
  expect(await page.content()).not.toMatch(/ style=|<style|javascript:/);
  await context.close();
});

test('no page of another site acts, reads or frames: neither with the cookie nor with a guessed token', async () => {
  const { page, context } = await it.signedIn('victim');
  const other: Upstream = await startUpstream((incoming, outgoing) => {
    const target = new URL(incoming.url ?? '/', 'http://x').searchParams.get('to');
    outgoing.writeHead(200, { 'content-type': 'text/html' }).end(
      `<form method="post" action="${it.origin}/console/stop"><input name="scope" value="global"><input name="reason" value="x"><input name="csrf" value="guessed"></form>
       <iframe src="${target ?? ''}"></iframe>`,
    );
  });
  await page.goto(`${other.url}/?to=${encodeURIComponent(`${it.origin}/console`)}`);
  const framed = () =>
    page
      .frames()
      .find((frame) => frame.url().startsWith(it.origin) || frame.url().startsWith('chrome-error'));
  // The browser refuses the frame's page a moment after the page around it has loaded.
  await expect.poll(framed).toBeDefined();
  expect(await framed()?.locator('body').textContent()).not.toMatch(/Portcullis|Sign in/);
  await page.locator('form').evaluate((form) => (form as HTMLFormElement).submit());
  await page.waitForURL(`${it.origin}/**`);
  expect((await it.gate.admin('GET', 'status')).open).toBe(true);
  await context.close();
  await other.close();
});

test('a form without its token, or with that of another session, does nothing', async () => {
  const [one, two] = [await it.signedIn('victim'), await it.signedIn('attacker')];
  await two.page.goto('/console');
  const foreign = (await two.page.locator('input[name="csrf"]').first().getAttribute('value')) ?? '';
  for (const csrf of [undefined, '', foreign, `${foreign}0`]) {
    const form = { scope: 'global', reason: 'x', ...(csrf === undefined ? {} : { csrf }) };
    const answer = await one.page.request.post('/console/stop', { form, headers: { origin: it.origin } });
    expect([csrf, answer.status()]).toEqual([csrf, 403]);
  }
  const json = await one.page.request.post('/console/stop', { data: { scope: 'global', reason: 'x' } });
  expect(json.status()).toBe(415);
  expect((await it.gate.admin('GET', 'status')).open).toBe(true);
  await one.context.close();
  await two.context.close();
});

test.each(['/console', '/console/sign-in'])(
  '%s is not shown under a name that is not ours (DNS rebinding)',
  async (place) => {
    const text = await raw(
      it.gate.control,
      `GET ${place} HTTP/1.1\r\nHost: rebound.example\r\nConnection: close\r\n\r\n`,
    );
    expect(text).toMatch(/^HTTP\/1\.1 403 /);
    expect(text).toContain('Host name not accepted');
    expect(text).not.toContain('<form');
  },
);

test('no secret stands in a page: no credential, no hash of one, no key, no cookie', async () => {
  const { page, context } = await it.signedIn('reader');
  const [cookie] = await context.cookies();
  const secrets = [cookie?.value ?? '', token, 'sk-upstream-canary-key', 'pco_'];
  for (const place of places) {
    const text = await (await page.request.get(place)).text();
    for (const secret of secrets)
      expect([place, secret.slice(0, 6), text.includes(secret)]).toEqual([place, secret.slice(0, 6), false]);
  }
  await context.close();
}, 60_000);
