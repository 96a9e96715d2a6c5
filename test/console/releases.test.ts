/** Reviewers at their queue, with and without script: look, approve, reject, share, withdraw. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { signedIn as inPortal } from '../portal/with-portal.ts';
import { PERMISSIVE } from '../with-gate.ts';
import { askFor, clipOf, linksOf } from './with-clips.ts';
import { type Console, startConsole, type Visitor } from './with-console.ts';

const PROMPT = 'A heron waits by the lock gate';
const WORDS = { purpose: 'Short film festival', place: 'A screen in Ghent' };
let it: Console;
let token: string;
let clip: string;
const people = new Map<string, Visitor>();
beforeAll(async () => {
  it = await startConsole(`artists: { ${PERMISSIVE}, capture: prompt }`, 'releases: { approvals: 2 }');
  token = await it.gate.tester('grace');
  clip = (await clipOf(it.gate, token, PROMPT)).id;
  for (const script of [true, false])
    for (const name of ['rae', 'ray'])
      people.set(`${name}-${script}`, await it.signedIn(`${name}-${script}`, { role: 'reviewer', script }));
}, 90_000);
afterAll(() => it.close());
const person = (name: string) => {
  const visitor = people.get(name);
  if (!visitor) throw new Error(`${name} is not signed in`);
  return visitor.page;
};
const stateOf = async (id: number) => (await it.gate.admin('GET', `releases/${id}`)).state;
const follow = async (url: string) => {
  const answer = await fetch(new URL(url, it.gate.url));
  await answer.arrayBuffer();
  return answer.status;
};

test.each([true, false])(
  'two reviewers look at a clip and approve it, share it, and take it back (script: %s)',
  async (script) => {
    const id = await askFor(it.gate, token, clip, WORDS);
    const [page, other] = [person(`rae-${script}`), person(`ray-${script}`)];
    await page.goto('/console');
    await page.getByRole('link', { name: 'Releases', exact: true }).click();
    const waiting = page.getByRole('table', { name: 'Releases' }).locator('tbody tr');
    expect(await waiting.count()).toBe(1);
    expect(await waiting.first().textContent()).toMatch(
      /grace.*Short film festival.*A screen in Ghent.*0 of 2/s,
    );
    await page.getByRole('link', { name: `Release ${id}` }).click();
    const main = page.getByRole('main');
    for (const words of [PROMPT, WORDS.purpose, WORDS.place, 'grace', 'artists', '0 of 2 approvals'])
      expect([words, (await main.textContent())?.includes(words)]).toEqual([words, true]);
    expect(await page.locator('video').getAttribute('src')).toBe(`/admin/objects/${clip}/content`);
    if (script) {
      await page.locator('video').evaluate(async (element) => {
        const video = element as HTMLVideoElement;
        video.muted = true;
        await video.play();
      });
      await expect
        .poll(() => page.locator('video').evaluate((one) => (one as HTMLVideoElement).currentTime), {
          timeout: 15_000,
        })
        .toBeGreaterThan(0);
    }
    await page.getByRole('button', { name: 'Approve' }).click();
    await page.getByText('1 of 2 approvals').waitFor();
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    expect(await stateOf(id)).toBe('asked');

    await other.goto(`/console/releases/${id}`);
    expect(await other.getByRole('table', { name: 'What was said' }).textContent()).toContain(
      `rae-${script}`,
    );
    await other.getByRole('button', { name: 'Approve' }).click();
    await other.getByText('approved', { exact: true }).first().waitFor();
    expect(await stateOf(id)).toBe('approved');

    const links = other.locator('#links');
    for (const n of [1, 2]) {
      await links.getByLabel('Days, or the usual').fill('3');
      await links.getByRole('button', { name: 'Make a link' }).click();
      await expect.poll(() => links.locator('tbody tr').count(), { timeout: 10_000 }).toBe(n);
    }
    const [second, first] = await links.locator('code[id]').allTextContents();
    expect(await follow(first ?? '')).toBe(200);
    await it.gate.settled();
    await other.reload();
    const row = links.locator('tbody tr', { hasText: first ?? '' });
    expect(await row.locator('td[data-column="Followed"]').textContent()).toBe('1');
    expect(await row.getByRole('button', { name: /^Copy/ }).isVisible()).toBe(script);
    await row.getByRole('button', { name: /^Revoke/ }).click();
    await links.getByText('revoked', { exact: true }).waitFor();
    expect([await follow(first ?? ''), await follow(second ?? '')]).toEqual([404, 200]);

    await other.getByLabel('Reason, which the tester reads').fill('A complaint came in');
    await other.getByRole('button', { name: 'Withdraw' }).click();
    await other.getByText('It may not be shown outside any more.').waitFor();
    expect([await stateOf(id), await follow(second ?? '')]).toEqual(['withdrawn', 404]);
    expect(await other.getByRole('main').textContent()).toContain('A complaint came in');
  },
  60_000,
);

test.each([true, false])(
  'a rejection wants its reason, the tester reads it, and the queue is empty (script: %s)',
  async (script) => {
    const id = await askFor(it.gate, token, clip, WORDS);
    const page = person(`rae-${script}`);
    await page.goto(`/console/releases/${id}`);
    const csrf = (await page.locator('input[name="csrf"]').first().getAttribute('value')) ?? '';
    const headers = { origin: it.origin };
    const bare = await page.request.post(`/console/releases/${id}/reject`, { form: { csrf }, headers });
    expect([bare.status(), await stateOf(id)]).toEqual([400, 'asked']);
    expect(await bare.text()).toContain('say why: the tester reads it');
    const forged = await page.request.post(`/console/releases/${id}/approve`, { form: {}, headers });
    expect([forged.status(), await stateOf(id)]).toEqual([403, 'asked']);

    const reject = page.locator('form', { has: page.getByRole('button', { name: 'Reject' }) });
    await reject.getByLabel('Reason, which the tester reads').fill('It shows a face');
    await reject.getByRole('button').click();
    await page.getByText('rejected', { exact: true }).first().waitFor();
    expect((await (await inPortal(it.gate, token)).get('/portal/releases')).text).toContain(
      'It shows a face',
    );
    await page.goto('/console/releases');
    await page.getByText('Nothing waits for a decision.').waitFor();
    await page.getByRole('navigation', { name: 'States' }).getByRole('link', { name: 'Rejected' }).click();
    await page.getByRole('link', { name: `Release ${id}` }).click();
    await page.getByRole('heading', { name: 'Asked of this clip at other times' }).waitFor();
  },
  60_000,
);

test('whoever waits longest stands first, a filter is an address, and pages go on where they end', async () => {
  const from = Date.parse('2026-01-01');
  const rows = Array.from(
    { length: 30 },
    (_, i) => `('video_w${i}', 'grace', 'p${i}', 'x', ${from + i}, ${from + i})`,
  );
  await it.gate.sql(`insert into objects (id, tester, kind) values ${rows.map((_, i) => `('video_w${i}', 'grace', 'videos')`)};
    insert into releases (object, tester, purpose, place, at, state_at) values ${rows}`);
  const page = person('rae-false');
  await page.goto('/console/releases?tester=grace');
  const purposes = () => page.locator('td[data-column="Purpose"]').allTextContents();
  const first = await purposes();
  expect(first).toEqual(Array.from({ length: 24 }, (_, i) => `p${i}`));
  await page.getByRole('link', { name: 'Later' }).click();
  expect(await purposes()).toEqual(['p24', 'p25', 'p26', 'p27', 'p28', 'p29']);
  await page.goto('/console/releases?object=video_w7');
  expect(await purposes()).toEqual(['p7']);
  expect((await page.goto('/console/releases?state=nonsense'))?.status()).toBe(400);
  await it.gate.sql(
    `delete from releases where object like 'video_w%'; delete from objects where id like 'video_w%'`,
  );
});

test('a reviewer is led nowhere that the role may not go, and reads no log', async () => {
  const { page, open } = people.get('rae-true') as Visitor;
  const id = await askFor(it.gate, token, clip, WORDS);
  const places = ['/console', '/console/outputs', '/console/outputs?kind=files', `/console/outputs/${clip}`];
  places.push(
    '/console/releases?state=all',
    `/console/releases/${id}`,
    '/console/trace',
    '/console/settings/you',
  );
  const found = new Set<string>();
  for (const place of places) {
    expect([place, await open(place)]).toEqual([place, 200]);
    for (const href of await linksOf(page)) found.add(href);
  }
  expect(found.size).toBeGreaterThan(8);
  for (const href of found) expect([href, await open(href)]).toEqual([href, 200]);
  const [call] = it.gate.rows("operation = 'videos.create'");
  for (const place of ['/console/requests', `/console/requests/${call?.id}`, '/console/testers/grace'])
    expect([place, await open(place)]).toEqual([place, 403]);
  for (const path of [
    'requests',
    `requests/${call?.id}`,
    'log/outputs?objects=x',
    'testers',
    'log/search?q=heron',
  ])
    expect([path, (await page.request.get(`/admin/${path}`)).status()]).toEqual([path, 403]);
});

test('an auditor reads releases, is shown no act and no link that works, and is refused every act', async () => {
  const id = await askFor(it.gate, token, (await clipOf(it.gate, token, 'Snow')).id, WORDS);
  for (const name of ['rae-true', 'ray-true']) {
    await person(name).goto(`/console/releases/${id}`);
    await person(name).getByRole('button', { name: 'Approve' }).click();
    await person(name)
      .getByText(/[12] of 2 approvals/)
      .waitFor();
  }
  const made = await it.gate.admin('POST', `releases/${id}/links`, {});
  const { page, faults, context } = await it.signedIn('audrey', { role: 'auditor' });
  await page.goto(`/console/releases/${id}`);
  expect(await page.locator('main form').count()).toBe(0);
  expect(await page.content()).not.toContain('psl_');
  expect(await page.locator('#links').textContent()).toContain(String(made.id));
  const csrf = (await page.locator('input[name="csrf"]').first().getAttribute('value')) ?? '';
  for (const act of ['approve', 'reject', 'withdraw', 'links', `links/${made.id}/revoke`]) {
    const form = { csrf, reason: 'because' };
    const headers = { origin: it.origin };
    const answer = await page.request.post(`/console/releases/${id}/${act}`, { form, headers });
    expect([act, answer.status()]).toEqual([act, 403]);
  }
  expect([await stateOf(id), await follow(String(made.url))]).toEqual(['approved', 200]);
  expect((await page.goto('/console/trace'))?.status()).toBe(403);
  expect(faults).toEqual([]);
  await context.close();
});

test('the browser complained of nothing while all that was done', () => {
  for (const [name, { faults }] of people) expect([name, faults]).toEqual([name, []]);
});
