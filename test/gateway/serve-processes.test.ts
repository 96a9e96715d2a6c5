/** `serve --processes N` is one gate: one listener, one stop, one order of a signal, and nobody missed when a process dies. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { verifyDatabase } from '../../src/log/offline.node.ts';
import { CHAT, PERMISSIVE, post, sleep, startUpstream, type Upstream } from '../with-gate.ts';
import { admin, end, firstTester, type Process, startProcess } from '../with-process.ts';

/** Each process that starts compiles all of it. */
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let dir: string;
let data: string;
let upstream: Upstream;
let gate: Process;
let token: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-many-'));
  data = join(dir, 'data');
});
afterEach(async () => {
  await end(gate);
  await upstream.close();
  rmSync(dir, { recursive: true, force: true });
});

function configure(limits: string): string {
  const config = join(dir, 'config.yaml');
  const noDrills = 'drills: { everyHours: 0 }';
  writeFileSync(config, `cohorts:\n  artists: { ${PERMISSIVE}, ${limits} }\n${noDrills}\n`);
  return config;
}

/** @param answerMs null: the answers never end */
async function serve(limits: string, answerMs: number | null) {
  upstream = await startUpstream((_, outgoing) => {
    outgoing.writeHead(200, { 'content-type': 'text/event-stream' });
    outgoing.write('data: {}\n\n');
    if (answerMs !== null) setTimeout(() => outgoing.end('data: [DONE]\n\n'), answerMs);
  });
  const config = configure(limits);
  gate = await startProcess(data, upstream.url, { PORTCULLIS_CONFIG: config }, ['--processes', '2']);
  token = await firstTester(data, gate.control);
}

function sql<T>(text: string): T[] {
  const db = new Database(join(data, 'portcullis.sqlite'), { readonly: true });
  try {
    return db.prepare(text).all() as T[];
  } finally {
    db.close();
  }
}
const until = async (done: () => unknown) => {
  for (let i = 0; i < 2_400 && !(await done()); i++) await sleep(25);
  expect(await done()).toBeTruthy();
};
const heard = (text: string) => () => gate.heard.find((line) => line.includes(text));
const isGone = (pid: number) => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};
/** Streams that stay open, until each process has some. */
async function streamsInBoth(): Promise<Response[]> {
  const streams: Response[] = [];
  const holders = () =>
    sql<{ n: number }>('select count(distinct node) as n from requests where outcome is null');
  for (let i = 0; i < 40 && holders()[0]?.n !== 2; i++)
    streams.push(...(await Promise.all([post(gate.gateway, token, CHAT), post(gate.gateway, token, CHAT)])));
  expect(holders()).toEqual([{ n: 2 }]);
  return streams;
}
const credential = () => readFileSync(join(data, 'operator-credential'), 'utf8').trim();
/** Over a connection of its own. */
function anew(url: string, bearer: string, body: object): Promise<{ status: number; text: string }> {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const call = request(url, { method: 'POST', agent: false, headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    call.on('error', reject);
    call.end(JSON.stringify(body));
  });
}
const metrics = async () => {
  const headers = { authorization: `Bearer ${credential()}` };
  const answer = await fetch(`${gate.control}/admin/metrics`, { headers });
  const text = await answer.text();
  return (name: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1],
    );
};
interface Acknowledged {
  readonly nodes: { node: string; confirmedAt: string | null; streamsCut: number }[];
}

test('both take calls on one listener, a limit is exact over them, and the log of both verifies', async () => {
  await serve('limits: { requestsPerDay: 30 }', 5);
  const statuses = await Promise.all(
    Array.from({ length: 120 }, async () => {
      const answer = await post(gate.gateway, token, CHAT);
      await answer.text();
      return answer.status;
    }),
  );
  expect(statuses.filter((status) => status === 200)).toHaveLength(30);
  expect(upstream.seen).toHaveLength(30);
  expect(sql('select distinct node from requests')).toHaveLength(2);
  await end(gate);
  const report = await verifyDatabase({ dataDir: data, key: null, witnesses: [] });
  expect(report).toMatchObject({ findings: [], checked: report.entries });
});

test('a stop cuts the streams of both, and its acknowledgement names each', async () => {
  await serve('limits: {}', null);
  const streams = await streamsInBoth();
  const order = { scope: 'global', reason: 'test' };
  const { nodes } = await admin<Acknowledged>(data, gate.control, 'switches', order);
  expect(nodes.map(({ node }) => Number(node)).sort()).toEqual([...gate.pids].sort());
  expect(nodes.every(({ confirmedAt, streamsCut }) => confirmedAt !== null && streamsCut > 0)).toBe(true);
  for (const stream of streams) expect(await stream.text()).toContain('programme_stopped');
  const before = upstream.seen.length;
  for (let i = 0; i < 6; i++) expect((await post(gate.gateway, token, CHAT)).status).toBe(403);
  expect(upstream.seen).toHaveLength(before);
});

test('where one of them hangs the others take every new call and the stop, which names it as silent', async () => {
  await serve('limits: {}', 5);
  const [hung = 0, other = 0] = gate.pids;
  process.kill(hung, 'SIGSTOP');
  try {
    for (let i = 0; i < 10; i++) {
      const { status } = await anew(`${gate.gateway}/v1/chat/completions`, token, CHAT);
      expect(status).toBe(200);
    }
    const order = { scope: 'global', reason: 'test' };
    const stopped = await anew(`${gate.control}/admin/switches`, credential(), order);
    const { nodes } = JSON.parse(stopped.text) as Acknowledged;
    const confirmed = nodes.map(({ node, confirmedAt }) => [Number(node), confirmedAt !== null]);
    expect(confirmed).toEqual([
      [other, true],
      [hung, false],
    ]);
  } finally {
    process.kill(hung, 'SIGCONT');
  }
});

test('a process that is killed is replaced, its open rows are settled, and the next stop names the new one', async () => {
  await serve('limits: {}', null);
  await streamsInBoth();
  const [killed = 0, other = 0] = gate.pids;
  process.kill(killed, 'SIGKILL');
  await until(heard(`serves in the place of ${killed}`));
  expect(
    heard(`process ${killed} was ended by SIGKILL; another one takes its place in 100 ms`)(),
  ).toBeTruthy();
  await until(() => sql("select 1 from requests where outcome = 'lost'").length > 0);
  const order = { scope: 'global', reason: 'test' };
  const { nodes } = await admin<Acknowledged>(data, gate.control, 'switches', order);
  const names = nodes.map(({ node }) => Number(node));
  expect(names).toHaveLength(2);
  expect(names).toContain(other);
  expect(names).not.toContain(killed);
});

test('whoever dies again and again is replaced more and more slowly', async () => {
  await serve('limits: {}', 5);
  let [pid = 0] = gate.pids;
  for (const ms of [100, 200, 400]) {
    process.kill(pid, 'SIGKILL');
    await until(heard(`process ${pid} was ended by SIGKILL; another one takes its place in ${ms} ms`));
    await until(heard(`serves in the place of ${pid}`));
    pid = Number(/process (\d+) serves/.exec(heard(`in the place of ${pid}`)() ?? '')?.[1]);
  }
  expect((await post(gate.gateway, token, CHAT)).status).toBe(200);
});

test('SIGUSR2 to the parent stops all, in one switch, also where one of them hangs', async () => {
  await serve('limits: {}', null);
  const streams = await streamsInBoth();
  const [hung = 0] = gate.pids;
  process.kill(hung, 'SIGSTOP');
  gate.child.kill('SIGUSR2');
  await until(heard('stopped by SIGUSR2'));
  process.kill(hung, 'SIGCONT');
  for (const stream of streams) expect(await stream.text()).toContain('programme_stopped');
  expect((await post(gate.gateway, token, CHAT)).status).toBe(403);
  expect(sql('select scope, effect, note from switches')).toEqual([
    { scope: 'global', effect: 'stop', note: `SIGUSR2 to process ${gate.child.pid}.` },
  ]);
});

test('SIGUSR2 while no process lives is carried out by the next one before it takes a call', async () => {
  await serve('limits: {}', 5);
  for (const pid of gate.pids) process.kill(pid, 'SIGKILL');
  gate.child.kill('SIGUSR2');
  for (const pid of gate.pids) await until(heard(`serves in the place of ${pid}`));
  expect((await post(gate.gateway, token, CHAT)).status).toBe(403);
  expect(upstream.seen).toHaveLength(0);
});

test('the file STOP stops both with one switch', async () => {
  await serve('limits: {}', null);
  const streams = await streamsInBoth();
  writeFileSync(join(data, 'STOP'), '');
  for (const stream of streams) expect(await stream.text()).toContain('programme_stopped');
  expect(sql('select engaged_by as "by" from switches')).toEqual([{ by: 'file:STOP' }]);
});

test('SIGHUP to the parent takes up a changed policy, and whoever replaces a process does not bring the old one back', async () => {
  await serve('limits: {}', 5);
  configure('limits: { requestsPerDay: 1 }');
  gate.child.kill('SIGHUP');
  await until(heard('policy: version 2 is in force'));
  const [killed = 0] = gate.pids;
  process.kill(killed, 'SIGKILL');
  await until(heard(`serves in the place of ${killed}`));
  expect(sql('select max(id) as version from policies')).toEqual([{ version: 2 }]);
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++) statuses.push((await post(gate.gateway, token, CHAT)).status);
  expect(statuses).toEqual([200, 429, 429, 429]);
});

test('metrics count the calls of both, and do not go back when one dies', async () => {
  await serve('limits: {}', 5);
  for (let i = 0; i < 10; i++) await (await post(gate.gateway, token, CHAT)).text();
  const complete = 'portcullis_calls_total{outcome="complete"}';
  const counted = async () => (await metrics())(complete) === 10;
  await until(counted);
  const [killed = 0] = gate.pids;
  process.kill(killed, 'SIGKILL');
  await until(heard(`serves in the place of ${killed}`));
  expect(await counted()).toBe(true);
});

test('SIGTERM lets calls in flight end, and leaves no process behind', async () => {
  await serve('limits: {}', 400);
  const answers = await Promise.all(Array.from({ length: 4 }, () => post(gate.gateway, token, CHAT)));
  const exit = once(gate.child, 'exit');
  gate.child.kill('SIGTERM');
  for (const answer of answers) expect(await answer.text()).toContain('[DONE]');
  expect(await exit).toEqual([0, null]);
  expect(gate.pids.map(isGone)).toEqual([true, true]);
  expect(sql('select 1 from requests where outcome is null')).toEqual([]);
});

test('where the parent is killed nobody serves on unattended', async () => {
  await serve('limits: {}', null);
  await streamsInBoth();
  await end(gate, 'SIGKILL');
  for (const pid of gate.pids) await until(() => isGone(pid));
});
