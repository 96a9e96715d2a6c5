/** The Worker as one module: small enough, nothing of Node's in it, and what is left out of it is missed by nobody. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleWorker, DIET } from '../../scripts/workers-bundle.ts';
import { createClient } from '../../src/admin/client.ts';
import { startAdmin } from '../admin/with-admin.ts';
import { makeAuthenticator } from '../admin/with-authenticator.ts';
import { browserOf } from '../admin/with-browser.ts';
import { startWorkers, type WorkersGate } from './with-gate.ts';

const GZIP_LIMIT_BYTES = 400 * 1024;

const bundled = bundleWorker();
const relative = (file: string) => file.replace(/^.*\/(src|test|node_modules)\//, '$1/');

test('it is small enough', async () => {
  expect(gzipSync((await bundled).text).length).toBeLessThanOrEqual(GZIP_LIMIT_BYTES);
});

test('it holds no driver, client or server of Node, and no more of Node than Workers have', async () => {
  const { inputs, externals } = await bundled;
  const ofNode = /node_modules\/(better-sqlite3|undici|ws|@hono\/node-server)\/|\.node\.ts$/;
  expect(
    inputs
      .filter((file) => ofNode.test(file))
      .map(relative)
      .sort(),
  ).toEqual(['src/log/seal.node.ts', 'src/log/sha256.node.ts']);
  expect(externals).toEqual(['cloudflare:workers', 'node:crypto', 'node:util']);
});

test('each rule of what is left out or replaced still means something', async () => {
  const { changed } = await bundled;
  for (const rule of DIET) expect([rule, changed.some((file) => rule.test(file))]).toEqual([rule, true]);
});

describe('under workerd', () => {
  let gate: WorkersGate;
  let admin: ReturnType<typeof createClient>;
  beforeAll(async () => {
    // Nothing listens there, and nobody asks it.
    gate = await startWorkers('http://127.0.0.1:9', null);
    admin = createClient({ url: gate.control, credential: gate.credential });
  });
  afterAll(() => gate.close());

  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${gate.control}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${gate.credential}`, ...init.headers },
    });
  const post = (path: string, body: object) =>
    ask(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });

  test('the admin API describes itself as on Node', async () => {
    const document = JSON.parse(readFileSync('docs/openapi.json', 'utf8'));
    expect(await (await ask('/admin/openapi.json')).json()).toEqual(document);
  });

  test('what is not well-formed is named, in the words of Node', async () => {
    const faulty = { id: 7, cohort: 'x', limits: { requestsPerMinute: -1, nothing: 1 } };
    const answer = await (await post('/admin/testers', faulty)).json();
    const own = await startAdmin();
    try {
      expect(answer.errors.length).toBeGreaterThan(1);
      expect(answer).toEqual(await (await own.call('POST', '/admin/testers', faulty)).json());
    } finally {
      own.close();
    }
  });

  test('a policy is read, its faults have their places, and its patterns run in linear time', async () => {
    const load = (check: string) => {
      const rule = `{ name: a, on: "*", check: '${check}', message: No. }`;
      const text = `cohorts:\n  artists: { allow: [], rules: [${rule}] }\n`;
      return post('/admin/policy', { text, reason: 'test' });
    };
    expect(await (await load('request.nothing == 1')).json()).toMatchObject({
      errors: [{ field: '2:69', message: 'rule a: there is no request.nothing' }],
    });
    expect((await load('request.prompt.matches("(?i)^\\\\p{Greek}+$")')).status).toBe(200);
    expect((await load('request.prompt.matches("(a)\\\\1")')).status).toBe(400);
  });

  test('a passkey is registered and signs in; one that comes with an attestation is refused', async () => {
    const origin = gate.control.replace('127.0.0.1', 'localhost');
    const app = { request: (...asked: Parameters<typeof fetch>) => fetch(...asked) };
    const { link } = await (await post('/admin/operators/operator/links', {})).json();
    const owner = browserOf({ app }, '', origin);
    await owner.signIn(link);
    const offer = async (lies = {}) => {
      const key = makeAuthenticator(origin);
      const options = await (await owner.post('/admin/passkeys/options')).json();
      expect(options.attestation).toBe('none');
      const made = await owner.post('/admin/passkeys', {
        response: key.make(options, lies),
        label: 'laptop',
      });
      return { key, status: made.status };
    };
    expect(await offer({ attests: true })).toMatchObject({ status: 400 });
    const { key, status } = await offer();
    expect(status).toBe(200);
    const again = browserOf({ app }, '', origin);
    const challenge = await (await again.post('/admin/sessions/passkey/options')).json();
    const response = key.sign(challenge);
    expect((await again.post('/admin/sessions/passkey', { response })).status).toBe(200);
  });

  test('numbers for Prometheus', async () => {
    expect(await (await ask('/admin/metrics')).text()).toMatch(/^portcullis_calls_open 0$/m);
  });

  test('testers come in as CSV; calls go out as CSV and JSON lines, and Parquet is refused', async () => {
    await admin.cohorts.$post({ json: { name: 'artists' } });
    const imported = await post('/admin/testers/import', {
      csv: 'id,cohort,name\nada,artists,"Ada, ""A"""\n',
    });
    expect(await imported.json()).toMatchObject({ testers: ['ada'], done: true });
    await fetch(`${gate.url}/v1/models`);
    await gate.settled();
    expect(await (await ask('/admin/log/export?format=csv')).text()).toContain('token_missing');
    expect(await (await ask('/admin/log/export?format=jsonl')).text()).toContain('token_missing');
    const parquet = await ask('/admin/log/export?format=parquet');
    expect([parquet.status, await parquet.text()]).toEqual([
      400,
      expect.stringContaining('Parquet is not made on Workers'),
    ]);
  });

  test.each(['/console/sign-in', '/admin/docs'])('the page %s', async (path) => {
    const answer = await ask(path);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8']);
  });

  test('the console’s own files come by the binding, each with what it is, and may be kept', async () => {
    const page = await (await ask('/console/sign-in')).text();
    const [, sheet = ''] = /href="(\/console\/assets\/console\.css\?v=[^"]+)"/.exec(page) ?? [];
    const answer = await ask(sheet);
    expect(await answer.text()).toContain('--');
    expect([answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
      'text/css; charset=utf-8',
      'public, max-age=31536000, immutable',
    ]);
    expect((await ask('/console/assets/nothing.js')).status).toBe(404);
  });
});
