/** The portal in a real browser: a tester signs in, accepts, plays, speaks; nothing breaks the policy; axe finds nothing. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { post, sleep, startGate, type TestGate } from '../with-gate.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** For a person to look at: a directory to keep pictures of every page in. */
const PICTURES = process.env.PICTURES;

let gate: TestGate;
let browser: Browser;
let token: string;
let video: string;
beforeAll(async () => {
  gate = await startGate(null, null, 'terms: 1');
  await gate.admin('POST', 'terms', {
    text: 'Label what you show.\n\nShow nothing outside without a release.',
  });
  token = await gate.tester('vera');
  await gate.admin('PATCH', 'testers/vera', {
    name: 'Vera Molnár',
    limits: { requestsPerMinute: 60, requestsPerDay: 500 },
    quotas: { videoSeconds: { day: 10, total: 600 } },
    reason: 'for the test',
  });
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await gate.close();
});

/** What the page's console calls an error: a broken policy and a script's fault among it. */
async function open(options: BrowserContextOptions = {}) {
  const context = await browser.newContext({ baseURL: gate.url, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') faults.push(message.text());
  });
  page.on('pageerror', (fault) => faults.push(fault.message));
  return { context, page, faults };
}

async function signIn(page: Page) {
  await page.goto('/portal');
  expect(new URL(page.url()).pathname).toBe('/portal/sign-in');
  await page.getByLabel('Your access token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}

test('a tester signs in, accepts the terms, plays a clip and says what it thinks of it', async () => {
  const { page, faults, context } = await open();
  await signIn(page);
  await page.getByText('Your calls are refused.').waitFor();
  await page.getByRole('link', { name: 'read them' }).click();
  await page.getByText('Show nothing outside without a release.').waitFor();
  await page.getByRole('button', { name: 'I accept version 1' }).click();
  await page.getByText('You have accepted these terms.').waitFor();
  video = await makeVideo();
  await page.getByRole('link', { name: 'Outputs' }).click();
  await page.getByRole('link', { name: video }).click();
  const played = await page.locator('video').evaluate(async (element) => {
    const player = element as HTMLVideoElement;
    player.muted = true;
    await player.play();
    while (player.currentTime < 0.2) await new Promise((resolve) => setTimeout(resolve, 50));
    return { width: player.videoWidth, seconds: player.duration };
  });
  expect(played.width).toBeGreaterThan(0);
  expect(played.seconds).toBeCloseTo(4, 0);
  await page.getByRole('link', { name: 'Give feedback' }).click();
  await page.getByLabel('5, good').check();
  await page.getByLabel('In your words').fill('Calm light.\nThe shadow is wrong.');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('The shadow is wrong.').waitFor();
  const { feedback } = (await gate.admin('GET', 'feedback')) as { feedback: object[] };
  expect(feedback).toMatchObject([{ tester: 'vera', rating: 5, object: video }]);
  expect(gate.rows(`operation = 'videos.content' and decision = 'allowed'`).length).toBeGreaterThan(0);
  expect(faults).toEqual([]);
  const cookies = (await context.cookies()).filter(({ name }) => name === '__Host-portcullis-tester');
  expect(cookies).toMatchObject([{ httpOnly: true, secure: true, sameSite: 'Strict', path: '/' }]);
  await context.close();
}, 60_000);

async function makeVideo(): Promise<string> {
  const made = await post(
    gate.url,
    token,
    { model: 'sora-2', prompt: 'A lake at dawn', seconds: '4' },
    '/v1/videos',
  );
  const { id } = (await made.json()) as { id: string };
  const headers = { authorization: `Bearer ${token}` };
  for (;;) {
    const job = (await (await fetch(`${gate.url}/v1/videos/${id}`, { headers })).json()) as {
      status: string;
    };
    if (job.status === 'completed') return id;
    await sleep(100);
  }
}

test('everything that acts works without script', async () => {
  const { page, faults, context } = await open({ javaScriptEnabled: false });
  await signIn(page);
  await page.getByRole('link', { name: 'Findings' }).click();
  await page.getByLabel('Title').fill('It names a person');
  await page.getByLabel('Severity').selectOption('high');
  await page.getByLabel('Category').selectOption('privacy');
  await page.getByLabel('How to see it again').fill('1. Ask for a painter.\n2. Ask who it is.');
  const file = { name: 'seen.txt', mimeType: 'text/plain', buffer: Buffer.from('what it said') };
  await page.getByLabel('Attachments').setInputFiles(file);
  await page.getByRole('button', { name: 'File it' }).click();
  await page.getByRole('heading', { name: 'It names a person' }).waitFor();
  await page.getByRole('link', { name: 'seen.txt' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
}, 60_000);

test('a one-time link fills in its form, leaves the address bar, and signs in when the form is sent', async () => {
  const { page, faults, context } = await open();
  const { link } = (await gate.admin('POST', 'testers/vera/portal-link', {})) as { link: string };
  await page.goto(link);
  await expect.poll(() => page.getByLabel('Your link').inputValue()).toBe(link.split('#')[1]);
  expect(page.url()).not.toContain('#');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  expect(faults).toEqual([]);
  await context.close();
}, 60_000);

test('axe finds nothing against WCAG A and AA, on any page, narrow and wide, light and dark', async () => {
  await post(gate.url, token, { model: 'sora-2', prompt: 'A lake', seconds: '20' }, '/v1/videos');
  const refused = gate.rows(`outcome = 'seconds_over_cap'`)[0]?.id;
  await gate.admin('POST', 'switches', { scope: 'tester:vera', reason: 'Clips appeared elsewhere.' });
  await gate.admin('POST', 'testers/vera/reviews', { state: 'under-review', note: 'internal' });
  const call = gate.rows(`tester = 'vera' and operation = 'videos.create' and decision = 'allowed'`)[0]?.id;
  const pages = [
    ...[
      '',
      '/calls',
      `/calls/${call}`,
      `/calls/${refused}`,
      '/outputs',
      `/outputs/${video}`,
      '/limits',
      '/feedback',
      '/findings',
    ],
    ...['/findings/1', '/releases', '/terms', '/statement', '/nothing'],
  ];
  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [360, 1440]) {
      const { page, context } = await open({
        colorScheme,
        viewport: { width, height: 900 },
        bypassCSP: true,
      });
      const look = async (path: string) => {
        await page.goto(`/portal${path}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        expect([path, width, wide <= width]).toEqual([path, width, true]);
        expect([path, colorScheme, width, await violations(page)]).toEqual([path, colorScheme, width, []]);
        if (PICTURES) {
          const name = path.split('/')[1] || 'overview';
          const part = path.split('/').length > 2 ? `${name}-one` : name;
          await page.screenshot({ path: `${PICTURES}/${part}-${width}-${colorScheme}.png`, fullPage: true });
        }
      };
      await look('/sign-in');
      await look('/link');
      await signIn(page);
      for (const path of pages) await look(path);
      await context.close();
    }
}, 180_000);

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(options: object): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
    const { violations: found } = await axe.run({ runOnly: { type: 'tag', values: tags } });
    return found.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });
}
