/** What operators do in the console, with and without script: stop, resume in stages, find, play, issue. */
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post } from '../with-gate.ts';
import { type Console, startConsole, type Visitor } from './with-console.ts';

let it: Console;
const tokens: Record<string, string> = {};
const visitors = new Map<boolean, Visitor>();
beforeAll(async () => {
  it = await startConsole();
  for (const id of ['ada', 'grace', 'mio'])
    tokens[id] =
      id === 'ada'
        ? String((await it.gate.admin('POST', 'tokens', { tester: id })).token)
        : await it.gate.tester(id);
  for (const script of [true, false]) visitors.set(script, await it.signedIn(`maria-${script}`, { script }));
}, 60_000);
afterAll(() => it.close());
const pageOf = (script: boolean) => {
  const visitor = visitors.get(script);
  if (!visitor) throw new Error('nobody is signed in');
  return visitor.page;
};

const LONG = { ...CHAT, stream: true, messages: [{ role: 'user', content: 'word '.repeat(3_000) }] };

/** A stream that has begun; resolves with all of its text when it ends. */
async function streaming(tester: string) {
  const answer = await post(it.gate.url, tokens[tester] ?? '', LONG);
  const reader = answer.body?.getReader();
  await reader?.read();
  const ended = (async () => {
    let text = '';
    for (;;) {
      const part = await reader?.read().catch(() => undefined);
      if (!part || part.done) return text;
      text += new TextDecoder().decode(part.value);
    }
  })();
  return { status: answer.status, ended };
}

const isStopped = async (tester: string) =>
  (await post(it.gate.url, tokens[tester] ?? '', CHAT)).status === 403;

test.each([true, false])(
  'everybody is stopped in two steps while streams run, and they die (script: %s)',
  async (script) => {
    const page = pageOf(script);
    const open = [await streaming('grace'), await streaming('mio')];
    expect(open.map(({ status }) => status)).toEqual([200, 200]);
    await page.goto('/console');
    // By the keyboard alone: the reason, Enter, and once more on the button that has the focus.
    await page.getByLabel('Reason, which testers read').focus();
    await page.keyboard.type('A token is on a public page.');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Stop everybody?' }).waitFor();
    expect(await isStopped('grace')).toBe(false);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Stopped' }).waitFor();
    expect(await page.getByText('2 calls and streams').count()).toBe(1);
    for (const { ended } of open) expect(await ended).toContain('programme_stopped');
    expect(await isStopped('grace')).toBe(true);
    await page.goto('/console');
    const state = page.getByRole('region', { name: 'State of the gate' });
    expect(await state.textContent()).toContain('A token is on a public page.');

    // In stages: one tester, then a cohort, then everybody.
    await state.getByRole('link', { name: 'Look, or resume' }).click();
    const stage = page.locator('form', { has: page.getByRole('button', { name: 'Let back in' }) });
    await stage.getByLabel('Testers, with commas between').fill('grace');
    await stage.getByLabel('Reason').fill('looked at');
    await stage.getByRole('button').click();
    await page.getByText('tester:grace').waitFor();
    expect([await isStopped('grace'), await isStopped('mio')]).toEqual([false, true]);
    await stage.getByLabel('A cohort').fill('artists');
    await stage.getByLabel('Reason').fill('looked at, too');
    await stage.getByRole('button').click();
    await page.getByText('cohort:artists').waitFor();
    expect(await isStopped('mio')).toBe(false);
    const release = page.locator('form', { has: page.getByRole('button', { name: 'Resume everybody' }) });
    await release.getByLabel('Reason').fill('over');
    await release.getByRole('button').click();
    await page.getByText('released', { exact: true }).waitFor();
    await page.goto('/console');
    expect(await state.textContent()).toContain('Calls that the rules allow pass.');
  },
);

test.each([true, false])(
  'a stop without a reason, or of nobody, is sent back with what is missing (script: %s)',
  async (script) => {
    const page = pageOf(script);
    await page.goto('/console/stop');
    await page.getByLabel('Whom').selectOption('tester');
    await page.getByRole('button', { name: 'Stop…' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('Name the cohort');
    await page.getByLabel('Name, unless everybody').fill('nobody-at-all');
    await page.getByLabel('Reason, which testers read').fill('x');
    await page.getByRole('button', { name: 'Stop…' }).click();
    await page.getByRole('heading', { name: 'No such tester' }).waitFor();
    expect((await it.gate.admin('GET', 'switches?engaged=true')).switches).toEqual([]);
  },
);

test.each([true, false])(
  'an acknowledgement that is loaded again stops nobody a second time (script: %s)',
  async (script) => {
    const page = pageOf(script);
    await page.goto('/console/stop?kind=tester&name=mio');
    await page.getByLabel('Reason, which testers read').fill('a look');
    await page.getByRole('button', { name: 'Stop…' }).click();
    await page.getByRole('button', { name: 'Stop now' }).click();
    await page.getByRole('heading', { level: 1, name: 'Stopped' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Stopped' }).waitFor();
    const engaged = (await it.gate.admin('GET', 'switches?engaged=true')).switches as object[];
    expect(engaged).toHaveLength(1);
    await page.goto('/console/testers/mio');
    await page.getByRole('button', { name: 'Clear the suspension' }).waitFor();
    await page.locator('form', { hasText: 'Clear the suspension' }).getByLabel('Reason').fill('looked at');
    await page.getByRole('button', { name: 'Clear the suspension' }).click();
    await page.getByText('not stopped').waitFor();
    expect(await isStopped('mio')).toBe(false);
  },
);

test.each([true, false])(
  'a token is issued, shown once, copied, works, and is revoked (script: %s)',
  async (script) => {
    const { page, context } = visitors.get(script) ?? (await it.visitor());
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.goto('/console/testers/ada');
    await page.getByRole('button', { name: 'Issue a token' }).click();
    const token = (await page.locator('#secret').textContent()) ?? '';
    expect((await post(it.gate.url, token, CHAT)).status).toBe(200);
    const copy = page.locator('button[data-copy]');
    if (script) {
      await copy.click();
      await page.getByRole('button', { name: 'Copied' }).waitFor();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(token);
    } else expect(await copy.isVisible()).toBe(false);
    await page.getByRole('link', { name: 'Done' }).click();
    expect(await page.content()).not.toContain(token);
    await page
      .getByRole('button', { name: /^Revoke / })
      .first()
      .click();
    await page.getByText('revoked', { exact: true }).first().waitFor();
    expect((await post(it.gate.url, token, CHAT)).status).toBe(401);
  },
);

test.each([true, false])(
  'many are suspended and resumed at once, after a look at whom it touches (script: %s)',
  async (script) => {
    const page = pageOf(script);
    for (const [act, button] of [
      ['suspend', 'Suspend'],
      ['resume', 'Resume'],
    ] as const) {
      await page.goto('/console/testers');
      await page.getByLabel('Choose grace').check();
      await page.getByLabel('Choose mio').check();
      const bulk = page.locator('#bulk');
      await bulk.getByLabel('Act').selectOption(act);
      await bulk.getByLabel('Reason').fill('a look');
      await bulk.getByRole('button').click();
      await page.getByRole('heading', { name: `${button}: 2 testers?` }).waitFor();
      expect(await isStopped('grace')).toBe(act === 'resume');
      await page.getByRole('button', { name: button, exact: true }).click();
      await page.getByText('Done for 2 testers.').waitFor();
      expect([await isStopped('grace'), await isStopped('mio'), await isStopped('ada')]).toEqual([
        act === 'suspend',
        act === 'suspend',
        false,
      ]);
    }
  },
);

test.each([true, false])(
  'a call is found by its filter, whose address can be shared, and its proof verifies (script: %s)',
  async (script) => {
    await post(it.gate.url, tokens.mio ?? '', { ...CHAT, model: `gpt-found-${script}` });
    await it.gate.settled();
    const page = pageOf(script);
    await page.goto('/console/requests');
    await page.getByLabel('Tester', { exact: true }).fill('mio');
    await page.getByText('More filters').click();
    await page.getByLabel('Model', { exact: true }).fill(`gpt-found-${script}`);
    await page.getByRole('button', { name: 'Find' }).click();
    await page.waitForURL(/tester=mio/);
    const shared = page.url();
    await page.goto(shared);
    const rows = page.getByRole('table', { name: 'Calls' }).locator('tbody tr');
    expect(await rows.count()).toBe(1);
    const id = await rows.first().getAttribute('data-id');
    await expect
      .poll(async () => ((await it.gate.admin('GET', `requests/${id}/way`)).log as object) !== null, {
        timeout: 15_000,
      })
      .toBe(true);
    await rows.first().getByRole('link').first().click();
    await page.getByRole('heading', { name: 'The way of the call' }).waitFor();
    expect(await page.getByText('verified', { exact: true }).count()).toBe(1);
    // Somebody edits the row by hand.
    await it.gate.sql(`update requests set model = 'gpt-other' where id = '${id}'`);
    await page.reload();
    expect(await page.getByText('does not verify', { exact: true }).count()).toBe(1);
    await it.gate.sql(`update requests set model = 'gpt-found-${script}' where id = '${id}'`);
  },
);

test('a filter that is none is named beside the form, and nothing is lost of it', async () => {
  const page = pageOf(false);
  await page.goto('/console/requests?tester=mio&since=yesterday');
  expect(await page.getByRole('alert').textContent()).toContain('since');
  expect(await page.getByLabel('Tester', { exact: true }).inputValue()).toBe('mio');
});

test('new calls appear by themselves where they are followed, and so does the state on Now', async () => {
  const { page, context } = await it.signedIn('follower');
  await page.goto('/console/requests?follow=1&tester=grace');
  const rows = page.getByRole('table', { name: 'Calls' }).locator('tbody tr');
  const before = await rows.count();
  await post(it.gate.url, tokens.grace ?? '', CHAT);
  await expect.poll(() => rows.count(), { timeout: 15_000 }).toBe(before + 1);
  await page.goto('/console');
  await page.locator('#now-charts svg').first().waitFor();
  const { id } = await it.gate.admin('POST', 'switches', {
    scope: 'model:none',
    reason: 'while somebody looks',
  });
  await page.getByText('while somebody looks').waitFor();
  await it.gate.admin('POST', 'switches/release', { scope: 'model:none', reason: 'over' });
  await page.getByText('while somebody looks').waitFor({ state: 'detached' });
  expect(id).toBeTypeOf('number');
  await context.close();
});

test('a clip is found in the gallery and plays in parts', async () => {
  const client = new OpenAI({ baseURL: `${it.gate.url}/v1`, apiKey: tokens.grace });
  const video = await client.videos.create({ model: 'sora-2', prompt: 'A heron at dawn', seconds: '4' });
  await expect
    .poll(async () => (await client.videos.retrieve(video.id)).status, { timeout: 15_000 })
    .toBe('completed');
  await (await client.videos.downloadContent(video.id)).arrayBuffer();
  const { page, faults, context } = await it.signedIn('viewer');
  const ranges: string[] = [];
  page.on('request', (request) => {
    const { range } = request.headers();
    if (request.url().includes('/content') && range) ranges.push(range);
  });
  await page.goto('/console/outputs');
  const card = page.locator('.gallery article', { hasText: video.id });
  expect(await card.textContent()).toMatch(/grace, 4 s.*SHA-256 [0-9a-f]{16}/s);
  await expect
    .poll(() => card.locator('img').evaluate((img) => (img as HTMLImageElement).naturalWidth), {
      timeout: 15_000,
    })
    .toBeGreaterThan(0);
  await card.getByRole('link', { name: video.id }).last().click();
  const player = page.locator('video');
  await player.evaluate(async (element) => {
    const clip = element as HTMLVideoElement;
    clip.muted = true;
    await clip.play();
  });
  await expect
    .poll(() => player.evaluate((element) => (element as HTMLVideoElement).currentTime), { timeout: 15_000 })
    .toBeGreaterThan(0);
  expect(ranges.length).toBeGreaterThan(0);
  expect(faults).toEqual([]);
  await context.close();
});

test('the browser complained of nothing while all that was done', () => {
  for (const [script, { faults }] of visitors) expect([script, faults]).toEqual([script, []]);
});
