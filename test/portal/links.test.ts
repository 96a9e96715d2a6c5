/** One-time links: one use, a short life, and nothing that merely looks at them uses them up. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';
import { browser } from './with-portal.ts';

let gate: TestGate;
let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url, undefined, 'publicUrl: https://gate.example');
  await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const make = async (body: object = {}, id = 'ada') =>
  String((await gate.admin('POST', `testers/${id}/portal-link`, body)).link);
const use = (link: string) => browser(gate).send('/portal/link', '/portal/link', { link });

test('its secret stands behind the #, signs its tester in once, and in the database as a hash only', async () => {
  const link = await make();
  expect(link).toMatch(/^https:\/\/gate\.example\/portal\/link#ppl_[\w-]{43}$/);
  const secret = link.split('#')[1] ?? '';
  expect(gate.onDisk()).not.toContain(secret.slice(4));
  const [first, second] = [await use(link), await use(link)];
  expect([first.status, second.status]).toEqual([303, 403]);
  expect(second.text).toContain('This link was used already, or its time is over');
  expect(gate.rows(`operation = 'portal.link'`)).toMatchObject([{ outcome: 'link_invalid', status: 403 }]);
  const { acts } = (await gate.admin('GET', 'acts')) as { acts: { act: string; operator: string }[] };
  expect(acts.find(({ act }) => act === 'portal.sign-in')).toMatchObject({
    operator: 'tester:ada',
    subject: 'by link',
  });
  expect(acts.some(({ act }) => act === 'tester.portal-link')).toBe(true);
});

test('a prefetcher that opens it, and one that asks for it in every way but the form’s, uses nothing up', async () => {
  const link = await make();
  const secret = link.split('#')[1] ?? '';
  for (const path of ['/portal/link', `/portal/link?${secret.slice(4)}`]) {
    await fetch(gate.url + path);
    await fetch(gate.url + path, { method: 'HEAD' });
  }
  await fetch(`${gate.url}/portal/link`, { method: 'POST', body: new URLSearchParams({ link }) });
  expect((await use(link)).status).toBe(303);
});

test('of several uses at once one succeeds', async () => {
  const link = await make();
  const statuses = (await Promise.all(Array.from({ length: 8 }, () => use(link)))).map(
    ({ status }) => status,
  );
  expect(statuses.toSorted()).toEqual([303, 403, 403, 403, 403, 403, 403, 403]);
});

test('it is dead after its time, after a revocation, and for whoever was removed', async () => {
  const late = await make({ hours: 0.001 });
  await gate.sql(`update portal_links set expires_at = expires_at - 4000`);
  expect((await use(late)).status).toBe(403);
  const revoked = await make();
  await gate.admin('POST', 'switches', { scope: 'cohort:artists', effect: 'revoke', reason: 'leak' });
  const refused = await use(revoked);
  expect([refused.status, refused.text.includes('revoked')]).toEqual([401, true]);
  expect((await use(await make())).status).toBe(303);
  await gate.tester('rem');
  const removed = await make({}, 'rem');
  await gate.admin('POST', 'testers/rem/reviews', { state: 'removed', note: 'gone' });
  expect([401, 403]).toContain((await use(removed)).status);
  await expect(make({}, 'rem')).rejects.toThrow(/409/);
  await expect(make({}, 'nobody')).rejects.toThrow(/404/);
  await expect(make({ hours: 100 })).rejects.toThrow(/400/);
});
