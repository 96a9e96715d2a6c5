/** What steers a line or a terminal, and texts without end, in every field that reaches a row: escaped and bounded. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../cli/with-cli.ts';
import { send } from '../with-attack.ts';
import { raw, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const ODD = 'a\n\r\0\t\x1b[31m\x1b]0;x\x07\x7f\x9b2J\u202e\u2028\ud800b';
const LONG = 'L'.repeat(1_000_000);
/** The longest path that the guard lets through. */
const MOST_CHARS = 4_096;
const STEERING = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

let gate: TestGate;
let upstream: Upstream;
let token: string;
let answerId = 'file-0123456789';
beforeAll(async () => {
  upstream = await startUpstream((_, outgoing) => {
    // What Node would refuse to send, a hostile upstream sends all the same.
    outgoing.setHeader('content-type', 'application/json');
    outgoing.setHeader('x-request-id', '\x9b31m\x85odd');
    outgoing.end(JSON.stringify({ id: answerId, object: 'file' }));
  });
  gate = await startGate(upstream.url);
  token = await gate.tester('ada');
});
afterAll(async () => {
  await gate.close();
  await upstream.close();
});

const json = (text: string, path = '/v1/chat/completions') => call(path, 'application/json', text);
async function call(path: string, type: string, body: string): Promise<string> {
  const answer = await fetch(gate.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': type },
    body,
  });
  return `${answer.status} ${await answer.text()}`;
}
const part = (name: string, value: string, more = '') =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n--b--\r\n`;
const form = (text: string) => call('/v1/files', 'multipart/form-data; boundary=b', text);

async function attack(text: string): Promise<void> {
  for (const body of [
    { model: text },
    { model: 'm', size: text },
    { model: 'm', seconds: text },
    { model: 'm', file_id: text },
    { model: 'm', [text]: { file_id: 'x' } },
    { model: 'm', [text]: { [text]: { id: text } } },
    { Model: text, model: 'm' },
    { model: 'm', [text.toUpperCase()]: 1, [text.toLowerCase()]: 2 },
  ])
    await json(JSON.stringify(body));
  await json(`{"model":"m",${JSON.stringify(text)}:1,${JSON.stringify(text)}:2}`);
  await json(`{"model":"m","x":${text}`);
  for (const body of [part(text, 'x'), part('file_id', text), part('f', 'x', `; filename="${text}"`), text])
    await form(body);
  const latin = Buffer.from(text.slice(0, 20_000)).toString('latin1');
  const head = `Host: x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n`;
  for (const name of ['User-Agent', 'X-Client-Request-Id', 'X-Request-Id', 'Host', 'Content-Type', 'Expect'])
    await send(gate.url, `GET /v1/models HTTP/1.1\r\n${head}${name}: ${latin}\r\n\r\n`, 1, 500);
  await raw(gate.url, `GET /v1/${latin} HTTP/1.1\r\n${head}\r\n`, 100);
  await raw(gate.url, `${latin} /v1/models HTTP/1.1\r\n${head}\r\n`, 100);
  await raw(gate.url, `CONNECT ${latin}:443 HTTP/1.1\r\n${head}\r\n`, 100);
}

/** Every text in every row of every table. */
function texts(): [string, string][] {
  const db = new Database(join(gate.dir, 'portcullis.sqlite'), { readonly: true });
  const tables = ['requests', 'objects', 'acts', 'switches', 'testers', 'tokens', 'cohorts'];
  const found = tables.flatMap((table) =>
    (db.prepare(`select * from ${table}`).all() as Record<string, unknown>[]).flatMap((row) =>
      Object.entries(row).flatMap(([name, value]): [string, string][] =>
        typeof value === 'string' ? [[`${table}.${name}`, value]] : [],
      ),
    ),
  );
  db.close();
  return found;
}

test('nothing in any row steers a terminal or is longer than a path', async () => {
  for (const text of [ODD, LONG, `${ODD}${LONG}`]) await attack(text);
  for (const id of [ODD, LONG, 'x y', '']) {
    answerId = id;
    expect(await form(part('file', 'x'))).toMatch(id === '' ? /^200 / : /^502 /);
  }
  for (const reason of [ODD, LONG])
    for (const [method, path, body] of [
      ['POST', 'switches', { scope: 'model:none', reason }],
      ['POST', 'switches', { scope: `model:${reason}` }],
      ['POST', 'switches/release', { scope: 'model:none', reason }],
      ['POST', 'testers', { id: reason, cohort: 'artists' }],
      ['POST', 'testers', { id: 'eve', cohort: 'artists', name: reason }],
      ['PATCH', 'testers/ada', { name: reason }],
      ['POST', 'cohorts', { name: reason }],
      ['POST', 'objects/give', { to: 'ada', ids: [reason] }],
      ['GET', `requests?model=${encodeURIComponent(reason.slice(0, 4_000).toWellFormed())}`, undefined],
    ] as const)
      await gate
        .admin(method, path, body)
        .catch((fault: Error) => expect(fault.message).toMatch(/^4|fetch failed/));
  await gate.settled();
  const all = texts();
  expect(gate.rows().length).toBeGreaterThan(60);
  expect(all.filter(([, text]) => STEERING.test(text))).toEqual([]);
  expect(all.filter(([, text]) => text.length > MOST_CHARS).map(([name]) => name)).toEqual([]);
}, 60_000);

test('and what somebody wrote into the database by hand does not steer a terminal either', async () => {
  await gate.sql(`update requests set detail = char(27) || '[2J', model = char(27) || '[31mred' || char(10) || 'line', tester = 'x' || char(0) || char(155)
    where id in (select id from requests limit 3)`);
  await gate.sql(
    "insert into objects (id, tester, kind) values ('file-' || char(27) || '[2J', 'ada', 'files')",
  );
  await gate.sql(
    "update testers set name = char(27) || ']0;x' || char(7), email = char(10) where id = 'ada'",
  );
  const env = {
    PORTCULLIS_CONTROL_URL: gate.control,
    PORTCULLIS_OPERATOR_TOKEN: gate.credential,
  };
  for (const args of [
    ['log', '--limit', '1000'],
    ['log', '--limit', '1000', '--json'],
    ['log', 'top', 'model'],
    ['status'],
    ['tester', 'list'],
    ['tester', 'show', 'ada'],
    ['object', 'list'],
    ['object', 'show', '\x1b[2J'],
    ['kill', 'tester:\x1b[2J'],
    ['token', 'list'],
  ]) {
    const { stdout, stderr } = await run(args, env);
    expect([args, STEERING.exec((stdout + stderr).replaceAll('\n', ''))]).toEqual([args, null]);
  }
}, 60_000);
