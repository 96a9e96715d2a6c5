/** Versions of the policy: taken up as a whole, in every process at once, each call under exactly one; and sockets under it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyDatabase } from '../../src/log/offline.node.ts';
import {
  CHAT,
  post,
  type Row,
  sleep,
  startGate,
  startUpstream,
  type TestGate,
  type Upstream,
} from '../with-gate.ts';
import { artists, rule } from '../with-policy.ts';
import { admin, end, firstTester, startProcess } from '../with-process.ts';
import { until, withSocketUpstream } from '../with-socket-upstream.ts';

const OPEN = artists(rule('any', '*', 'true'));
const SHUT = artists(rule('none', '*', 'false'));

let upstream: Upstream;
let gate: TestGate;
let token: string;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-versions-'));
  writeFileSync(join(dir, 'policy.yaml'), OPEN);
  upstream = await startUpstream();
  gate = await startGate(upstream.url, null, `policy: ${join(dir, 'policy.yaml')}`);
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
  rmSync(dir, { recursive: true, force: true });
});
const load = (text: string) => gate.admin('POST', 'policy', { text, reason: 'a test' });
const status = async () => (await post(gate.url, token, CHAT)).status;
const version = async () => (await gate.admin('GET', 'policy')).version;

test('a new version judges the next call, and its row, its act and its diff say so', async () => {
  expect(await status()).toBe(200);
  expect(await load(SHUT)).toMatchObject({ version: 2, changed: true });
  expect(await status()).toBe(403);
  expect((await gate.settled()).map((row) => (row as Row & { policy: number }).policy)).toEqual([1, 2]);
  const { acts } = (await gate.admin('GET', 'acts?limit=1')) as { acts: object[] };
  expect(acts).toMatchObject([
    {
      act: 'policy.load',
      operator: 'operator',
      reason: 'a test',
      subject: expect.stringMatching(/^policy:2 sha256:[0-9a-f]{64}$/),
    },
  ]);
  const { versions } = (await gate.admin('GET', 'policy/versions')) as { versions: { diff: string }[] };
  expect(versions).toMatchObject([
    { version: 2, source: 'api', by: 'operator' },
    { version: 1, source: 'config' },
  ]);
  expect(versions[0]?.diff).toMatch(/^--- version 1[\s\S]*^-.*name: any[\s\S]*^\+.*name: none/m);
  expect(await gate.admin('GET', 'policy/versions/1')).toMatchObject({ version: 1, text: OPEN });
});

test('the same text again is no new version', async () => {
  expect(await load(SHUT)).toMatchObject({ version: 2, changed: false });
});

test('a policy with a fault changes nothing, and each fault has its place', async () => {
  await expect(load(SHUT.replace('"false"', '"request.secnds > 1"'))).rejects.toThrow(
    /^400 .*"field":"5:\d+","message":"rule none: there is no request.secnds; did you mean request.seconds\?"/,
  );
  await expect(load(OPEN.replace('No: any.', `No: pco_${'a'.repeat(43)}.`))).rejects.toThrow(/credential/);
  expect(await version()).toBe(2);
});

test('a dry run shows the difference, and changes nothing', async () => {
  const shown = await gate.admin('POST', 'policy', { text: OPEN, dryRun: true });
  expect(shown).toMatchObject({ version: 2, changed: false, diff: expect.stringContaining('+++ proposed') });
  expect(await status()).toBe(403);
});

test('what was loaded stays over a restart, until the file itself is changed', async () => {
  await gate.restart();
  expect([await version(), await status()]).toEqual([2, 403]);
  writeFileSync(join(dir, 'policy.yaml'), `${OPEN}# again\n`);
  await gate.restart();
  expect([await version(), await status()]).toEqual([3, 200]);
});

test('a gate does not start under a policy with a fault', async () => {
  writeFileSync(join(dir, 'other.yaml'), OPEN.replace('"*"]', '"*"'));
  const start = startGate(upstream.url, null, `policy: ${join(dir, 'other.yaml')}`);
  await expect(start).rejects.toThrow(/other\.yaml:\d+:\d+: /);
  const both = startGate(upstream.url, 'artists: { allow: [] }', `policy: ${join(dir, 'policy.yaml')}`);
  await expect(both).rejects.toThrow('policy and cohorts: keep one');
});

test('a version that was written by hand and cannot be read lets nothing through, until one that can is there', async () => {
  const insert = (text: string, sha256: string) =>
    gate.sql(
      `insert into policies (by, source, sha256, text, diff) values ('sqlite', 'api', '${sha256}', '${text}', '')`,
    );
  await insert('cohorts: {{', 'a');
  const answer = await post(gate.url, token, CHAT);
  expect([answer.status, (await answer.json()).error.code]).toEqual([503, 'policy_unavailable']);
  await insert('cohorts: { artists: { allow: [{ operations: ["*"], models: ["*"] }] } }', 'b');
  expect(await status()).toBe(200);
});

test('two processes: each call is judged under exactly one version, the one that its row names', async () => {
  const data = join(dir, 'two');
  const config = join(dir, 'two.yaml');
  const file = join(dir, 'two-policy.yaml');
  writeFileSync(file, OPEN);
  writeFileSync(config, `policy: ${file}\n`);
  const first = await startProcess(data, upstream.url, { PORTCULLIS_CONFIG: config });
  const tester = await firstTester(data, first.control);
  const second = await startProcess(data, upstream.url, { PORTCULLIS_CONFIG: config });
  try {
    let over = false;
    const calls = [first, second].map(async ({ gateway }) => {
      const answers: [string, number][] = [];
      while (!over) {
        const answer = await post(gateway, tester, CHAT);
        await answer.text();
        answers.push([answer.headers.get('x-request-id') ?? '', answer.status]);
      }
      return answers;
    });
    for (let i = 0; i < 10; i++) {
      const { control } = i % 2 ? first : second;
      await admin(data, control, 'policy', { text: i % 2 ? OPEN : SHUT });
      await sleep(20);
    }
    over = true;
    const answers = new Map((await Promise.all(calls)).flat());
    // The last one that was acknowledged judges whatever comes next, in the other process too.
    await admin(data, first.control, 'policy', { text: SHUT });
    expect((await post(second.gateway, tester, CHAT)).status).toBe(403);
    const db = new Database(join(data, 'portcullis.sqlite'), { readonly: true });
    const rows = db
      .prepare<[], { id: string; policy: number; decision: string }>('select * from requests')
      .all();
    const allows = new Map(
      db
        .prepare<[], { id: number; text: string }>('select id, text from policies')
        .all()
        .map((one) => [one.id, one.text === OPEN]),
    );
    db.close();
    expect(answers.size).toBeGreaterThan(20);
    for (const { id, policy, decision } of rows) {
      expect([id, decision]).toEqual([id, allows.get(policy) ? 'allowed' : 'refused']);
      if (answers.has(id)) expect(answers.get(id)).toBe(allows.get(policy) ? 200 : 403);
    }
    writeFileSync(file, artists(rule('hup', '*', 'false')));
    second.child.kill('SIGHUP');
    const codes = async () =>
      (await (await post(first.gateway, tester, CHAT)).json()).error?.rules?.[0]?.name;
    for (let i = 0; i < 100 && (await codes()) !== 'hup'; i++) await sleep(20);
    expect(await codes()).toBe('hup');
    writeFileSync(file, 'cohorts: 3');
    second.child.kill('SIGHUP');
    await sleep(200);
    expect(await codes()).toBe('hup');
  } finally {
    await Promise.all([end(first), end(second)]);
  }
  expect((await verifyDatabase({ dataDir: data, key: null, witnesses: [] })).findings).toEqual([]);
});

const sockets = withSocketUpstream('');
const SOCKET = artists(rule('no-volcanoes', 'realtime.connect', "!fold(request.prompt).contains('volcano')"));

test.each([
  [
    'an item',
    { type: 'conversation.item.create', item: { content: [{ type: 'input_text', text: 'A VOLCANO' }] } },
  ],
  ['instructions', { type: 'session.update', session: { instructions: 'Talk of volcanoes' } }],
  ['instructions of one answer', { type: 'response.create', response: { instructions: 'vol\u200bcano' } }],
  ['speech, which no rule can read', { type: 'input_audio_buffer.append', audio: 'AAAA' }],
  [
    'speech in an item',
    { type: 'conversation.item.create', item: { content: [{ type: 'input_audio', audio: 'AAAA' }] } },
  ],
])('a frame that breaks a rule does not go upstream: %s', async (_, event) => {
  await sockets.gate.admin('POST', 'policy', { text: SOCKET });
  const one = await sockets.open();
  one.ws.send(JSON.stringify({ type: 'session.update', session: { instructions: 'Talk of herons' } }));
  one.ws.send(JSON.stringify(event));
  one.ws.send('{"type":"response.create"}');
  const { code } = await one.closed;
  expect(code).toBe(1008);
  expect(one.events.at(-1)).toMatchObject({
    type: 'error',
    error: { code: 'rule_broken', rules: [{ name: 'no-volcanoes' }] },
  });
  expect(sockets.seen?.frames).toHaveLength(1);
});

test('an open socket is judged by the policy of the moment', async () => {
  await sockets.gate.admin('POST', 'policy', { text: OPEN });
  const one = await sockets.open();
  one.ws.send('{"type":"response.create"}');
  await until(() => sockets.seen?.frames.length === 1);
  await sockets.gate.admin('POST', 'policy', {
    text: 'cohorts: { artists: { allow: [{ operations: ["models.*"] }] } }',
  });
  one.ws.send('{"type":"response.create"}');
  expect((await one.closed).code).toBe(1008);
  expect(sockets.seen?.frames).toHaveLength(1);
});
