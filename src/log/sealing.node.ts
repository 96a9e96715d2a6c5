/** The sealer as the configuration asks for it. */
import type { Config } from '../config.ts';
import { hasherOf } from './merkle.ts';
import { toFile } from './publish.node.ts';
import { toHook } from './publish.ts';
import { Sealer, type SealerOptions } from './sealer.ts';
import { sha256 } from './sha256.node.ts';
import { Tree } from './tree.ts';

export function sealing(
  { log: { checkpointSeconds, checkpointFile, checkpointHook } }: Config,
  parts: Pick<SealerOptions, 'db' | 'writer' | 'key' | 'now'>,
): Sealer {
  return new Sealer({
    ...parts,
    tree: new Tree(parts.db, hasherOf(sha256)),
    everyMs: checkpointSeconds * 1000,
    publish: [
      ...(checkpointFile ? [{ name: checkpointFile, send: toFile(checkpointFile) }] : []),
      ...(checkpointHook ? [{ name: new URL(checkpointHook).host, send: toHook(checkpointHook) }] : []),
    ],
    onFault: (what, fault) =>
      console.error(`portcullis: ${what}:`, fault instanceof Error ? fault.message : fault),
  });
}
