/** Clips, and programs that stand where ffmpeg is looked for. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** The event loop goes on meanwhile, or connections would be kept that the gate has closed. */
export const ffmpeg = (...args: readonly string[]) => execute('ffmpeg', ['-v', 'error', '-y', ...args]);

/** Shades of grey of one frame, row by row. */
export async function frameOf(file: string): Promise<Uint8Array> {
  const raw = ['-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'];
  const options = { encoding: 'buffer', maxBuffer: 50_000_000 } as const;
  return (await execute('ffmpeg', ['-v', 'error', '-i', file, ...raw], options)).stdout;
}

export async function probed(file: string): Promise<string> {
  const show = ['-show_entries', 'stream=codec_name,width,height,nb_frames', '-of', 'csv=p=0'];
  return (await execute('ffprobe', ['-v', 'error', ...show, file])).stdout.trim();
}

/** A PATH on which ffmpeg is this script. `$to` is the file that it is to write, `$from` the clip. */
export async function pathWith(dir: string, script: string): Promise<string> {
  const bin = mkdtempSync(join(dir, 'bin-'));
  const probe = (await execute('sh', ['-c', 'command -v ffprobe'])).stdout.trim();
  symlinkSync(probe, join(bin, 'ffprobe'));
  const head = 'for to; do :; done; to=$(echo "$to" | cut -c 6-); from=$(dirname "$to")/clip';
  writeFileSync(join(bin, 'ffmpeg'), `#!/bin/sh\n${head}\n${script}\n`);
  chmodSync(join(bin, 'ffmpeg'), 0o755);
  return `${bin}:${process.env.PATH}`;
}

/** Files of clips that are being marked, by all processes. */
export function filesIn(dataDir: string): string[] {
  const found = readdirSync(join(dataDir, 'marking'), { recursive: true, withFileTypes: true });
  return found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
}
