/** The frames of a clip, as hashes: ffmpeg decodes it in a process of its own, with bounds on time and memory. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { FRAME_BYTES, FRAME_SIDE, HASH_BYTES, HASHES_PER_FRAME, hashFrame } from './frame-hash.ts';

const PER_SECOND = 2;
/** Four minutes. */
const MOST_FRAMES = 480;
const PATIENCE_MS = 120_000;
/** Containers of clips and pictures; a playlist could make ffmpeg read other files. */
const FORMATS = 'mov,matroska,webm,avi,mpegts,flv,gif,apng,image2,png_pipe,jpeg_pipe,webp_pipe';
const MOST_ALLOCATED_BYTES = 268_435_456;

/** True where ffmpeg is installed. */
export function hasFfmpeg(): boolean {
  return isInstalled('ffmpeg');
}

export function isInstalled(program: string, path = process.env.PATH ?? ''): boolean {
  return path.split(delimiter).some((dir) => isExecutable(join(dir, program)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @returns hashes of its frames one behind the other; empty when there is nothing in it to know it again by
 * @throws Error when ffmpeg cannot read the file
 */
export function frameHashes(file: string): Promise<Uint8Array> {
  const child = spawn('ffmpeg', argumentsFor(file), {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env.PATH },
  });
  const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  const found: Uint8Array[] = [];
  let held = Buffer.alloc(0);
  child.stdout.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    for (; held.length >= FRAME_BYTES; held = held.subarray(FRAME_BYTES)) {
      const hashes = hashFrame(held.subarray(0, FRAME_BYTES));
      if (hashes) found.push(hashes);
    }
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(patience);
      if (code === 0) resolve(joined(found));
      else reject(new Error(code === null ? 'ffmpeg took too long' : 'ffmpeg cannot read it'));
    });
  });
}

function argumentsFor(file: string): string[] {
  const picture = `fps=${PER_SECOND},scale=${FRAME_SIDE}:${FRAME_SIDE}:flags=area,format=gray`;
  return [
    ...['-nostdin', '-v', 'error', '-threads', '1', '-max_alloc', String(MOST_ALLOCATED_BYTES)],
    ...['-protocol_whitelist', 'file', '-format_whitelist', FORMATS, '-i', `file:${file}`],
    ...['-map', '0:v:0', '-an', '-sn', '-dn', '-vf', picture, '-frames:v', String(MOST_FRAMES)],
    ...['-f', 'rawvideo', 'pipe:1'],
  ];
}

function joined(found: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(found.length * HASHES_PER_FRAME * HASH_BYTES);
  for (const [i, hashes] of found.entries()) all.set(hashes, i * hashes.length);
  return all;
}
