/** Whose clip is this? Real clips, changed as people change them, are known again; others are not. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDemo } from '../../src/demo/server.ts';
import { NEAR_BITS } from '../../src/outputs/likeness.ts';
import { PERMISSIVE, post, sleep, startGate, type TestGate } from '../with-gate.ts';

const PROMPTS = ['A heron waits by the lock gate', 'A night train in the rain', 'Snow on pines'];
const SECONDS = 'trace: { mostBytes: 20000000 }';

interface Traced {
  readonly sha256: string;
  readonly frames: string;
  readonly c2pa: boolean | null;
  readonly candidates: {
    object: string;
    tester: string;
    exact: boolean;
    distance: number;
    request: string;
  }[];
  readonly calls: { tester: string; operation: string }[];
}

let demo: Awaited<ReturnType<typeof startDemo>>;
let gate: TestGate;
let token: string;
let dir: string;
const clips: { id: string; file: string }[] = [];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'portcullis-trace-'));
  demo = await startDemo({ key: 'sk-upstream-canary-key' });
  gate = await startGate(demo.url, `artists: { ${PERMISSIVE} }`, SECONDS);
  token = await gate.tester('ada');
  for (const [i, prompt] of PROMPTS.entries()) clips.push(await made(prompt, join(dir, `${i}.mp4`)));
  for (const { id, file } of clips.slice(1)) await download(id, file);
}, 120_000);
afterAll(async () => {
  await gate.close();
  await demo.close();
  rmSync(dir, { recursive: true });
});

const get = (path: string) =>
  fetch(`${gate.url}/v1/${path}`, { headers: { authorization: `Bearer ${token}` } });

/** A clip that was made and polled, and then looked at by the gate itself. */
async function made(prompt: string, file: string): Promise<{ id: string; file: string }> {
  const asked = { model: 'sora-2', prompt, seconds: '4', size: '640x360' };
  const { id } = (await (await post(gate.url, token, asked, '/v1/videos')).json()) as { id: string };
  for (let status = ''; status !== 'completed'; await sleep(100))
    status = ((await (await get(`videos/${id}`)).json()) as { status: string }).status;
  for (let state = ''; state !== 'done'; await sleep(100)) state = inspected(id);
  return { id, file };
}

async function download(id: string, file: string): Promise<void> {
  writeFileSync(file, Buffer.from(await (await get(`videos/${id}/content`)).arrayBuffer()));
}

function inspected(id: string): string {
  const db = new Database(join(gate.dir, 'portcullis.sqlite'), { readonly: true });
  const row = db
    .prepare<[string], { state: string }>('select state from inspections where object = ?')
    .get(id);
  db.close();
  return row?.state ?? '';
}

async function traced(
  bytes: Uint8Array,
  of = gate,
  type = 'application/octet-stream',
): Promise<{ status: number; body: Traced }> {
  const answer = await fetch(`${of.control}/admin/trace`, {
    method: 'POST',
    headers: { authorization: `Bearer ${of.credential}`, 'content-type': type },
    body: bytes as Uint8Array<ArrayBuffer>,
  });
  return { status: answer.status, body: (await answer.json()) as Traced };
}

/** The event loop goes on meanwhile, or connections would be kept that the gate has closed. */
const ffmpeg = (...args: readonly string[]) => promisify(execFile)('ffmpeg', ['-v', 'error', '-y', ...args]);

/** As ffmpeg changes it. */
async function changed(file: string, args: readonly string[], name = 'changed.mp4'): Promise<Uint8Array> {
  const out = join(dir, name);
  await ffmpeg('-i', file, ...args, '-pix_fmt', 'yuv420p', '-an', out);
  return readFileSync(out);
}

const clipAt = (i: number) => clips[i] ?? { id: '', file: '' };

test('a clip that nobody has downloaded is known, by the very bytes that upstream has', async () => {
  const { id, file } = clipAt(0);
  const headers = { authorization: 'Bearer sk-upstream-canary-key' };
  const upstream = await fetch(`${demo.url}/v1/videos/${id}/content`, { headers });
  const { body } = await traced(new Uint8Array(await upstream.arrayBuffer()));
  expect(body).toMatchObject({ candidates: [{ object: id, exact: true }], calls: [] });
  await download(id, file);
});

test('a clip is known by its very bytes, whoever downloaded it', async () => {
  const { id, file } = clipAt(0);
  const { body } = await traced(readFileSync(file));
  expect(body.candidates[0]).toMatchObject({ object: id, tester: 'ada', exact: true, distance: 0 });
  expect(body.calls).toMatchObject([{ tester: 'ada', operation: 'videos.content' }]);
  expect(body.frames).toBe('compared');
});

test.each([
  ['encoded again, badly', ['-crf', '40']],
  ['scaled down', ['-vf', 'scale=320:-2']],
  ['cropped a little', ['-vf', 'crop=iw*0.92:ih*0.92']],
  ['cropped at one side', ['-vf', 'crop=iw*0.9:ih:iw*0.1:0']],
  ['cropped, scaled and encoded again', ['-vf', 'crop=iw*0.9:ih*0.9,scale=426:-2', '-crf', '32']],
  ['cut out of the middle', ['-ss', '1', '-t', '2']],
  ['made brighter', ['-vf', 'eq=brightness=0.08:contrast=1.1']],
])(
  'a clip that was %s is known by what it looks like',
  async (_, args) => {
    for (const { id, file } of clips) {
      const { body } = await traced(await changed(file, args));
      const [first, ...others] = body.candidates;
      expect(first).toMatchObject({ object: id, tester: 'ada', exact: false, request: expect.any(String) });
      expect(first?.distance).toBeLessThanOrEqual(4);
      for (const other of others) expect(other.distance).toBeGreaterThan(first?.distance ?? NEAR_BITS);
    }
  },
  60_000,
);

test('another container and codec make no difference', async () => {
  const { id, file } = clipAt(1);
  const { body } = await traced(
    await changed(file, ['-c:v', 'libvpx', '-b:v', '400k', '-deadline', 'realtime'], 'changed.webm'),
  );
  expect(body.candidates[0]).toMatchObject({ object: id, exact: false });
  expect(body.c2pa).toBeNull();
}, 60_000);

test('a clip that was made elsewhere is nobody’s, and neither is one with nothing in it', async () => {
  const elsewhere = join(dir, 'elsewhere.mp4');
  const source = (filter: string) =>
    ffmpeg('-f', 'lavfi', '-i', filter, '-t', '3', '-pix_fmt', 'yuv420p', elsewhere);
  await source('mandelbrot=s=640x360:r=24');
  expect((await traced(readFileSync(elsewhere))).body).toMatchObject({
    frames: 'compared',
    candidates: [],
    calls: [],
  });
  await source('color=black:s=640x360:r=24');
  expect((await traced(readFileSync(elsewhere))).body).toMatchObject({
    frames: 'nothing-in-them',
    candidates: [],
  });
}, 60_000);

test('what is no clip is said to be none; a playlist makes nobody read another file', async () => {
  expect((await traced(Buffer.from('not a clip'))).body).toMatchObject({
    frames: 'unreadable',
    candidates: [],
  });
  const playlist = `#EXTM3U\n#EXTINF:4,\nfile://${clipAt(0).file}\n#EXT-X-ENDLIST\n`;
  expect((await traced(Buffer.from(playlist))).body).toMatchObject({ frames: 'unreadable', candidates: [] });
  const list = `ffconcat version 1.0\nfile ${clipAt(0).file}\n`;
  expect((await traced(Buffer.from(list))).body).toMatchObject({ frames: 'unreadable', candidates: [] });
});

test('whether a C2PA manifest is in the file is recorded', async () => {
  const plain = readFileSync(clipAt(0).file);
  const box = Buffer.alloc(8 + 16 + 8);
  box.writeUInt32BE(box.length);
  box.write('uuid', 4);
  Buffer.from('d8fec3d61b0e483c92975828877ec481', 'hex').copy(box, 8);
  expect((await traced(plain)).body.c2pa).toBe(false);
  expect((await traced(Buffer.concat([plain, box]))).body.c2pa).toBe(true);
});

test('a file beyond the bound, and one that is not sent as bytes, are refused; who asked stands in the log', async () => {
  expect((await traced(new Uint8Array(20_000_001))).status).toBe(413);
  expect((await traced(Buffer.from('{}'), gate, 'application/json')).status).toBe(400);
  const { acts } = (await gate.admin('GET', 'acts')) as { acts: { act: string; subject: string }[] };
  expect(acts.find(({ act }) => act === 'output.trace')?.subject).toMatch(/^sha256:[0-9a-f]{64}$/);
});

test('without ffmpeg very bytes are still known, and it says that nothing else was looked at', async () => {
  const { PATH } = process.env;
  process.env.PATH = dir;
  const blind = await startGate(demo.url, `artists: { ${PERMISSIVE} }`, SECONDS).finally(() => {
    process.env.PATH = PATH;
  });
  try {
    await blind.tester('ada');
    const bytes = readFileSync(clipAt(0).file);
    const { sha256 } = (await traced(bytes, blind)).body;
    await blind.sql(
      `insert into objects (id, tester, kind) values ('video_x', 'ada', 'videos');
       insert into outputs (object, variant, sha256, tester, bytes, at) values ('video_x', 'video', '${sha256}', 'ada', 1, 1)`,
    );
    const { body } = await traced(bytes, blind);
    expect(body).toMatchObject({ frames: 'off', candidates: [{ object: 'video_x', exact: true }] });
  } finally {
    await blind.close();
  }
});
