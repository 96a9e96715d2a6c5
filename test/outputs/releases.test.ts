/** Releases: asked for by who made it, given by as many people as the programme says, taken back at once. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { askRelease, ReleaseFault, takeBackRelease } from '../../src/outputs/releases.ts';
import { accept, TermsUnknown } from '../../src/outputs/terms.ts';
import { type Admin, startAdmin } from '../admin/with-admin.ts';

let admin: Admin;
let n = 0;
beforeAll(async () => {
  admin = await startAdmin();
  await admin.call('POST', '/admin/cohorts', { name: 'alpha' });
  await admin.call('POST', '/admin/testers', { id: 'ada', cohort: 'alpha' });
});
afterAll(() => admin.close());
beforeEach(() => {
  n++;
  admin.db.writer.$client
    .prepare(`insert into objects (id, tester, kind, model) values (?, 'ada', 'videos', 'sora-2')`)
    .run(`video_${n}`);
});

const asking = (more: object = {}) => ({
  ...{
    tester: 'ada',
    object: `video_${n}`,
    purpose: 'festival',
    place: 'a screen in Ghent',
    address: '192.0.2.7',
  },
  ...more,
});
const ask = async () => (await askRelease(admin.control, asking())).id;
const decide = (
  id: number,
  decision: string,
  role: 'operator' | 'reviewer' | 'admin' | 'auditor' = 'reviewer',
  reason?: string,
) =>
  admin.call(
    'POST',
    `/admin/releases/${id}/decision`,
    { decision, ...(reason ? { reason } : {}) },
    admin.credentials[role],
  );
const json = async (answer: Response | Promise<Response>) =>
  (await (await answer).json()) as Record<string, unknown>;
const show = (id: number) => json(admin.call('GET', `/admin/releases/${id}`));
const fault = (call: Promise<unknown>) =>
  call.then(
    () => 'done',
    (one: unknown) => (one instanceof ReleaseFault ? one.code : one),
  );

test('a release is asked for by who made the video, once at a time, and leaves an act of the tester', async () => {
  expect(await fault(askRelease(admin.control, asking({ tester: 'eve' })))).toBe('object_unknown');
  expect(await fault(askRelease(admin.control, asking({ object: 'video_none' })))).toBe('object_unknown');
  const id = await ask();
  expect(await fault(askRelease(admin.control, asking()))).toBe('in_force');
  expect(admin.acts().at(-1)).toMatchObject({
    ...{ operator: 'tester:ada', act: 'release.ask', address: '192.0.2.7' },
    subject: `release:${id} object:video_${n} tester:ada`,
  });
  admin.db.writer.$client.exec(
    `update objects set pending = '{}' where id = 'video_${n}'; delete from releases where id = ${id}`,
  );
  expect(await fault(askRelease(admin.control, asking()))).toBe('unfinished');
});

test('two different people must approve; the same one does not count twice, at the same moment neither', async () => {
  const id = await ask();
  const both = await Promise.all([decide(id, 'approve'), decide(id, 'approve')]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
  expect(await show(id)).toMatchObject({ state: 'asked', approvals: 1, needed: 2 });
  expect((await decide(id, 'approve')).status).toBe(409);
  expect(await json(decide(id, 'approve', 'operator'))).toMatchObject({ state: 'approved', approvals: 2 });
  const votes = (await show(id)).votes as { by: string; vote: string }[];
  expect(votes.map(({ by, vote }) => `${by} ${vote}`)).toEqual([
    'the-operator approve',
    'the-reviewer approve',
  ]);
  const acts = admin.acts().filter(({ subject }) => subject.startsWith(`release:${id} `));
  expect(acts.map(({ act, operator }) => `${operator} ${act}`)).toEqual([
    'tester:ada release.ask',
    'the-reviewer release.approve',
    'the-operator release.approve',
  ]);
});

test('a rejection and a withdrawal say why, are final, and leave room for another request', async () => {
  const id = await ask();
  expect((await decide(id, 'reject')).status).toBe(400);
  expect((await decide(id, 'withdraw', 'reviewer', 'not yet')).status).toBe(409);
  expect(await json(decide(id, 'reject', 'reviewer', 'shows a face'))).toMatchObject({ state: 'rejected' });
  expect((await decide(id, 'approve')).status).toBe(409);
  const again = await ask();
  await decide(again, 'approve');
  await decide(again, 'approve', 'admin');
  expect(await json(decide(again, 'withdraw', 'reviewer', 'a complaint'))).toMatchObject({
    state: 'withdrawn',
  });
  expect((await show(again)).earlier).toMatchObject([{ id, state: 'rejected' }]);
});

test('an auditor sees releases and decides on none', async () => {
  const id = await ask();
  expect((await decide(id, 'approve', 'auditor')).status).toBe(403);
  expect(
    (await admin.call('GET', '/admin/releases?state=asked', undefined, admin.credentials.auditor)).status,
  ).toBe(200);
});

test('a link is made for what is released only, and withdrawal ends it', async () => {
  const id = await ask();
  const make = () =>
    admin.call('POST', `/admin/releases/${id}/links`, { days: 2 }, admin.credentials.reviewer);
  expect((await make()).status).toBe(409);
  await decide(id, 'approve');
  await decide(id, 'approve', 'operator');
  const link = await json(make());
  expect(link.url).toMatch(/^https:\/\/gate\.example\/s\/psl_[\w-]{22}\.[\w-]{43}$/);
  await decide(id, 'withdraw', 'operator', 'a complaint');
  const { links } = (await json(admin.call('GET', `/admin/releases/${id}/links`))) as {
    links: { revokedAt: string }[];
  };
  expect(links).toMatchObject([{ revokedAt: expect.any(String) }]);
  expect((await make()).status).toBe(409);
});

test('a tester takes back what is the tester’s own', async () => {
  const id = await ask();
  const back = (tester: string) => takeBackRelease(admin.control, { tester, id, address: null });
  expect(await fault(back('eve'))).toBe('release_unknown');
  expect(await back('ada')).toMatchObject({ state: 'withdrawn' });
  expect(await fault(back('ada'))).toBe('not_asked');
});

test('no link stands in an act, an error, or the answer to a repeated request', async () => {
  const id = await ask();
  await decide(id, 'approve');
  await decide(id, 'approve', 'operator');
  const url = String((await json(admin.call('POST', `/admin/releases/${id}/links`))).url);
  const token = url.slice(url.indexOf('psl_'));
  await decide(id, 'withdraw', 'operator', `leaked as ${url}`);
  const refused = await admin.call('POST', `/admin/links/${token}/revoke`);
  expect(
    `${JSON.stringify(admin.acts())} ${JSON.stringify(await show(id))} ${await refused.text()}`,
  ).not.toContain(token);
});

test('who accepts a version accepts its very text, once; it is in the log', async () => {
  const { version, sha256 } = (await json(
    admin.call('POST', '/admin/terms', { text: 'Label what you show.' }),
  )) as {
    version: number;
    sha256: string;
  };
  const accepting = { tester: 'ada', version, sha256, address: '192.0.2.7', how: 'portal' } as const;
  await expect(accept(admin.control, { ...accepting, sha256: 'other' })).rejects.toThrow(TermsUnknown);
  await expect(accept(admin.control, { ...accepting, version: version + 1 })).rejects.toThrow(TermsUnknown);
  await expect(accept(admin.control, { ...accepting, tester: 'eve' })).rejects.toThrow(TermsUnknown);
  const first = await accept(admin.control, accepting);
  expect(await accept(admin.control, { ...accepting, how: 'api' })).toEqual(first);
  const told = admin.acts().filter(({ act }) => act === 'terms.accept');
  expect(told).toMatchObject([
    {
      operator: 'tester:ada',
      subject: `terms:${version} sha256:${sha256}`,
      address: '192.0.2.7',
      leaf: expect.any(Number),
    },
  ]);
  expect(await json(admin.call('GET', `/admin/terms/${version}/acceptances`))).toMatchObject({
    acceptances: [{ tester: 'ada', version, sha256, how: 'portal' }],
  });
});
