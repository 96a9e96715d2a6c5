/** `portcullis log verify|key|bundle`: that nothing in the log was edited, and how to show it to others. */
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import type { Report } from '../log/verify.ts';
import { connect, dataDir, done, download } from './connection.ts';
import { Fault, Refused } from './exit.ts';
import { digits, out, outJson, paint, plain, plural } from './print.ts';

const VERIFY_HELP = `
Recomputes every entry from its row and the tree from its entries, and holds both against each signed checkpoint.
Whoever holds this machine could cut off the end of the log, or make all of it anew: only checkpoints that were
kept elsewhere show that. Give them with --checkpoints (a file of log.checkpointFile, or of your web hook).

Exits with 1 when something does not hold, and names the first bad entry.

Examples:
  portcullis log verify
  portcullis log verify --checkpoints /mnt/elsewhere/checkpoints.txt
  portcullis log verify --bundle case-7.jsonl --key "$(cat log-key.txt)"`;

const BUNDLE_HELP = `
A bundle is JSON lines: the signed checkpoint, the entries, and the hashes of all the rest. "portcullis log verify
--bundle" checks it anywhere, without the server.

Examples:
  portcullis log bundle everything.jsonl
  portcullis log bundle case-7.jsonl --request 01980000-0000-7000-8000-000000000000`;

interface Flags {
  readonly key?: string;
  readonly checkpoints?: readonly string[];
  readonly bundle?: string;
  readonly json?: true;
}

export function addLogProof(log: Command): void {
  log
    .command('verify')
    .description('prove that nothing was edited, deleted, inserted, moved or cut off')
    .option('--checkpoints <file...>', 'signed checkpoints that were kept elsewhere')
    .option('--bundle <file>', 'verify this bundle, not the database of PORTCULLIS_DATA_DIR')
    .option('--key <key>', "the log's verifier key, from a place that you trust")
    .option('--json', 'print JSON')
    .addHelpText('after', VERIFY_HELP)
    .action(verify);
  log
    .command('key')
    .description("print the log's verifier key: keep a copy elsewhere")
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis log key > /mnt/elsewhere/log-key.txt')
    .action(async ({ json }: { json?: true }) => {
      const state = await done(connect(process.env).log.$get());
      if (json) outJson(state);
      else out(state.key);
    });
  log
    .command('bundle')
    .argument('<file>', 'where to write it')
    .description('write entries with the proof that they are in the signed log')
    .option('--request <id>', 'the entries of one call; else everything')
    .addHelpText('after', BUNDLE_HELP)
    .action(async (file: string, { request }: { request?: string }) => {
      const query = request === undefined ? '' : `?request=${encodeURIComponent(request)}`;
      const answer = await download(process.env, `/admin/log/bundle${query}`);
      // Not over an older file: that might be the evidence of another day.
      const target = createWriteStream(file, { flags: 'wx', mode: 0o600 });
      await pipeline(Readable.fromWeb(answer.body as never), target).catch(notWritten(file));
      out(`Written to ${file}. Verify it anywhere: portcullis log verify --bundle ${file} --key KEY`);
    });
}

async function verify({ key: given, checkpoints = [], bundle, json }: Flags): Promise<void> {
  const key = given ?? null;
  const { verifyBundleFile, verifyDatabase } = await import('../log/offline.node.ts');
  if (bundle !== undefined) {
    const report = await verifyBundleFile(bundle, key).catch(refused);
    if (json) outJson({ ok: true, ...report, checkpoint: report.checkpoint.size });
    else printBundle(report, key);
    return;
  }
  const order = { dataDir: dataDir(process.env), key, witnesses: checkpoints, onProgress: progress() };
  const report = await verifyDatabase(order).catch(refused);
  if (json) outJson({ ok: report.findings.length === 0, ...report });
  else printReport(report, checkpoints.length > 0);
  if (report.findings.length > 0)
    throw new Refused('the log does not hold; the first bad entry stands first.');
}

function printReport({ entries, checked, letGo, checkpoints, findings }: Report, outside: boolean): void {
  const good = findings.length === 0;
  out(good ? paint(['bold', 'green'], 'THE LOG HOLDS') : paint(['bold', 'red'], 'THE LOG DOES NOT HOLD'));
  out(`  entries       ${digits(entries)}`);
  out(`  rows checked  ${digits(checked)}`);
  if (letGo > 0) out(`  rows let go   ${digits(letGo)}, by retention; their hashes are still there`);
  out(`  checkpoints   ${digits(checkpoints)}`);
  for (const { entry, what } of findings) out(`  ${paint('red', `entry ${digits(entry)}`)}  ${plain(what)}`);
  if (good && !outside)
    out(
      paint('dim', '  No checkpoints from elsewhere: that the end was not cut off is not shown. See --help.'),
    );
}

function printBundle(
  {
    checkpoint,
    entries,
    letGo,
    key,
  }: { checkpoint: { size: number }; entries: number; letGo: number; key: string },
  given: string | null,
): void {
  out(paint(['bold', 'green'], 'THE BUNDLE HOLDS'));
  out(
    `  entries     ${digits(entries)}${letGo > 0 ? `, and ${digits(letGo)} hashes of rows that were let go` : ''}`,
  );
  out(`  checkpoint  ${plural(checkpoint.size, 'entry', 'entries')}`);
  out(`  signed by   ${plain(key)}`);
  if (given === null)
    out(paint('dim', "  The key is the bundle's own: give yours with --key to know who signed."));
}

/** On a terminal only, and on stderr: what is piped on stays clean. */
function progress(): ((entry: number, of: number) => void) | undefined {
  if (!process.stderr.isTTY) return undefined;
  return (entry, of) => {
    process.stderr.write(entry === of ? '\r\x1b[K' : `\r  ${digits(entry)} of ${digits(of)} entries`);
  };
}

function refused(fault: unknown): never {
  throw new Refused(fault instanceof Error ? fault.message : String(fault));
}

function notWritten(file: string) {
  return (fault: unknown): never => {
    const why =
      fault instanceof Error && 'code' in fault && fault.code === 'EEXIST' ? 'it is there already' : fault;
    throw new Fault(`${file} was not written: ${why}`);
  };
}
