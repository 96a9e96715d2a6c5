/** ffmpeg burns a stamp into a clip: a process of its own without shell, network or our environment, bounded in time and size. */
import { type ChildProcess, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { MarkFault } from './marking.ts';
import { type Stamp, stampOf } from './stamp.ts';

export interface Encoding {
  readonly from: string;
  /** Is there already, and empty. */
  readonly to: string;
  readonly code: string;
  readonly patienceMs: number;
  readonly mostBytes: number;
  /** Kills what runs. */
  readonly signal: AbortSignal;
}

/** A playlist could make ffmpeg read other files. */
const READ_ONLY_THIS = ['-protocol_whitelist', 'file', '-format_whitelist', 'mov,matroska'];
const MOST_ALLOCATED_BYTES = 268_435_456;
/** 4096 by 2304: the memory of an encoder is a number of frames. */
const MOST_PIXELS = 9_437_184;
const LEAST_SIDE = 96;
const MOST_SAID_CHARS = 1_024;
const LOOK_MS = 100;

/** @returns the bytes of the marked clip @throws MarkFault */
export async function encode(encoding: Encoding): Promise<number> {
  const stamp = stampOf(encoding.code, await shorterSide(encoding));
  const child = spawned('ffmpeg', burning(encoding, stamp));
  const overfull = setInterval(() => {
    if (sizeOf(encoding.to) > encoding.mostBytes) child.kill('SIGKILL');
  }, LOOK_MS);
  // A child that ends early breaks the pipe; why it ended is said by how it did.
  child.stdin?.on('error', () => {}).end(stamp.rgba);
  await ended('ffmpeg', child, encoding).finally(() => clearInterval(overfull));
  const bytes = sizeOf(encoding.to);
  if (bytes === 0 || bytes > encoding.mostBytes) throw new MarkFault(`ffmpeg made ${bytes} bytes`);
  return bytes;
}

/** In pixels. */
async function shorterSide(encoding: Encoding): Promise<number> {
  const show = ['-select_streams', 'v:0', '-show_entries', 'stream=width,height', '-of', 'csv=p=0'];
  const child = spawned('ffprobe', ['-v', 'error', ...READ_ONLY_THIS, ...show, `file:${encoding.from}`]);
  child.stdin?.on('error', () => {}).end();
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    if (said.length < MOST_SAID_CHARS) said += chunk.toString('latin1');
  });
  await ended('ffprobe', child, encoding);
  const [, width, height] = /^(\d{1,5}),(\d{1,5})\s*$/.exec(said.split('\n', 1)[0] ?? '') ?? [];
  const [w, h] = [Number(width), Number(height)];
  if (!(w * h <= MOST_PIXELS && Math.min(w, h) >= LEAST_SIDE))
    throw new MarkFault('no picture of a size that can be marked');
  return Math.min(w, h);
}

function spawned(name: string, args: readonly string[]): ChildProcess {
  const child = spawn(name, args, { stdio: ['pipe', 'pipe', 'ignore'], env: { PATH: process.env.PATH } });
  try {
    // Calls go first.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already.
  }
  return child;
}

/** Resolves when it is gone, and has done all that it was asked for. */
function ended(name: string, child: ChildProcess, { patienceMs, signal }: Encoding): Promise<void> {
  const kill = () => void child.kill('SIGKILL');
  const patience = setTimeout(kill, patienceMs);
  if (signal.aborted) kill();
  signal.addEventListener('abort', kill);
  child.stdout?.resume();
  return new Promise<void>((resolve, reject) => {
    child.once('error', (fault) => reject(new MarkFault(`${name}: ${fault.message}`)));
    child.once('close', (code, how) => {
      if (code === 0) resolve();
      else reject(new MarkFault(`${name} ended with ${code ?? how}`));
    });
  }).finally(() => {
    clearTimeout(patience);
    signal.removeEventListener('abort', kill);
  });
}

/** Its picture and sound, and nothing else of the file. The stamp comes through the pipe: arguments are shown to everybody. */
function burning({ from, to, patienceMs }: Encoding, { width, height, inset }: Stamp): string[] {
  const raw = ['-f', 'rawvideo', '-pixel_format', 'rgba', '-video_size', `${width}x${height}`];
  // Where no player has its bar, and few clips their titles.
  const place = `x=main_w-overlay_w-${inset}:y=${inset}`;
  const even = 'pad=ceil(iw/2)*2:ceil(ih/2)*2,format=yuv420p';
  return [
    // Its own bound on the processor's time holds when we are gone, too.
    ...['-timelimit', String(Math.ceil(patienceMs / 1000))],
    ...['-nostdin', '-v', 'error', '-xerror', '-y', '-max_alloc', String(MOST_ALLOCATED_BYTES)],
    ...['-threads', '1', ...READ_ONLY_THIS, '-i', `file:${from}`],
    ...['-protocol_whitelist', 'pipe', ...raw, '-framerate', '1', '-i', 'pipe:0'],
    ...['-filter_complex_threads', '1', '-filter_complex'],
    `[0:v:0][1:v]overlay=${place}:format=auto,${even}[marked]`,
    ...['-map', '[marked]', '-map', '0:a?', '-map_metadata', '-1', '-map_chapters', '-1'],
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '18', '-threads', '1', '-c:a', 'copy'],
    ...['-movflags', '+faststart', '-f', 'mp4', `file:${to}`],
  ];
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
