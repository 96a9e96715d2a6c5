/** Signing in to the console: by link and by passkey, once more where that is wanted, and out. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Console, startConsole } from './with-console.ts';

let it: Console;
beforeAll(async () => {
  it = await startConsole();
});
afterAll(() => it.close());

test('the secret of a link stands behind the "#", leaves the address at once, and signs in once', async () => {
  const { page, faults, context } = await it.visitor();
  const link = await it.link('maria');
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`/console/sign-in#${link}`);
  await page.waitForFunction(() => location.hash === '');
  expect(page.url()).not.toContain(link);
  await page.getByRole('button', { name: 'Sign in with the link' }).click();
  await page.waitForURL(/\/console$/);
  expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('Now');
  expect(asked.filter((url) => url.includes(link))).toEqual([]);
  const [cookie] = await context.cookies();
  expect(cookie).toMatchObject({
    name: '__Host-portcullis',
    httpOnly: true,
    secure: true,
    sameSite: 'Strict',
    path: '/',
  });
  expect(await page.evaluate(() => document.cookie)).toBe('');
  expect(await page.content()).not.toContain(cookie?.value);
  expect(faults).toEqual([]);

  const other = await it.visitor();
  await other.page.goto('/console/sign-in');
  await other.page.getByLabel('One-time link').fill(link);
  await other.page.getByRole('button', { name: 'Sign in with the link' }).click();
  expect(await other.page.getByRole('alert').first().textContent()).toContain('This link is not good');
});

test('without script a pasted link signs in, leads to the page that was asked for, and out again', async () => {
  const { page } = await it.visitor({ script: false });
  await page.goto('/console/testers?q=ada');
  expect(page.url()).toContain('/console/sign-in?next=');
  await page.getByLabel('One-time link').fill(`${it.origin}/console/sign-in#${await it.link('maria')}`);
  await page.getByRole('button', { name: 'Sign in with the link' }).click();
  await page.waitForURL('**/console/testers?q=ada');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL('**/console/sign-in');
  await page.goto('/console');
  expect(page.url()).toContain('/console/sign-in');
});

test('nobody is led to another site behind the sign-in', async () => {
  for (const next of [
    'https://evil.example/',
    '//evil.example',
    '/console/../x',
    '/consolex',
    'javascript:alert(1)',
    '/console\\x',
  ]) {
    const { page } = await it.visitor({ script: false });
    await page.goto(`/console/sign-in?next=${encodeURIComponent(next)}`);
    await page.getByLabel('One-time link').fill(await it.link('maria'));
    await page.getByRole('button', { name: 'Sign in with the link' }).click();
    expect([next, new URL(page.url()).origin]).toEqual([next, it.origin]);
    await page.context().close();
  }
});

test('a passkey is made, signs in, and frees everybody after one more sign-in', async () => {
  const { page, context, faults } = await it.signedIn('grete');
  const cdp = await context.newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...{ protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true },
      ...{ isUserVerified: true, automaticPresenceSimulation: true },
    },
  });
  await page.goto('/console/settings/you');
  await page.getByLabel('On what it is').fill('test authenticator');
  await page.getByRole('button', { name: 'Make a passkey' }).click();
  await page.getByRole('cell', { name: 'test authenticator' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL('**/console/sign-in');
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.waitForURL(/\/console$/);

  const { id } = await it.gate.admin('POST', 'switches', { scope: 'global', reason: 'a test' });
  // The sign-in grows old: what frees everybody wants another one.
  await it.gate.sql('update sessions set authenticated_at = authenticated_at - 3600000');
  await page.goto(`/console/switches/${id}`);
  const release = async () => {
    await page.getByRole('button', { name: 'Resume everybody' }).waitFor();
    await page.getByLabel('Reason', { exact: true }).last().fill('over');
    await page.getByRole('button', { name: 'Resume everybody' }).click();
  };
  await release();
  await page.getByRole('heading', { name: 'Sign in once more' }).waitFor();
  expect((await it.gate.admin('GET', 'status')).open).toBe(false);
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.waitForURL(`**/console/switches/${id}`);
  await release();
  await page.getByText('released', { exact: true }).waitFor();
  expect((await it.gate.admin('GET', 'status')).open).toBe(true);
  expect(faults).toEqual([]);
});
