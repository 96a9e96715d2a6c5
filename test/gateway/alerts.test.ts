/** Alerts: they go out signed, whoever did what they tell of, until they are taken, and hold up nothing. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { CHAT, post, sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const SECRET = `whsec_${Buffer.from('a secret of at least 24 bytes').toString('base64')}`;

interface Got {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

let gate: TestGate;
let upstream: Upstream;
let hooks: Server;
let got: Got[] = [];
let answer: (path: string, outgoing: ServerResponse) => void = taken;
beforeAll(async () => {
  hooks = createServer((incoming: IncomingMessage, outgoing) => {
    let body = '';
    incoming.on('data', (chunk) => {
      body += chunk;
    });
    incoming.on('end', () => {
      got.push({ path: incoming.url ?? '', headers: incoming.headers as Record<string, string>, body });
      answer(incoming.url ?? '', outgoing);
    });
  });
  await new Promise<void>((resolve) => hooks.listen(0, '127.0.0.1', resolve));
  const at = `http://127.0.0.1:${(hooks.address() as AddressInfo).port}`;
  upstream = await startUpstream();
  gate = await startGate(
    upstream.url,
    'artists: { allow: [{ operations: ["*"], models: ["*"] }], quotas: { tokens: { day: 3000 } } }',
    `alerts:
  - { name: ops, url: "${at}/ops", secretEnv: TEST_ALERT_SECRET }
  - { name: slack, urlEnv: TEST_SLACK_URL, format: slack, events: ["switch.*", "drill.failed"] }`,
    { TEST_ALERT_SECRET: SECRET, TEST_SLACK_URL: `${at}/slack/T0/secret-path` },
  );
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
  hooks.closeAllConnections();
  await new Promise((resolve) => hooks.close(resolve));
});
afterEach(() => {
  answer = taken;
});

function taken(_: string, outgoing: ServerResponse): void {
  outgoing.writeHead(204).end();
}
const typeOf = ({ body }: Got) => (JSON.parse(body) as { type?: string }).type;
/** Waits until the target got an event of this type that the test has not seen. */
const told = async (path: string, type?: string): Promise<Got> => {
  for (let i = 0; i < 400; i++) {
    const at = got.findIndex((one) => one.path.startsWith(path) && (!type || typeOf(one) === type));
    if (at >= 0) return got.splice(at, 1)[0] as Got;
    await sleep(25);
  }
  throw new Error(`no ${type} at ${path}; got ${got.map((one) => `${one.path} ${typeOf(one)}`)}`);
};
const stop = (scope: string, more = {}) => gate.admin('POST', 'switches', { scope, reason: 'test', ...more });
const release = (scope: string) => gate.admin('POST', 'switches/release', { scope, reason: 'over' });

test('a stop and its release are told, signed so that the library of Standard Webhooks takes them', async () => {
  await stop('model:x', { reason: 'A leak.', note: 'look at ada' });
  const engaged = await told('/ops', 'switch.engaged');
  expect(new Webhook(SECRET).verify(engaged.body, engaged.headers)).toMatchObject({
    type: 'switch.engaged',
    data: { scope: 'model:x', effect: 'stop', by: 'operator', reason: 'A leak.', note: 'look at ada' },
  });
  await release('model:x');
  const released = await told('/ops', 'switch.released');
  expect(JSON.parse(released.body)).toMatchObject({ data: { scope: 'model:x', reason: 'over' } });
  expect(released.headers['webhook-id']).not.toBe(engaged.headers['webhook-id']);
});

test('Slack gets its own shape, and what was written there mentions nobody', async () => {
  got = [];
  await stop('model:y', { reason: '<!channel> & <https://evil.example|look>' });
  const { body, headers } = await told('/slack');
  const { text, blocks } = JSON.parse(body) as { text: string; blocks: object[] };
  expect(text).toContain('&lt;!channel&gt; &amp; &lt;https://evil.example|look&gt;');
  expect(text).not.toMatch(/<[!@#h]/);
  expect(blocks).toMatchObject([{ type: 'section', text: { type: 'mrkdwn', text } }]);
  expect(headers['webhook-signature']).toBeUndefined();
  await release('model:y');
  await told('/ops', 'switch.released');
});

test('a row that somebody writes by hand is told like any other', async () => {
  got = [];
  await gate.sql("insert into switches (scope) values ('model:z')");
  // Any commit of the gate's takes it in.
  await gate.admin('POST', 'cohorts', { name: 'any' });
  const { body } = await told('/ops', 'switch.engaged');
  expect(JSON.parse(body)).toMatchObject({ data: { scope: 'model:z', by: 'sqlite' } });
  await release('model:z');
  await told('/ops', 'switch.released');
});

test('what a target does not take is sent again under the same id, and outlives a restart', async () => {
  got = [];
  answer = (_, outgoing) => outgoing.writeHead(500).end('a long story');
  await stop('model:w');
  const first = await told('/ops', 'switch.engaged');
  await told('/slack');
  const { targets } = (await gate.admin('GET', 'alerts')) as { targets: { waiting: number }[] };
  for (
    let i = 0;
    i < 40 && JSON.stringify(await gate.admin('GET', 'alerts')).includes('null,"lastFault":null');
    i++
  )
    await sleep(25);
  expect(targets[0]?.waiting).toBe(1);
  expect((await gate.admin('GET', 'alerts')).targets).toMatchObject([
    { name: 'ops', waiting: 1, lastFault: 'it answered 500' },
    { name: 'slack', waiting: 1 },
  ]);
  answer = taken;
  await gate.restart();
  const again = await told('/ops', 'switch.engaged');
  expect(again.headers['webhook-id']).toBe(first.headers['webhook-id']);
  await release('model:w');
});

test('a target that hangs holds up neither a stop nor another target', async () => {
  got = [];
  answer = (path, outgoing) => {
    if (path.startsWith('/ops')) taken(path, outgoing);
  };
  await stop('model:v');
  await told('/slack');
  await told('/ops', 'switch.engaged');
  await release('model:v');
  await told('/ops', 'switch.released');
});

test('a redirect is not followed', async () => {
  got = [];
  answer = (path, outgoing) =>
    path.startsWith('/ops')
      ? outgoing.writeHead(307, { location: '/elsewhere' }).end()
      : taken(path, outgoing);
  await gate.admin('POST', 'alerts/test');
  await told('/ops', 'test');
  await sleep(100);
  expect(got.filter(({ path }) => path === '/elsewhere')).toEqual([]);
});

test('a quota that is used up is told once, however many calls it refuses', async () => {
  got = [];
  const token = await gate.tester('ada');
  const call = () => post(gate.url, token, { ...CHAT, max_tokens: 2_900 });
  await call();
  for (let i = 0; i < 4; i++) await post(gate.url, token, { ...CHAT, max_tokens: 100_000 });
  const { body } = await told('/ops', 'quota.exhausted');
  expect(JSON.parse(body)).toMatchObject({
    data: { tester: 'ada', rule: expect.stringContaining('tokens') },
  });
  await sleep(700);
  expect(got.filter((one) => typeOf(one) === 'quota.exhausted')).toEqual([]);
});

test('a drill that fails is told, and the switches of drills are not', async () => {
  got = [];
  await gate.sql(
    `create trigger sabotage after insert on switches begin
     update switches set scope = 'tester:nobody' where id = new.id; end`,
  );
  await gate.admin('POST', 'drills');
  await gate.sql("drop trigger sabotage; update switches set released_at = 1 where scope = 'tester:nobody'");
  const { body } = await told('/ops', 'drill.failed');
  expect(JSON.parse(body)).toMatchObject({ data: { fault: expect.stringContaining('200') } });
  got = [];
  await gate.admin('POST', 'drills');
  await sleep(700);
  expect(got.filter((one) => one.body.includes('portcullis-drill'))).toEqual([]);
});

test('nobody reads a secret or a path that may be one', async () => {
  const shown = JSON.stringify(await gate.admin('GET', 'alerts'));
  expect(shown).not.toContain('secret-path');
  expect(shown).not.toContain(SECRET);
});
