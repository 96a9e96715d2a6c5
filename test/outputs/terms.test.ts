/** Terms: nothing reaches upstream for who has not accepted the version that the programme asks for. */
import { afterEach, expect, test } from 'vitest';
import {
  CHAT,
  PERMISSIVE,
  post,
  startGate,
  startUpstream,
  type TestGate,
  type Upstream,
} from '../with-gate.ts';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

async function setUp(version: number): Promise<{ gate: TestGate; upstream: Upstream; token: string }> {
  const upstream = await startUpstream();
  const gate = await startGate(
    upstream.url,
    `artists: { ${PERMISSIVE} }`,
    `terms: ${version}\npublicUrl: https://gate.example`,
  );
  open.push(upstream, gate);
  return { gate, upstream, token: await gate.tester('ada') };
}

/** As the portal writes it down. */
function accepted(gate: TestGate, version: number): Promise<void> {
  return gate.sql(
    `insert into acceptances (tester, version, sha256, at, how) select 'ada', version, sha256, 1, 'portal' from terms where version = ${version}`,
  );
}

const publish = (gate: TestGate, body: object = {}) =>
  gate.admin('POST', 'terms', { text: 'Label what you show.\n', ...body });

async function refusedBy(
  call: Promise<Response>,
): Promise<{ status: number; code: string; message: string; answer: Response }> {
  const answer = await call;
  const { error } = (await answer.json()) as { error?: { code: string; message: string } };
  return { status: answer.status, code: error?.code ?? '', message: error?.message ?? '', answer };
}

test('a call before acceptance is refused with the link, reaches nobody, and is not tried again', async () => {
  const { gate, upstream, token } = await setUp(1);
  await publish(gate);
  const { status, code, message, answer } = await refusedBy(post(gate.url, token, CHAT));
  expect([status, code]).toEqual([403, 'terms_required']);
  expect(message).toContain('https://gate.example/portal/terms');
  expect(answer.headers.get('x-should-retry')).toBe('false');
  expect(answer.headers.get('link')).toBe('<https://gate.example/portal/terms>; rel="terms-of-service"');
  expect(upstream.seen).toEqual([]);
  expect(gate.rows()).toMatchObject([{ outcome: 'terms_required', rule: 'terms:1', decision: 'refused' }]);
});

test('an acceptance counts from the next call on, without a restart; a row that is deleted counts no more', async () => {
  const { gate, token } = await setUp(1);
  await publish(gate);
  await accepted(gate, 1);
  expect((await post(gate.url, token, CHAT)).status).toBe(200);
  await gate.sql('delete from acceptances');
  expect((await post(gate.url, token, CHAT)).status).toBe(403);
});

test('terms that were never published let nobody in', async () => {
  const { gate, token } = await setUp(2);
  await publish(gate);
  await accepted(gate, 1);
  expect((await refusedBy(post(gate.url, token, CHAT))).code).toBe('terms_required');
});

test('under a newer version whoever accepted the older one has the grace, and nobody else; then not', async () => {
  const { gate, token } = await setUp(2);
  const other = await gate.tester('grace');
  await publish(gate);
  await accepted(gate, 1);
  await publish(gate, { text: 'And say who made it.\n', graceSeconds: 3600 });
  expect((await post(gate.url, token, CHAT)).status).toBe(200);
  expect((await post(gate.url, other, CHAT)).status).toBe(403);
  await gate.sql('update terms set grace_until = 1 where version = 2');
  expect((await post(gate.url, token, CHAT)).status).toBe(403);
});

test('a stop is told before the terms', async () => {
  const { gate, token } = await setUp(1);
  await gate.admin('POST', 'switches', { scope: 'tester:ada', reason: 'leak' });
  expect((await refusedBy(post(gate.url, token, CHAT))).code).toBe('access_suspended');
});

test('a policy that is loaded while the gate runs asks for its terms with the next call', async () => {
  const { gate, token } = await setUp(1);
  await publish(gate);
  await accepted(gate, 1);
  const policy = (terms: number) => `terms: ${terms}\ncohorts: { artists: { ${PERMISSIVE} } }`;
  await gate.admin('POST', 'policy', { text: policy(2), reason: 'new terms' });
  expect((await refusedBy(post(gate.url, token, CHAT))).code).toBe('terms_required');
  expect((await gate.admin('GET', 'terms')).required).toBe(2);
  await gate.admin('POST', 'policy', { text: policy(0), reason: 'none' });
  expect((await post(gate.url, token, CHAT)).status).toBe(200);
});
