import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/app.ts';
import { makeCredential } from '../../src/admin/credential.ts';
import { StoreUnavailable } from '../../src/store/writer.ts';
import { type Admin, startAdmin } from './with-admin.ts';

let admin: Admin;
beforeAll(async () => {
  admin = await startAdmin();
});
afterAll(() => admin.close());

/** Every route of the description, with a value for each path parameter. */
async function everyRoute(): Promise<[method: string, path: string][]> {
  const { paths } = await (await admin.app.request('/admin/openapi.json')).json();
  return Object.entries(paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method): [string, string] => [
      method.toUpperCase(),
      path.replaceAll(/\{\w+\}/g, 'x'),
    ]),
  );
}

test('every route refuses a missing and a wrong credential with a challenge', async () => {
  const routes = await everyRoute();
  expect(routes).toHaveLength(50);
  for (const [method, path] of routes) {
    const missing = await admin.app.request(path, { method });
    expect([path, missing.status]).toEqual([path, 401]);
    expect(missing.headers.get('www-authenticate')).toContain('Bearer');
    expect((await admin.call(method, path, undefined, makeCredential())).status).toBe(401);
    expect((await admin.call(method, path, undefined, 'nonsense')).status).toBe(401);
  }
});

test('an auditor reads everything and changes nothing; a reviewer reads the status only', async () => {
  for (const [method, path] of await everyRoute()) {
    const asAuditor = (await admin.call(method, path, undefined, admin.credentials.auditor)).status;
    expect([method, path, asAuditor === 403]).toEqual([method, path, method !== 'GET']);
    const asReviewer = (await admin.call(method, path, undefined, admin.credentials.reviewer)).status;
    const open = path === '/admin/status' || path === '/admin/me';
    expect([method, path, asReviewer === 403]).toEqual([method, path, !open]);
  }
});

test('a route that does not exist is known as such only to operators', async () => {
  expect((await admin.app.request('/admin/nothing')).status).toBe(401);
  expect((await admin.call('GET', '/admin/nothing')).status).toBe(404);
  expect((await admin.call('DELETE', '/admin/cohorts')).status).toBe(404);
});

test('a credential is never in the store or in an answer', async () => {
  const rows = admin.db.reader.$client.prepare('SELECT * FROM operators').all();
  for (const credential of Object.values(admin.credentials))
    expect(JSON.stringify(rows)).not.toContain(credential);
  const wrong = makeCredential();
  expect(await (await admin.call('GET', '/admin/status', undefined, wrong)).text()).not.toContain(wrong);
});

test('a page of another site is refused, as is a host name that is not ours', async () => {
  const from = (headers: Record<string, string>) =>
    admin.app.request('/admin/status', {
      headers: { authorization: `Bearer ${admin.credentials.operator}`, ...headers },
    });
  expect((await from({ host: '127.0.0.1:8788', origin: 'http://127.0.0.1:8788' })).status).toBe(200);
  expect((await from({ host: '[::1]:8788' })).status).toBe(200);
  expect((await from({ host: '127.0.0.1:8788', origin: 'http://evil.example' })).status).toBe(403);
  expect((await from({ host: '127.0.0.1:8788', origin: 'null' })).status).toBe(403);
  expect((await from({ host: '127.0.0.1:8788', 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect((await from({ host: 'rebound.example:8788', origin: 'http://rebound.example:8788' })).status).toBe(
    403,
  );
});

test('a configured host name is accepted', async () => {
  const app = createAdmin(admin.control, { allowedHosts: ['gate.internal'] });
  const headers = { host: 'gate.internal:8788', authorization: `Bearer ${admin.credentials.operator}` };
  expect((await app.request('/admin/me', { headers })).status).toBe(200);
});

test('no answer is stored or sniffed, a refusal included', async () => {
  for (const answer of [await admin.call('GET', '/admin/me'), await admin.app.request('/admin/me')]) {
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
  }
});

test('a body beyond 64 KiB and a body that is no JSON are refused', async () => {
  expect((await admin.call('POST', '/admin/cohorts', { name: 'x'.repeat(70_000) })).status).toBe(413);
  const headers = {
    authorization: `Bearer ${admin.credentials.operator}`,
    'content-type': 'application/json',
  };
  const answer = await admin.app.request('/admin/cohorts', { method: 'POST', headers, body: '{' });
  expect(answer.status).toBe(400);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
});

test('a store that takes no writes is a 503, and an unforeseen fault tells nothing of itself', async () => {
  const faults: unknown[] = [];
  const failing = (fault: Error) =>
    createAdmin(
      { ...admin.control, write: () => Promise.reject(fault) },
      { onFault: (one) => faults.push(one) },
    );
  const post = (fault: Error) =>
    failing(fault).request('/admin/cohorts', {
      method: 'POST',
      headers: { authorization: `Bearer ${admin.credentials.operator}`, 'content-type': 'application/json' },
      body: '{"name":"beta"}',
    });
  expect((await post(new StoreUnavailable(new Error('disk full')))).status).toBe(503);
  const answer = await post(new Error('the secret is 42'));
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain('42');
  expect(faults).toHaveLength(2);
});

test('a stop goes ahead when the store cannot tell whether its cohort exists', async () => {
  const unreadable = new Proxy(admin.control.reader, {
    get: (db, key) => {
      if (key !== 'select') return Reflect.get(db, key);
      const { select } = db;
      return (...columns: Parameters<typeof select>) => ({
        from: (table: Parameters<ReturnType<typeof select>['from']>[0]) => {
          if ('credentialHash' in table) return select.apply(db, columns).from(table);
          throw new Error('disk I/O error');
        },
      });
    },
  });
  const app = createAdmin({ ...admin.control, reader: unreadable }, { onFault: () => {} });
  const answer = await app.request('/admin/switches', {
    method: 'POST',
    headers: { authorization: `Bearer ${admin.credentials.operator}`, 'content-type': 'application/json' },
    body: '{"scope":"cohort:alpha","reason":"test"}',
  });
  expect(answer.status).toBe(200);
});
