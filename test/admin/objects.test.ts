import { afterEach, beforeEach, expect, test } from 'vitest';
import { objects } from '../../src/store/schema.ts';
import { type Admin, startAdmin } from './with-admin.ts';

let admin: Admin;
beforeEach(async () => {
  admin = await startAdmin();
  await admin.call('POST', '/admin/cohorts', { name: 'alpha' });
  for (const id of ['ada', 'bob']) await admin.call('POST', '/admin/testers', { id, cohort: 'alpha' });
  for (const id of ['video_1', 'video_2', 'file-3'])
    admin.db.writer
      .insert(objects)
      .values({ id, tester: 'ada', kind: id.startsWith('video') ? 'videos' : 'files' })
      .run();
});
afterEach(() => admin.close());

const give = async (json: object) => (await admin.call('POST', '/admin/objects/give', json)).json();
const owner = async (id: string) => (await (await admin.call('GET', `/admin/objects/${id}`)).json()).tester;

test("an operator sees whose an object is, and pages through a tester's", async () => {
  expect(await owner('video_1')).toBe('ada');
  const page = await (await admin.call('GET', '/admin/objects?tester=ada&limit=2')).json();
  expect(page.objects.map(({ id }: { id: string }) => id)).toEqual(['file-3', 'video_1']);
  const rest = await (await admin.call('GET', `/admin/objects?tester=ada&limit=2&after=${page.next}`)).json();
  expect(rest).toMatchObject({ objects: [{ id: 'video_2', kind: 'videos' }], next: null });
  const unknown = await admin.call('GET', '/admin/objects/video_9');
  expect(unknown.status).toBe(404);
  expect((await unknown.json()).detail).toContain("nobody's");
});

test('objects are handed over one by one, and ids unknown to the gate are entered', async () => {
  expect(await give({ to: 'bob', ids: ['video_1', 'video_old'], reason: 'They work together.' })).toEqual({
    to: 'bob',
    moved: 1,
    entered: 1,
  });
  expect([await owner('video_1'), await owner('video_old'), await owner('video_2')]).toEqual([
    'bob',
    'bob',
    'ada',
  ]);
  expect(admin.acts().slice(-2)).toMatchObject([
    { act: 'object.give', subject: 'object:video_1', reason: 'ada → bob: They work together.' },
    { act: 'object.give', subject: 'object:video_old', reason: 'nobody → bob: They work together.' },
  ]);
});

test('all objects of a tester are handed over at once, in one act', async () => {
  const before = admin.acts().length;
  expect(await give({ to: 'bob', from: 'ada' })).toEqual({ to: 'bob', moved: 3, entered: 0 });
  expect(await owner('file-3')).toBe('bob');
  expect(admin.acts()).toHaveLength(before + 1);
});

test('nothing is handed to or from a tester that does not exist', async () => {
  const before = admin.acts().length;
  expect(await give({ to: 'bbo', ids: ['video_1'] })).toMatchObject({ status: 404 });
  expect(await give({ to: 'bob', from: 'adda' })).toMatchObject({ status: 404 });
  expect(await give({ to: 'bob' })).toMatchObject({ status: 400 });
  expect(await owner('video_1')).toBe('ada');
  expect(admin.acts()).toHaveLength(before);
});

test("a tester's own quotas are kept, and a unit that does not exist is named", async () => {
  await admin.call('PATCH', '/admin/testers/ada', {
    quotas: { videoSeconds: { day: 40 } },
    reason: 'a trial',
  });
  expect(await (await admin.call('GET', '/admin/testers/ada')).json()).toMatchObject({
    quotas: { videoSeconds: { day: 40 } },
    usage: [],
  });
  const wrong = await (
    await admin.call('PATCH', '/admin/testers/ada', { quotas: { seconds: { day: 1 } }, reason: 'a trial' })
  ).json();
  expect(wrong.detail).toContain('seconds');
});
