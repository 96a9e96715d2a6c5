/** Looks at a file that comes as a stream: hashed on its way to a file that nobody else reads, which is removed again. */
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newDigest } from '../log/sha256.node.ts';
import { hasC2pa } from './c2pa.ts';
import { frameHashes, hasFfmpeg } from './frames.node.ts';
import { type Inspected, type Inspector, TooLarge } from './inspection.ts';

export function nodeInspector(mostBytes: number): Inspector {
  const readsFrames = hasFfmpeg();
  // One decoder at a time: it takes a core, and calls need the others.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (file: string): Promise<Uint8Array | null> => {
    const run = last.then(() => frameHashes(file)).catch(() => null);
    last = run;
    return run;
  };
  return {
    readsFrames,
    async inspect(body) {
      const dir = await mkdtemp(join(tmpdir(), 'portcullis-clip-'));
      const path = join(dir, 'clip');
      try {
        const file = await open(path, 'wx+', 0o600);
        const told = await written(file, body, mostBytes).finally(() => file.close());
        return { ...told, frames: readsFrames ? await inTurn(path) : null };
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    },
  };
}

async function written(
  file: FileHandle,
  body: ReadableStream<Uint8Array>,
  mostBytes: number,
): Promise<Omit<Inspected, 'frames'>> {
  const digest = newDigest();
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > mostBytes) throw new TooLarge(mostBytes);
    digest.update(chunk);
    await file.writeFile(chunk);
  }
  const read = async (at: number, length: number) => {
    const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  };
  return { sha256: digest.hex(), bytes, c2pa: await hasC2pa(read, bytes) };
}
