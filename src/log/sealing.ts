/** The sealer as the configuration asks for it. */
import type { Config } from '../config.ts';
import { hasherOf } from './merkle.ts';
import { toHook } from './publish.ts';
import { type Publish, Sealer, type SealerOptions } from './sealer.ts';
import { sha256 } from './sha256.node.ts';
import { Tree } from './tree.ts';

/** Begins at once. @param toFile where there are files: sends checkpoints to one */
export function startSealing(
  { log: { checkpointSeconds, checkpointFile, checkpointHook } }: Config,
  parts: Pick<SealerOptions, 'db' | 'writer' | 'key' | 'now'>,
  toFile?: (path: string) => Publish,
): Sealer {
  const sealer = new Sealer({
    ...parts,
    tree: new Tree(parts.db, hasherOf(sha256)),
    everyMs: checkpointSeconds * 1000,
    publish: [
      ...(checkpointFile && toFile ? [{ name: checkpointFile, send: toFile(checkpointFile) }] : []),
      ...(checkpointHook ? [{ name: new URL(checkpointHook).host, send: toHook(checkpointHook) }] : []),
    ],
    onFault: (what, fault) =>
      console.error(`portcullis: ${what}:`, fault instanceof Error ? fault.message : fault),
  });
  sealer.start();
  return sealer;
}
