/** What testers report reaches operators in the console, with and without script; their answer reaches the tester. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser } from '../portal/with-portal.ts';
import { clipOf } from './with-clips.ts';
import { type Console, startConsole } from './with-console.ts';
import { reportOn } from './with-reports.ts';

let it: Console;
let tester: Browser;
let clip: string;
beforeAll(async () => {
  it = await startConsole();
  const token = await it.gate.tester('grace');
  clip = (await clipOf(it.gate, token, 'A heron')).id;
  await it.gate.admin('POST', 'switches', { scope: 'tester:grace', reason: 'looked into' });
  tester = await reportOn(it.gate, token, clip);
}, 60_000);
afterAll(() => it.close());

test.each([
  [true, 'fixed', 'It asks before it draws a name now.'],
  [false, 'accepted', 'We can see it too.'],
] as const)(
  'a finding is found by its state, read with its file, and answered (script: %s)',
  async (script, state, answer) => {
    const { page, faults, context } = await it.signedIn(`reader-${script}`, { role: 'operator', script });
    await page.goto('/console');
    await page.getByRole('link', { name: 'Reports', exact: true }).click();
    await page.getByLabel('Severity').selectOption('high');
    await page.getByRole('button', { name: 'Show' }).click();
    expect(new URL(page.url()).searchParams.get('severity')).toBe('high');
    await page.getByRole('link', { name: 'It draws people who exist' }).click();
    const main = page.getByRole('main');
    for (const words of ['It takes three tries.', 'privacy', 'grace', clip, 'notes.txt'])
      expect([words, (await main.textContent())?.includes(words)]).toEqual([words, true]);
    const saved = page.waitForEvent('download');
    await page.getByRole('link', { name: 'notes.txt' }).click();
    expect((await saved).suggestedFilename()).toBe('notes.txt');
    await page.getByLabel('State').selectOption(state);
    await page.getByLabel('Answer, which the tester reads').fill(answer);
    await page.getByRole('button', { name: 'Save' }).click();
    await main.getByText(answer).waitFor();
    expect(await it.gate.admin('GET', 'findings/1')).toMatchObject({ status: state, answer });
    const told = (await tester.get('/portal/findings/1')).text;
    expect([told.includes(state), told.includes(answer)]).toEqual([true, true]);
    await page.goto('/console/reports?status=declined');
    await page.getByText('No finding.').waitFor();
    expect(faults).toEqual([]);
    await context.close();
  },
);

test('an answer that is left empty changes the state alone', async () => {
  const { page, context } = await it.signedIn('brief', { role: 'operator' });
  await it.gate.admin('POST', 'findings/1/status', { status: 'triaged', answer: 'We look at it.' });
  await page.goto('/console/reports/1');
  await page.getByLabel('State').selectOption('duplicate');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('duplicate', { exact: true }).first().waitFor();
  expect(await it.gate.admin('GET', 'findings/1')).toMatchObject({
    ...{ status: 'duplicate', answer: 'We look at it.', statusBy: 'brief' },
  });
  await context.close();
});

test('whoever looks at a stopped tester reads the appeal against the stop', async () => {
  const { page, context } = await it.signedIn('judge', { role: 'operator' });
  await page.goto('/console/testers/grace');
  const appeal = page.getByRole('table', { name: 'Appeals' });
  expect(await appeal.textContent()).toContain('I was on a train.');
  await page.goto('/console/reports/appeals');
  expect(await page.getByRole('table', { name: 'Appeals' }).textContent()).toContain(
    'My address changed twice.',
  );
  await page.getByRole('link', { name: 'Feedback', exact: true }).click();
  const row = page.getByRole('table', { name: 'Feedback' }).locator('tbody tr');
  expect(await row.textContent()).toMatch(/grace.*4 of 5.*Water looks like water\..*video_/s);
  await page.goto('/console/reports/appeals?tester=nobody');
  await page.getByText('No appeal.').waitFor();
  await context.close();
});

test('an auditor reads reports and changes none; a reviewer is not led there', async () => {
  const auditor = await it.signedIn('auditor', { role: 'auditor' });
  await auditor.page.goto('/console/reports/1');
  expect(await auditor.page.getByRole('button', { name: 'Save' }).count()).toBe(0);
  const csrf = (await auditor.page.locator('input[name="csrf"]').first().getAttribute('value')) ?? '';
  const form = { csrf, status: 'declined' };
  const refused = await auditor.page.request.post('/console/reports/1/status', {
    form,
    headers: { origin: it.origin },
  });
  expect(refused.status()).toBe(403);
  expect(await auditor.open('/console/reports/404')).toBe(404);
  await auditor.context.close();
  const reviewer = await it.signedIn('reviewer', { role: 'reviewer' });
  expect(await reviewer.page.getByRole('link', { name: 'Reports', exact: true }).count()).toBe(0);
  for (const place of ['', '/1', '/appeals', '/feedback'])
    expect([place, await reviewer.open(`/console/reports${place}`)]).toEqual([place, 403]);
  await reviewer.context.close();
});
