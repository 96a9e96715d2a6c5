#!/usr/bin/env node
/** The command `portcullis`. Nothing is imported before the Node version is known to be enough. */
const NEEDED_MAJOR = 24;

if (Number(process.versions.node.split('.')[0]) < NEEDED_MAJOR) {
  process.stderr.write(
    `portcullis needs Node ${NEEDED_MAJOR} or later; this is Node ${process.versions.node} (${process.execPath}).\n`,
  );
  process.exit(3);
}
const { enableCompileCache } = await import('node:module');
// Beside the code and owned by whoever owns it, never in a folder that others write; where it cannot be written there is none.
process.env.NODE_COMPILE_CACHE ??= `${import.meta.dirname}/../../node_modules/.cache/portcullis`;
enableCompileCache();
const { run } = await import('./program.ts');
process.exitCode = await run(process.argv);

export {};
