/** When nothing else works: a file, a signal, a row. Each stops everything, and each ends in an entry. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post, sleep, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';
import { admin, end, firstTester, startProcess } from '../with-process.ts';

let gate: TestGate;
let upstream: Upstream;
let token: string;
beforeAll(async () => {
  upstream = await startUpstream((incoming, outgoing) => {
    if (!incoming.url?.startsWith('/v1/chat')) {
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      return;
    }
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    const timer = setInterval(() => outgoing.write('data: {}\n\n'), 10);
    outgoing.on('close', () => clearInterval(timer));
  });
  gate = await startGate(upstream.url, null);
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

interface Stops {
  readonly switches: { id: number; scope: string; engagedBy: string; note: string | null }[];
}
const engaged = async () => ((await gate.admin('GET', 'switches?engaged=true')) as unknown as Stops).switches;
const release = () => gate.admin('POST', 'switches/release', { scope: 'global', reason: 'test' });
const models = async () =>
  (await fetch(`${gate.url}/v1/models`, { headers: { authorization: `Bearer ${token}` } })).status;
const until = async (done: () => Promise<boolean>) => {
  for (let i = 0; i < 200 && !(await done()); i++) await sleep(25);
};

test('the file STOP cuts open streams and refuses calls, once, and holds until it is removed', async () => {
  const file = join(gate.dir, 'STOP');
  const stream = await post(gate.url, token, { ...CHAT, stream: true });
  writeFileSync(file, '');
  expect(await stream.text()).toContain('event: error');
  expect(await models()).toBe(403);
  await sleep(200);
  expect(await engaged()).toMatchObject([{ scope: 'global', engagedBy: 'file:STOP' }]);
  await expect(release()).rejects.toThrow(/^409 .*remove it first/);
  const [{ id } = { id: 0 }] = await engaged();
  const readmission = { scopes: ['tester:ada'], reason: 'test' };
  await expect(gate.admin('POST', `switches/${id}/readmissions`, readmission)).rejects.toThrow(/^409 /);
  await gate.restart();
  expect(await models()).toBe(403);
  rmSync(file);
  await sleep(100);
  expect(await models()).toBe(403);
  await release();
  expect(await models()).toBe(200);
});

test('the file stops those too whom an earlier stop let through', async () => {
  const file = join(gate.dir, 'STOP');
  const { id } = await gate.admin('POST', 'switches', { scope: 'global', reason: 'first' });
  const readmission = { scopes: ['tester:ada'], reason: 'test' };
  await gate.admin('POST', `switches/${id}/readmissions`, readmission);
  expect(await models()).toBe(200);
  writeFileSync(file, '');
  await until(async () => (await models()) === 403);
  expect(await models()).toBe(403);
  rmSync(file);
  await release();
});

test('a file that is there before the start stops the gate from its start', async () => {
  const file = join(gate.dir, 'STOP');
  await gate.stop();
  writeFileSync(file, '');
  await gate.restart();
  await until(async () => (await models()) === 403);
  expect(await models()).toBe(403);
  rmSync(file);
  await release();
});

test('a released row that somebody engages again by hand stops everything', async () => {
  await gate.sql(
    "update switches set released_at = null where id = (select max(id) from switches where effect = 'stop')",
  );
  expect(await models()).toBe(403);
  await release();
});

test('SIGUSR2 stops everything, leaves an act and an entry, and the process serves on', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'portcullis-signal-'));
  const running = await startProcess(dir, upstream.url);
  try {
    const own = await firstTester(dir, running.control);
    const stream = await post(running.gateway, own, { ...CHAT, stream: true });
    running.child.kill('SIGUSR2');
    expect(await stream.text()).toContain('event: error');
    expect((await post(running.gateway, own, CHAT)).status).toBe(403);
    const { acts } = await admin<{ acts: object[] }>(dir, running.control, 'acts?limit=1');
    expect(acts).toMatchObject([
      { act: 'switch.engage', operator: 'signal:SIGUSR2', reason: 'SIGUSR2 to the process.' },
    ]);
  } finally {
    await end(running);
    rmSync(dir, { recursive: true });
  }
});

test('of five thousand rows written by hand each cuts whom it names, and nobody else', async () => {
  const other = await gate.tester('bob');
  const [mine, theirs] = [
    await post(gate.url, token, { ...CHAT, stream: true }),
    await post(gate.url, other, { ...CHAT, stream: true }),
  ];
  const reader = theirs.body?.getReader();
  await gate.sql(
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000)
     insert into switches (scope) select 'tester:' || iif(i = 2500, 'ada', 't' || i) from n`,
  );
  expect(await mine.text()).toContain('event: error');
  expect((await post(gate.url, token, CHAT)).status).toBe(403);
  const decoder = new TextDecoder();
  for (let i = 0; i < 20; i++) expect(decoder.decode((await reader?.read())?.value)).not.toContain('error');
  await reader?.cancel();
  await gate.sql('update switches set released_at = 1 where released_at is null');
});
