/** Canaries: wherever a credential is put, it stands in no file of the data directory, no output of the process, no answer to an operator. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { send } from '../with-attack.ts';
import { coded, half, requestsWith } from '../with-canaries.ts';
import { raw, sleep, startUpstream, type Upstream } from '../with-gate.ts';
import { admin, firstTester } from '../with-process.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const KEY = 'sk-upstream-canary-key-0123456789';
/** A token of a stranger whose issuer writes a line break into its header. */
const FOREIGN = `ewog${'A'.repeat(40)}.${'B'.repeat(80)}.${'Canary0123'.repeat(8)}`;

let dir: string;
let data: string;
let upstream: Upstream;
let child: ReturnType<typeof spawn>;
let gateway = '';
let control = '';
let token = '';
let operator = '';
const told: string[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-canary-'));
  data = join(dir, 'data');
  // An upstream that quotes what it got, our key above all.
  upstream = await startUpstream((incoming, outgoing) => {
    const said = { 'content-type': 'application/json', 'x-request-id': token };
    const status = Number(new URL(incoming.url ?? '', 'http://x').searchParams.get('limit') ?? 200);
    outgoing
      .writeHead(status, said)
      .end(JSON.stringify({ error: `Incorrect API key provided: ${incoming.headers.authorization}` }));
  });
  child = spawn(process.execPath, [MAIN, 'serve'], {
    env: {
      PATH: process.env.PATH,
      PORTCULLIS_DATA_DIR: data,
      PORTCULLIS_LISTEN: '127.0.0.1:0',
      PORTCULLIS_CONTROL_LISTEN: '127.0.0.1:0',
      PORTCULLIS_UPSTREAM_URL: upstream.url,
      PORTCULLIS_UPSTREAM_KEY: KEY,
    },
    stdio: ['ignore', openSync(join(dir, 'stdout'), 'w'), openSync(join(dir, 'stderr'), 'w')],
  });
  const find = (label: string) =>
    new RegExp(`${label} +(http://[^\\s/]+)`).exec(readFileSync(join(dir, 'stdout'), 'utf8'))?.[1] ?? '';
  for (let i = 0; i < 200 && find('Operators use') === ''; i++) await sleep(50);
  [gateway, control] = [find('Testers call'), find('Operators use')];
  token = await firstTester(data, control);
  operator = readFileSync(join(data, 'operator-credential'), 'utf8').trim();
}, 30_000);
afterAll(async () => {
  child.kill('SIGKILL');
  await upstream.close();
  rmSync(dir, { recursive: true, force: true });
});

/** As operators paste what leaked. */
async function pasteEverywhere(secret: string) {
  const ask = async (path: string, body?: object) =>
    told.push(JSON.stringify(await admin(data, control, path, body)));
  for (const path of [
    `requests?tester=${secret}`,
    `requests?model=${half(secret)}`,
    `requests?object=${secret}`,
    `tokens?tester=${secret}`,
    `testers/${secret}`,
    `${secret}`,
    `objects/${secret}`,
    `requests/${secret}`,
    `log/search?words=${secret}`,
    `acts?x=${secret}`,
    `log/counts?rule=${secret}`,
    `log/top?by=${secret}`,
  ])
    await ask(path).catch(() => {});
  for (const [path, body] of [
    ['switches', { scope: `tester:${secret}` }],
    ['switches', { scope: `model:${secret}` }],
    ['switches', { scope: `token:${secret}` }],
    ['switches', { scope: 'model:none', reason: secret.slice(0, 500) }],
    ['switches/release', { scope: 'model:none', reason: secret.slice(0, 500) }],
    ['testers', { id: secret, cohort: 'artists' }],
    ['testers', { id: 'eve', cohort: secret }],
    ['testers', { id: 'eve', cohort: 'artists', name: secret, [secret]: 1 }],
    ['cohorts', { name: secret }],
    ['tokens', { tester: secret }],
    ['objects/give', { to: 'ada', ids: [secret.slice(0, 256)], reason: 'x' }],
    ['objects/give', { to: secret, ids: ['file-x'], reason: secret.slice(0, 500) }],
    [`keys/${secret}/withdraw`, {}],
    [`tokens/${secret}/revoke`, {}],
  ] as const)
    await ask(path, body).catch(() => {});
  for (const args of [
    ['log', '--tester', secret],
    ['tester', 'show', secret],
    ['kill', `tester:${secret}`],
    ['object', 'show', secret],
    ['token', 'revoke', secret],
    ['kill', 'model:none', '--offline', '--reason', secret],
  ]) {
    const env = { PATH: process.env.PATH, PORTCULLIS_DATA_DIR: data, PORTCULLIS_CONTROL_URL: control };
    const { stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { env, encoding: 'utf8' });
    told.push(stdout, stderr);
  }
}

test('no canary is anywhere', async () => {
  const secrets = [token, operator, FOREIGN];
  for (const secret of secrets) {
    for (const text of requestsWith(secret, token)) {
      if (/^(?:GET|POST) /.test(text) && !text.includes('chunked')) {
        const [answer] = await send(gateway, text, 1, 2_000);
        if (answer) told.push(`${[...answer.headers].join('\n')}\n${answer.body}`);
      } else told.push(await raw(gateway, text, 300));
    }
    await pasteEverywhere(secret);
  }
  const { authorization } = { authorization: `Bearer ${operator}` };
  for (const path of [
    'requests?limit=1000',
    'acts',
    'switches',
    'objects',
    'testers',
    'status',
    'log/export?format=jsonl',
    'log/export?format=csv',
    'log/export?format=parquet',
  ]) {
    const answer = await fetch(`${control}/admin/${path}`, { headers: { authorization } });
    expect([path, answer.status]).toEqual([path, 200]);
    told.push(Buffer.from(await answer.arrayBuffer()).toString('latin1'));
  }
  const files = () =>
    [
      ...readdirSync(data, { recursive: true, withFileTypes: true })
        .filter((one) => one.isFile() && one.name !== 'operator-credential')
        .map(({ parentPath, name }) => join(parentPath, name)),
      join(dir, 'stdout'),
      join(dir, 'stderr'),
    ].map((path) => `${path}\n${readFileSync(path, 'latin1')}`);
  const rows = JSON.parse(told.findLast((text) => text.startsWith('{"requests":[')) ?? '{}')
    .requests as unknown[];
  expect(rows.length).toBeGreaterThan(150);
  expect(upstream.seen.length).toBeGreaterThan(20);
  const running = files();
  child.kill('SIGTERM');
  await once(child, 'exit');
  const canaries = [
    token,
    String(token.split('.')[2]),
    String(token.split('.')[1]),
    operator,
    operator.slice(4),
    KEY,
    FOREIGN,
    'Canary0123Canary0123',
  ];
  const found = (texts: readonly string[]) =>
    texts.flatMap((text) =>
      canaries.flatMap((canary) =>
        [canary, coded(canary)].flatMap((one) => {
          const at = text.indexOf(one);
          return at < 0 ? [] : [text.slice(Math.max(0, at - 200), at + 60)];
        }),
      ),
    );
  expect(found(running)).toEqual([]);
  expect(found(files())).toEqual([]);
  expect(found(told)).toEqual([]);
  const sent = upstream.seen.map(
    ({ url, headers }) => `${url}\n${JSON.stringify({ ...headers, authorization: '' })}`,
  );
  expect(found(sent)).toEqual([]);
}, 120_000);
