import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Admin, startAdmin } from './with-admin.ts';

let admin: Admin;
beforeEach(async () => {
  admin = await startAdmin();
  await admin.call('POST', '/admin/cohorts', { name: 'alpha' });
  await admin.call('POST', '/admin/testers', { id: 'ada', cohort: 'alpha' });
});
afterEach(() => admin.close());

const stop = (scope: string, more = {}) =>
  admin.call('POST', '/admin/switches', { scope, reason: 'test', ...more });

test('a kill of a cohort that does not exist is refused by name', async () => {
  const answer = await stop('cohort:alhpa');
  expect(answer.status).toBe(404);
  expect((await answer.json()).detail).toContain('"alhpa"');
  expect((await stop('tester:eve')).status).toBe(404);
  expect((await (await admin.call('GET', '/admin/switches')).json()).switches).toEqual([]);
});

test('a model and a token of another issuer can be stopped without being known', async () => {
  expect((await stop('model:next-1')).status).toBe(200);
  expect((await stop('token:someone-elses', { effect: 'revoke' })).status).toBe(200);
});

test('a malformed scope is refused with the forms that exist', async () => {
  const body = await (await stop('cohorts:alpha')).json();
  expect(body).toMatchObject({ status: 400, errors: [{ field: 'scope' }] });
  expect(body.detail).toContain('cohort:NAME');
});

test('a stop is acknowledged with its times and shown in the status until it is released', async () => {
  const stopped = await (await stop('global', { reason: 'Leak' })).json();
  expect(stopped).toMatchObject({ id: 1, scope: 'global', effect: 'stop', reason: 'Leak', durable: true });
  expect(Date.parse(stopped.nodes[0].confirmedAt)).toBeGreaterThanOrEqual(Date.parse(stopped.requestedAt));
  const state = await (await admin.client.status.$get()).json();
  expect(state.open).toBe(false);
  expect(state.switches).toMatchObject([{ scope: 'global', by: 'the-operator', reason: 'Leak' }]);
  const released = await admin.call('POST', '/admin/switches/release', { scope: 'global', reason: 'Mended' });
  expect(await released.json()).toMatchObject({ scope: 'global', ids: [1] });
  expect((await (await admin.client.status.$get()).json()).open).toBe(true);
});

test('a release of what is not engaged is refused', async () => {
  await stop('cohort:alpha');
  const answer = await admin.call('POST', '/admin/switches/release', { scope: 'global', reason: 'test' });
  expect(answer.status).toBe(404);
  expect((await answer.json()).type).toBe('urn:portcullis:problem:switch_not_engaged');
});

test('the list tells engaged from released switches', async () => {
  await stop('cohort:alpha');
  await stop('tester:ada');
  await admin.call('POST', '/admin/switches/release', { scope: 'cohort:alpha', reason: 'test' });
  const scopes = async (engaged?: 'true' | 'false') => {
    const { switches } = await (await admin.client.switches.$get({ query: { engaged } })).json();
    return switches.map(({ scope }) => scope);
  };
  expect(await scopes('true')).toEqual(['tester:ada']);
  expect(await scopes('false')).toEqual(['cohort:alpha']);
  expect(await scopes()).toEqual(['tester:ada', 'cohort:alpha']);
});

test('a revoked token stays revoked, and one never issued here is refused', async () => {
  const { jti } = await (await admin.call('POST', '/admin/tokens', { tester: 'ada' })).json();
  const revoked = await admin.call('POST', `/admin/tokens/${jti}/revoke`, { reason: 'lost' });
  expect(await revoked.json()).toMatchObject({ scope: `token:${jti}`, effect: 'revoke' });
  const { tokens } = await (await admin.client.tokens.$get({ query: { tester: 'ada' } })).json();
  expect(tokens).toMatchObject([{ jti, state: 'revoked' }]);
  expect(
    (await admin.call('POST', '/admin/switches/release', { scope: `token:${jti}`, reason: 'x' })).status,
  ).toBe(404);
  expect((await admin.call('POST', '/admin/tokens/nobodys/revoke', {})).status).toBe(404);
});

test('a revocation of a tester shows on the tokens issued up to then, not on later ones', async () => {
  const first = await (await admin.call('POST', '/admin/tokens', { tester: 'ada' })).json();
  await stop('tester:ada', { effect: 'revoke' });
  await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await (await admin.call('POST', '/admin/tokens', { tester: 'ada' })).json();
  const { tokens } = await (await admin.client.tokens.$get({ query: {} })).json();
  expect(Object.fromEntries(tokens.map(({ jti, state }) => [jti, state]))).toEqual({
    [first.jti]: 'revoked',
    [second.jti]: 'valid',
  });
});

test('a stop with no body sent as JSON is refused, and not taken for another', async () => {
  const headers = { authorization: `Bearer ${admin.credentials.operator}`, 'content-type': 'text/plain' };
  const answer = await admin.app.request('/admin/switches', {
    method: 'POST',
    headers,
    body: '{"scope":"global"}',
  });
  expect(answer.status).toBe(415);
});
