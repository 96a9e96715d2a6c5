#!/usr/bin/env node
/** The command `portcullis`. Nothing is imported before the Node version is known to be enough. */
const NEEDED_MAJOR = 24;

if (Number(process.versions.node.split('.')[0]) < NEEDED_MAJOR) {
  process.stderr.write(
    `portcullis needs Node ${NEEDED_MAJOR} or later; this is Node ${process.versions.node} (${process.execPath}).\n`,
  );
  process.exit(3);
}
const { run } = await import('./program.ts');
process.exitCode = await run(process.argv);

export {};
