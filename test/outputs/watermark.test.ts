/** A clip that leaves a marked cohort tells by whom and when: in its picture, for whoever reads it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDemo } from '../../src/demo/server.ts';
import { sha256 } from '../../src/log/sha256.node.ts';
import { codeOf, readCode } from '../../src/outputs/marks.ts';
import { stampOf } from '../../src/outputs/stamp.ts';
import { run } from '../cli/with-cli.ts';
import { PERMISSIVE, post, sleep, startGate, type TestGate } from '../with-gate.ts';
import { ffmpeg, filesIn, frameOf, probed } from './with-clips.ts';

const [WIDTH, HEIGHT] = [640, 360];
const COHORTS = `artists: { ${PERMISSIVE}, outputs: held, watermark: true }
  bare: { ${PERMISSIVE}, outputs: held }`;

interface Mark {
  readonly code: string;
  readonly request: string;
  readonly tester: string;
  readonly object: string;
}
interface Download {
  readonly request: string;
  readonly file: string;
  readonly headers: Headers;
}

let demo: Awaited<ReturnType<typeof startDemo>>;
let gate: TestGate;
let dir: string;
let token: string;
let video: string;
let original: string;
const downloads: Download[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-watermark-'));
  demo = await startDemo({ key: 'sk-upstream-canary-key' });
  gate = await startGate(demo.url, COHORTS, 'trace: { clips: true }');
  token = await gate.tester('ada');
  video = await made(token);
  original = join(dir, 'original.mp4');
  const headers = { authorization: 'Bearer sk-upstream-canary-key' };
  const upstream = await fetch(`${demo.url}/v1/videos/${video}/content`, { headers });
  writeFileSync(original, Buffer.from(await upstream.arrayBuffer()));
  for (const name of ['first', 'second']) downloads.push(await download(name));
}, 120_000);
afterAll(async () => {
  await gate.close();
  await demo.close();
  rmSync(dir, { recursive: true });
});

const get = (path: string, of = token, headers: Record<string, string> = {}) =>
  fetch(`${gate.url}/v1/${path}`, { headers: { authorization: `Bearer ${of}`, ...headers } });

async function made(of: string): Promise<string> {
  const asked = { model: 'sora-2', prompt: 'A heron waits by the lock gate', seconds: '4', size: '640x360' };
  const { id } = (await (await post(gate.url, of, asked, '/v1/videos')).json()) as { id: string };
  for (let status = ''; status !== 'completed'; await sleep(100))
    status = ((await (await get(`videos/${id}`, of)).json()) as { status: string }).status;
  return id;
}

async function download(name: string): Promise<Download> {
  const answer = await get(`videos/${video}/content`, token, { range: 'bytes=0-99' });
  expect(answer.status).toBe(200);
  const file = join(dir, `${name}.mp4`);
  writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
  return { request: answer.headers.get('x-request-id') ?? '', file, headers: answer.headers };
}

const at = (i: number) => downloads[i] as Download;
const marks = async (code: string) =>
  (await gate.admin('GET', `trace/codes/${encodeURIComponent(code)}`)).marks as Mark[];
const markOf = (i: number) => codeOf(at(i).request, 0, sha256);

test('the tester gets a whole clip that plays, as long and as large as upstream’s, and it is not upstream’s', async () => {
  const { file, headers } = at(0);
  const bytes = readFileSync(file);
  expect(await probed(file)).toBe(await probed(original));
  expect(await probed(file)).toMatch(/^h264,640,360,/);
  expect(bytes.equals(readFileSync(original))).toBe(false);
  expect(headers.get('content-length')).toBe(String(bytes.length));
  expect(Object.fromEntries(headers)).toMatchObject({ 'content-type': 'video/mp4', 'accept-ranges': 'none' });
  expect([headers.get('etag'), headers.get('content-range')]).toEqual([null, null]);
  expect(filesIn(gate.dir)).toEqual([]);
});

/** How much brighter the letters of a code are than what is around them, where the code stands. */
async function legibility(file: string, code: string): Promise<number> {
  const [before, after] = [await frameOf(original), await frameOf(file)];
  const { width, height, rgba, inset } = stampOf(code, HEIGHT);
  const sums = { letter: 0, letters: 0, around: 0, arounds: 0 };
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const pixel = (inset + y) * WIDTH + (WIDTH - width - inset + x);
      const brighter = (after[pixel] ?? 0) - (before[pixel] ?? 0);
      if (rgba[(y * width + x) * 4] === 255)
        [sums.letter, sums.letters] = [sums.letter + brighter, sums.letters + 1];
      else [sums.around, sums.arounds] = [sums.around + brighter, sums.arounds + 1];
    }
  return sums.letter / sums.letters - sums.around / sums.arounds;
}

test('each download has a code of its own, which stands in its picture and leads to its call', async () => {
  expect(markOf(0)).not.toBe(markOf(1));
  for (const i of [0, 1]) {
    expect(await marks(markOf(i))).toMatchObject([{ request: at(i).request, tester: 'ada', object: video }]);
    const [own, other] = [
      await legibility(at(i).file, markOf(i)),
      await legibility(at(i).file, markOf(1 - i)),
    ];
    expect(own).toBeGreaterThan(60);
    expect(own).toBeGreaterThan(other + 20);
  }
}, 60_000);

test('a code is found by its beginning, with what cannot be read, and as people misread it', async () => {
  const code = markOf(0);
  const found = async (text: string) => (await marks(text)).map((one) => one.code);
  expect(await found(code.slice(0, 4))).toContain(code);
  expect(await found(`${code.slice(0, 3)}?${code.slice(4)}`)).toEqual([code]);
  expect(await found(`?${code.slice(1).toLowerCase()}`)).toEqual([code]);
  expect(readCode('8652 abc0')).toBe('BCSZABCD');
  expect(readCode('1ABC')).toBe('?ABC');
  for (const none of ['AB', 'AB??????', 'ABCDEFGHJ', '../x', '']) expect(readCode(none)).toBeNull();
  await expect(marks('A*')).rejects.toThrow('400');
  const { acts } = (await gate.admin('GET', 'acts')) as { acts: { act: string; subject: string }[] };
  expect(acts).toContainEqual(
    expect.objectContaining({ act: 'output.trace', subject: `code:${code.slice(0, 4)}` }),
  );
});

test('portcullis trace --code says whose it is, and takes a file or a code', async () => {
  const env = { PORTCULLIS_CONTROL_LISTEN: new URL(gate.control).host, PORTCULLIS_DATA_DIR: gate.dir };
  const code = markOf(0);
  const asked = `${code.slice(0, 6)}?${code.slice(7)}`;
  const { stdout } = await run(['trace', '--code', asked], env);
  expect(stdout).toMatch(new RegExp(`^CODE .*\\n${code} +ada +${video} .*${at(0).request}`));
  expect(JSON.parse((await run(['trace', '--code', asked, '--json'], env)).stdout)).toMatchObject([{ code }]);
  expect((await run(['trace'], env)).code).toBe(2);
  expect((await run(['trace', at(0).file, '--code', code], env)).code).toBe(2);
}, 30_000);

async function traced(bytes: Uint8Array) {
  const headers = { authorization: `Bearer ${gate.credential}`, 'content-type': 'application/octet-stream' };
  const body = bytes as Uint8Array<ArrayBuffer>;
  const answer = await fetch(`${gate.control}/admin/trace`, { method: 'POST', headers, body });
  return (await answer.json()) as {
    sha256: string;
    candidates: { object: string; exact: boolean; distance: number }[];
    calls: { id: string }[];
  };
}

test('the log has the SHA-256 of the very bytes that the tester got, and by it the one call that gave them', async () => {
  for (const i of [0, 1]) {
    const { sha256: told, candidates, calls } = await traced(readFileSync(at(i).file));
    expect(candidates[0]).toMatchObject({ object: video, exact: true });
    expect(calls.map(({ id }) => id)).toEqual([at(i).request]);
    expect(await gate.admin('GET', `requests/${at(i).request}`)).toMatchObject({ outputHash: told });
  }
}, 30_000);

test('a marked clip that was cropped and encoded again is known by what it looks like', async () => {
  // Its frames are known as soon as the gate has looked at it, and so are its very bytes.
  while ((await traced(readFileSync(original))).candidates.length === 0) await sleep(100);
  const changed = join(dir, 'changed.mp4');
  await ffmpeg('-i', at(0).file, '-vf', 'crop=iw*0.9:ih*0.9,scale=426:-2', '-crf', '32', '-an', changed);
  const { candidates } = await traced(readFileSync(changed));
  expect(candidates[0]).toMatchObject({ object: video, exact: false });
}, 60_000);

test('the bytes of a cohort that is not marked are upstream’s own', async () => {
  const other = await gate.tester('eve', 'bare');
  const id = await made(other);
  const headers = { authorization: 'Bearer sk-upstream-canary-key' };
  const upstream = await (await fetch(`${demo.url}/v1/videos/${id}/content`, { headers })).arrayBuffer();
  const answer = await get(`videos/${id}/content`, other);
  expect(Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(upstream))).toBe(true);
}, 30_000);
