/** Looks at a file that comes as a stream, in an object: there is no disk, and no decoder of frames. */
import { newDigest } from '../log/sha256.node.ts';
import { hasC2pa } from '../outputs/c2pa.ts';
import { type Inspector, TooLarge } from '../outputs/inspection.ts';

/** Of the beginning of a file so much is kept while it is looked at; a manifest stands there. */
const KEPT_BYTES = 16 * 1_048_576;

export function workerInspector(mostBytes: number): Inspector {
  return {
    readsFrames: false,
    async inspect(body) {
      const digest = newDigest();
      const kept: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of body) {
        if (bytes < KEPT_BYTES) kept.push(chunk.slice(0, KEPT_BYTES - bytes));
        bytes += chunk.length;
        if (bytes > mostBytes) throw new TooLarge(mostBytes);
        digest.update(chunk);
      }
      return { sha256: digest.hex(), bytes, c2pa: await c2paIn(Buffer.concat(kept), bytes), frames: null };
    },
  };
}

/** Null where the file goes on behind what was kept, and nothing was found in that: nobody has looked there. */
async function c2paIn(begin: Uint8Array, bytes: number): Promise<boolean | null> {
  let isWhole = true;
  const read = async (at: number, length: number) => {
    if (at + length > begin.length && at < bytes && begin.length < bytes) isWhole = false;
    return begin.subarray(at, at + length);
  };
  const found = await hasC2pa(read, bytes);
  return found === false && !isWhole ? null : found;
}
