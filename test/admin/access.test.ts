import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/app.ts';
import { makeSecret } from '../../src/secret.ts';
import { StoreUnavailable } from '../../src/store/writer.ts';
import { type Admin, startAdmin } from './with-admin.ts';

let admin: Admin;
beforeAll(async () => {
  admin = await startAdmin();
});
afterAll(() => admin.close());

interface Described {
  readonly method: string;
  /** With a value for each path parameter. */
  readonly path: string;
  readonly roles: readonly string[];
}

async function everyRoute(): Promise<Described[]> {
  const { paths } = await (await admin.app.request('/admin/openapi.json')).json();
  return Object.entries(paths as Record<string, Record<string, { 'x-roles': string[] }>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, one]) => ({
        method: method.toUpperCase(),
        path: path.replaceAll(/\{\w+\}/g, 'x'),
        roles: one['x-roles'],
      })),
  );
}
const guarded = async () => (await everyRoute()).filter(({ roles }) => !roles.includes('anyone'));

test('every route refuses a missing and a wrong credential with a challenge', async () => {
  const routes = await guarded();
  expect(routes.length).toBeGreaterThan(60);
  for (const { method, path } of routes) {
    const missing = await admin.app.request(path, { method });
    expect([path, missing.status]).toEqual([path, 401]);
    expect(missing.headers.get('www-authenticate')).toContain('Bearer');
    expect((await admin.call(method, path, undefined, makeSecret('pco_'))).status).toBe(401);
    expect((await admin.call(method, path, undefined, 'nonsense')).status).toBe(401);
  }
});

test('every route is open to the roles that it declares, and to no other', async () => {
  const isForbidden = async (method: string, path: string, credential: string) => {
    const answer = await admin.call(method, path, undefined, credential);
    return answer.status === 403 && (await answer.text()).includes('problem:role_forbidden');
  };
  for (const { method, path, roles } of await guarded()) {
    for (const [role, credential] of Object.entries(admin.credentials))
      expect([method, path, role, await isForbidden(method, path, credential)]).toEqual([
        ...[method, path, role],
        !roles.includes(role),
      ]);
  }
});

/** One's own sign-in: everybody's business. */
const OWN = /^\/admin\/(?:sessions|passkeys|operator-tokens)/;

test('an auditor changes nothing but its own sign-in; only an admin changes operators', async () => {
  const routes = await everyRoute();
  for (const { method, path, roles } of routes) {
    if (method !== 'GET' && !OWN.test(path)) expect([path, roles.includes('auditor')]).toEqual([path, false]);
    if (method !== 'GET' && path.startsWith('/admin/operators')) expect(roles).toEqual(['admin']);
    if (method !== 'GET') expect([path, roles.includes('anyone') && !OWN.test(path)]).toEqual([path, false]);
  }
  const anyone = routes.filter(({ roles }) => roles.includes('anyone')).map(({ path }) => path);
  expect(anyone.sort()).toEqual([
    '/admin/sessions',
    '/admin/sessions/passkey',
    '/admin/sessions/passkey/options',
    '/admin/sign-in',
  ]);
});

test('a route that does not exist is known as such only to operators', async () => {
  expect((await admin.app.request('/admin/nothing')).status).toBe(401);
  expect((await admin.call('GET', '/admin/nothing')).status).toBe(404);
});

test('a known path names its methods to whoever uses another one, and does nothing', async () => {
  const { paths } = await (await admin.app.request('/admin/openapi.json')).json();
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
  const known = (path: string) => Object.keys(paths[path] as object).map((method) => method.toUpperCase());
  const before = admin.acts().length;
  // A name in the place of a parameter is another path: GET /admin/testers/bulk asks for the tester "bulk".
  const alike = (path: string) =>
    Object.keys(paths).filter((one) =>
      new RegExp(`^${one.replaceAll(/\{\w+\}/g, '[^/]+').replace('*', '.+')}$`).test(path),
    );
  for (const path of Object.keys(paths)) {
    const asked = path.replaceAll(/\{\w+\}/g, 'x');
    const taken = new Set(alike(asked).flatMap(known));
    for (const method of methods.filter((one) => !taken.has(one))) {
      const answer = await admin.call(method, asked);
      expect([method, path, answer.status]).toEqual([method, path, 405]);
      expect(new Set(answer.headers.get('allow')?.split(', '))).toEqual(
        new Set([...taken, ...(taken.has('GET') ? ['HEAD'] : [])]),
      );
      expect((await answer.json()).type).toBe('urn:portcullis:problem:method_not_allowed');
    }
    expect((await admin.app.request(asked, { method: 'PUT' })).status).toBe(401);
  }
  expect(admin.acts()).toHaveLength(before);
});

test('a credential is never in the store or in an answer', async () => {
  const rows = admin.read('select * from operator_tokens');
  for (const credential of Object.values(admin.credentials))
    expect(JSON.stringify(rows)).not.toContain(credential);
  const wrong = makeSecret('pco_');
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
          if ('hash' in table) return select.apply(db, columns).from(table);
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
