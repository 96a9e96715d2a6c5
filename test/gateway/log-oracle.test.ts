/** What auditors are served holds for an implementation that is not ours: Go's sumdb/note and sumdb/tlog. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHAT, post, startGate, startUpstream, type TestGate, type Upstream } from '../with-gate.ts';

const dir = mkdtempSync(join(tmpdir(), 'portcullis-oracle-'));
let upstream: Upstream;
let gate: TestGate;
let served: Served;

interface Served {
  key: string;
  checkpoints: string[];
  entries: string[];
  inclusions: { index: number; entry: string; proof: string[] }[];
  consistency: { from: number; to: number; proof: string[] }[];
  tiles: Record<string, string>;
}

async function get(path: string): Promise<Response> {
  const answer = await fetch(`${gate.control}/admin/log/${path}`, {
    headers: { authorization: `Bearer ${gate.credential}` },
  });
  expect(answer.status, path).toBe(200);
  return answer;
}

/** Over 600 entries, so that there are full tiles, a tile above them, and one that is not full. */
beforeAll(async () => {
  upstream = await startUpstream();
  const witness = join(dir, 'checkpoints.txt');
  gate = await startGate(
    upstream.url,
    undefined,
    `log: { checkpointSeconds: 0.1, checkpointFile: ${JSON.stringify(witness)} }`,
  );
  const token = await gate.tester('ada');
  for (let i = 0; i < 30; i++)
    await Promise.all(Array.from({ length: 10 }, () => post(gate.url, token, CHAT)));
  await gate.settled();
  await gate.restart();
  served = await collect(readFileSync(witness, 'utf8').trimEnd().split('\n\n\n').join('\n\n'));
}, 60_000);

afterAll(async () => {
  await gate.close();
  await upstream.close();
  rmSync(dir, { recursive: true, force: true });
});

async function collect(witness: string): Promise<Served> {
  const last = await (await get('checkpoint')).text();
  const checkpoints = [...new Set([...notesOf(witness), last])];
  const sizes = checkpoints.map((note) => Number(note.split('\n')[1]));
  const size = sizes.at(-1) ?? 0;
  const tiles: Record<string, string> = {};
  const entries: string[] = [];
  for (const { n, suffix } of tilesOf(size)) {
    tiles[`0/${n}${suffix}`] = await base64Of(`tile/0/${n}${suffix}`);
    entries.push(...split(Buffer.from(await base64Of(`tile/entries/${n}${suffix}`), 'base64')));
  }
  const above = Math.floor(size / 256);
  tiles[`1/000.p/${above}`] = await base64Of(`tile/1/000.p/${above}`);
  const inclusions = [];
  for (const { id } of gate.rows().filter((_, i) => i % 29 === 0))
    inclusions.push(
      ...((await (await get(`proof/${id}`)).json()) as { entries: Served['inclusions'] }).entries,
    );
  const consistency = [];
  for (const [from, older] of sizes.entries()) {
    const { proof } = (await (await get(`consistency?from=${older}&to=${size}`)).json()) as {
      proof: string[];
    };
    consistency.push({ from, to: sizes.length - 1, proof });
  }
  const { key } = (await gate.admin('GET', 'log')) as { key: string };
  return { key, checkpoints, entries, inclusions, consistency, tiles };
}

function notesOf(text: string): string[] {
  return text.match(/[^\n]+\n\d+\n[^\n]+\n\n— [^\n]+\n?/g)?.map((note) => `${note.trimEnd()}\n`) ?? [];
}

function tilesOf(size: number) {
  return Array.from({ length: Math.ceil(size / 256) }, (_, i) => {
    const width = Math.min(256, size - i * 256);
    return { n: String(i).padStart(3, '0'), suffix: width < 256 ? `.p/${width}` : '' };
  });
}

async function base64Of(path: string): Promise<string> {
  return Buffer.from(await (await get(path)).arrayBuffer()).toString('base64');
}

/** Each with its length before it, as C2SP has it. */
function split(bytes: Buffer): string[] {
  const entries: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + bytes.readUInt16BE(at);
    entries.push(bytes.toString('utf8', at + 2, end));
    at = end;
  }
  return entries;
}

/** @returns what the oracle says: `ok`, or what does not hold */
function oracle(input: Served): string {
  try {
    return execFileSync('go', ['run', 'test/oracle/main.go'], {
      input: JSON.stringify(input),
      encoding: 'utf8',
      stdio: 'pipe',
      env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' },
    }).trim();
  } catch (fault) {
    if (fault instanceof Error && 'stdout' in fault && fault.stdout) return String(fault.stdout).trim();
    throw fault;
  }
}

test('checkpoints, tiles, entries, inclusion and consistency proofs hold for Go', {
  timeout: 120_000,
}, () => {
  expect(served.checkpoints.length).toBeGreaterThan(2);
  expect(served.inclusions.length).toBeGreaterThan(10);
  expect(oracle(served)).toBe('ok');
});

test('and the oracle refuses what was changed', { timeout: 120_000 }, () => {
  const [entry = '', ...entries] = served.entries;
  expect(oracle({ ...served, entries: [entry.replace('{', '{ '), ...entries] })).toMatch(/^root of/);
  const [first, ...inclusions] = served.inclusions;
  if (!first) throw new Error('nothing was included');
  expect(oracle({ ...served, inclusions: [{ ...first, index: first.index + 1 }, ...inclusions] })).toMatch(
    /^inclusion/,
  );
  const [note = '', ...notes] = served.checkpoints;
  expect(oracle({ ...served, checkpoints: [note.replace(/\n(\d+)\n/, '\n1$1\n'), ...notes] })).toMatch(
    /^checkpoint/,
  );
});
