/** Hostile text on every page: names, reasons, prompts, file names, queries. None of it becomes markup. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPortal } from '../../src/portal/app.ts';
import { startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';
import { type Browser, signedIn } from './with-portal.ts';

const EVIL = `"><script>alert(1)</script><img src=x onerror=alert(1)>'`;
let gate: TestGate;
let upstream: Upstream;
let ada: Browser;
beforeAll(async () => {
  upstream = await startUpstream();
  gate = await startGate(upstream.url);
  const token = await gate.tester('ada');
  ada = await signedIn(gate, token);
  await gate.admin('PATCH', 'testers/ada', { name: EVIL });
  await gate.admin('POST', 'switches', { scope: 'tester:ada', reason: EVIL });
  const id = '01900000-0000-7000-8000-000000000000';
  const quoted = EVIL.replaceAll("'", "''");
  await gate.sql(`insert into requests (id, at, tester, method, path, operation, model, decision, rule, outcome, size, objects)
    values ('${id}', ${Date.now()}, 'ada', '${quoted}', '/${quoted}', '${quoted}', '${quoted}', 'refused', 'switch:1', '${quoted}', '${quoted}', '["${EVIL.replaceAll('"', '\\"').replaceAll("'", "''")}"]');
    insert into objects (id, tester, kind, model, request) values ('${quoted}', 'ada', '${quoted}', '${quoted}', '${id}');`);
  await ada.send('/portal/feedback', '/portal/feedback', { rating: '1', text: EVIL });
  await ada.send('/portal', '/portal/appeals', { text: EVIL });
  const file = new File(['x'], `${EVIL}.txt`, { type: 'text/plain' });
  const finding = { title: EVIL, severity: 'low', category: 'other', reproduction: EVIL };
  await ada.send('/portal/findings', '/portal/findings', finding, { files: [file] });
  await gate.admin('POST', 'findings/1/status', { status: 'declined', answer: EVIL });
  await gate.sql(
    `insert into releases (object, tester, purpose, place, at, state_at) values ('${quoted}', 'ada', '${quoted}', '${quoted}', 1, 1)`,
  );
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

test('every page shows it as text, under a policy that runs no script', async () => {
  const port = new Proxy({}, { get: () => undefined });
  const pages = createPortal(port as never, 'realm')
    .routes.filter(
      ({ method, path }) =>
        method === 'GET' &&
        !path.includes('/api/') &&
        !/\.(?:css|svg|js)$|\/content$|download$|attachments/.test(path),
    )
    .map(({ path }) => path.replace(':call', '01900000-0000-7000-8000-000000000000').replace(':finding', '1'))
    .filter((path) => !path.includes(':'));
  expect(pages.length).toBeGreaterThanOrEqual(12);
  const query = new URLSearchParams(
    ['call', 'object', 'outcome', 'from', 'to', 'before', 'kind'].map((name) => [name, EVIL]),
  );
  let shown = 0;
  for (const path of pages)
    for (const address of [path, `${path}?${query}`]) {
      const { text, headers } = await ada.get(address);
      expect([address, /<script>|<img src=x|onerror=alert\(1\)>/.exec(text)?.[0]]).toEqual([
        address,
        undefined,
      ]);
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none';/);
      expect(headers.get('content-security-policy')).not.toContain('unsafe');
      if (!path.endsWith('/link')) expect(headers.get('content-security-policy')).not.toContain('script-src');
      if (text.includes('&lt;script&gt;')) shown++;
    }
  expect(shown).toBeGreaterThan(10);
});

test('no page has a script, a style or a handler of its own', async () => {
  for (const path of ['/portal', '/portal/calls', '/portal/statement', '/portal/findings/1']) {
    const { text } = await ada.get(path);
    expect(text).not.toMatch(/<script(?! src=)|<style|\sstyle=|\son\w+="/);
  }
});

test('faults tell nothing of what is inside, and are written down', async () => {
  const broken = await ada.get('/portal/nothing');
  expect([broken.status, broken.text.includes('Not found')]).toEqual([404, true]);
  expect((await ada.get('/portal/api/nothing')).headers.get('content-type')).toBe('application/problem+json');
  expect((await ada.get('/portal/api/calls?limit=100000')).status).toBe(400);
  expect((await ada.get(`/portal/calls/${'x'.repeat(300)}`)).status).toBe(404);
});

test('answers are kept by no cache and shown in no frame', async () => {
  const { headers } = await ada.get('/portal');
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('x-frame-options')).toBe('DENY');
  expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
});

test('bodies are bounded, and read in one way', async () => {
  const { csrfIn } = await import('./with-portal.ts');
  const csrf = csrfIn((await ada.get('/portal/feedback')).text);
  const json = (body: string) =>
    fetch(`${gate.url}/portal/api/feedback`, {
      method: 'POST',
      body,
      headers: {
        ...{ 'content-type': 'application/json', 'x-csrf-token': csrf },
        cookie: [...ada.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      },
    });
  expect((await json('{"rating":5,"text":"good"}')).status).toBe(201);
  expect((await json('{"rating":5,"rating":1,"text":"two ways"}')).status).toBe(400);
  expect((await json('{"rating":5,"text":"x","tester":"bob"}')).status).toBe(400);
  expect((await json('[1]')).status).toBe(400);
  expect((await json(JSON.stringify({ rating: 5, text: 'x'.repeat(70_000) }))).status).toBe(413);
  const twice = new URLSearchParams([
    ['csrf', csrf],
    ['rating', '1'],
    ['rating', '5'],
    ['text', 'x'],
  ]);
  expect((await ada.post('/portal/feedback', twice)).status).toBe(400);
});
