import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Admin, logCall, startAdmin } from './with-admin.ts';

let admin: Admin;
beforeEach(async () => {
  admin = await startAdmin();
  await admin.call('POST', '/admin/cohorts', { name: 'alpha' });
});
afterEach(() => admin.close());

async function problem(answer: Response | Promise<Response>) {
  const response = await answer;
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const body = await response.json();
  expect(body.status).toBe(response.status);
  return body;
}

test('a cohort is listed with its testers and whether it has rules', async () => {
  await admin.client.cohorts.$post({ json: { name: 'beta' } });
  await admin.client.testers.$post({ json: { id: 'ada', cohort: 'alpha' } });
  const { cohorts } = await (await admin.client.cohorts.$get({ query: {} })).json();
  expect(cohorts).toMatchObject([
    { name: 'alpha', testers: 1, hasRules: true },
    { name: 'beta', testers: 0, hasRules: false },
  ]);
});

test('a second cohort or tester of the same name is a conflict and leaves no act', async () => {
  await admin.call('POST', '/admin/testers', { id: 'ada', cohort: 'alpha' });
  const before = admin.acts().length;
  expect(await problem(admin.call('POST', '/admin/cohorts', { name: 'alpha' }))).toMatchObject({
    status: 409,
  });
  expect(await problem(admin.call('POST', '/admin/testers', { id: 'ada', cohort: 'alpha' }))).toMatchObject({
    status: 409,
    detail: 'The tester "ada" exists already.',
  });
  expect(admin.acts()).toHaveLength(before);
});

test('a tester of a cohort that does not exist is refused by name', async () => {
  const body = await problem(admin.call('POST', '/admin/testers', { id: 'ada', cohort: 'alhpa' }));
  expect(body).toMatchObject({ status: 404, type: 'urn:portcullis:problem:cohort_unknown' });
  expect(body.detail).toContain('"alhpa"');
});

test('a fault of the request names the field and the mend', async () => {
  const body = await problem(
    admin.call('POST', '/admin/testers', { id: '-x', cohort: 'alpha', limits: { concurrent: 0 } }),
  );
  expect(body.status).toBe(400);
  expect(body.errors.map((e: { field: string }) => e.field)).toEqual(['id', 'limits.concurrent']);
  expect(body.errors[1].message).toContain('from 1 up');
});

test('a member that does not exist is named, not ignored', async () => {
  const body = await problem(admin.call('POST', '/admin/cohorts', { name: 'beta', rules: {} }));
  expect(body).toMatchObject({ status: 400 });
  expect(body.detail).toContain('rules');
});

test('every act leaves exactly one row, with who and what', async () => {
  await admin.call('POST', '/admin/testers', { id: 'ada', cohort: 'alpha' });
  await admin.call('PATCH', '/admin/testers/ada', {
    name: 'Ada',
    limits: { requestsPerMinute: 5 },
    reason: 'quiet week',
  });
  await admin.call('POST', '/admin/tokens', { tester: 'ada' });
  await admin.call('POST', '/admin/switches', { scope: 'tester:ada', reason: 'test' });
  await admin.call('POST', '/admin/switches/release', { scope: 'tester:ada', reason: 'over' });
  expect(
    admin.acts().map(({ act, subject, operator }) => [act, subject.replace(/token:.*/, 'token'), operator]),
  ).toEqual([
    ['cohort.create', 'cohort:alpha', 'the-operator'],
    ['tester.create', 'tester:ada', 'the-operator'],
    ['tester.update', 'tester:ada', 'the-operator'],
    ['token.issue', 'token', 'the-operator'],
    ['switch.engage', 'tester:ada', 'the-operator'],
    ['switch.release', 'tester:ada', 'the-operator'],
  ]);
});

test('a change keeps what it does not name, and null clears', async () => {
  await admin.call('POST', '/admin/testers', {
    id: 'ada',
    cohort: 'alpha',
    name: 'Ada',
    limits: { concurrent: 2 },
  });
  await admin.call('PATCH', '/admin/testers/ada', { email: 'ada@example.org' });
  const changed = await (
    await admin.call('PATCH', '/admin/testers/ada', { limits: null, reason: 'over' })
  ).json();
  expect(changed).toMatchObject({ name: 'Ada', email: 'ada@example.org', limits: null });
  expect((await problem(admin.call('PATCH', '/admin/testers/ada', {}))).status).toBe(400);
  expect((await problem(admin.call('PATCH', '/admin/testers/eve', { name: 'Eve' }))).detail).toContain(
    '"eve"',
  );
});

test('a tester is shown with tokens, last call and every engaged switch that touches them', async () => {
  await admin.call('POST', '/admin/testers', { id: 'ada', cohort: 'alpha' });
  await admin.call('POST', '/admin/testers', { id: 'bob', cohort: 'alpha' });
  const { jti } = await (await admin.call('POST', '/admin/tokens', { tester: 'ada' })).json();
  logCall(admin.db.writer);
  for (const scope of [`token:${jti}`, 'cohort:alpha', 'tester:bob', 'model:x'])
    await admin.call('POST', '/admin/switches', { scope, reason: 'test' });
  const shown = await (await admin.client.testers[':id'].$get({ param: { id: 'ada' } })).json();
  expect(shown).toMatchObject({ tokens: 1, lastCallAt: expect.stringMatching(/Z$/) });
  expect(shown.switches.map(({ scope }) => scope)).toEqual(['cohort:alpha', `token:${jti}`]);
});

test('an access token is in the answer that issued it, and nowhere after', async () => {
  await admin.call('POST', '/admin/testers', { id: 'ada', cohort: 'alpha' });
  const issued = await (await admin.call('POST', '/admin/tokens', { tester: 'ada', lifetimeDays: 1 })).json();
  expect(Object.keys(issued).sort()).toEqual(['expiresAt', 'jti', 'tester', 'token']);
  for (const path of ['/admin/tokens', '/admin/testers/ada', '/admin/acts'])
    expect(await (await admin.call('GET', path)).text()).not.toContain(issued.token);
  expect((await problem(admin.call('POST', '/admin/tokens', { tester: 'eve' }))).status).toBe(404);
});
