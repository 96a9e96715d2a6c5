/** `portcullis backup` and `portcullis restore`: a copy of the database, and the way back. */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { dataDir } from './connection.ts';
import { Fault } from './exit.ts';
import { digits, out, outJson, paint, plural } from './print.ts';

const BACKUP_HELP = `
The copy is whole, as of one moment, and the gate goes on meanwhile. It holds the log and whose the objects are: keep it
as safe as the data directory. The keys (keys.json, log-key.json) are files beside the database; copy them once, apart.

Example:
  portcullis backup /mnt/elsewhere/portcullis-2026-11-24.sqlite`;

const RESTORE_HELP = `
The gate must not run. It starts with everything stopped: what was stopped or revoked since the copy was made is not in it.
Look at "portcullis status", revoke what has to be revoked, and then "portcullis resume". The database that was there is
kept beside the new one.

Example:
  portcullis restore /mnt/elsewhere/portcullis-2026-11-24.sqlite`;

export function addBackup(program: Command): void {
  program
    .command('backup')
    .argument('<file>', 'where to write it; must not exist')
    .description('copy the database while the gate runs')
    .option('--json', 'print JSON')
    .addHelpText('after', BACKUP_HELP)
    .action(async (file: string, { json }: { json?: true }) => {
      const { backUp } = await import('../node/backup.node.ts');
      const { bytes } = await backUp(dataDir(process.env), file).catch(failed('NOTHING WAS WRITTEN'));
      if (json) outJson({ file, bytes });
      else out(`Copied to ${file}, ${digits(bytes)} bytes.`);
    });
  program
    .command('restore')
    .argument('<file>', 'a copy that "portcullis backup" made')
    .description('put a copy back; everything is stopped then')
    .option('--json', 'print JSON')
    .addHelpText('after', RESTORE_HELP)
    .action(async (file: string, { json }: { json?: true }) => {
      const { restore } = await import('../node/backup.node.ts');
      const who = `offline:${userInfo().username}`;
      const restored = await restore(dataDir(process.env), file, who).catch(failed('NOTHING WAS CHANGED'));
      if (json) outJson({ file, ...restored });
      if (json) return;
      out(
        `${paint(['bold', 'red'], 'RESTORED, AND STOPPED')}  ${plural(restored.requests, 'request')}, from ${file}`,
      );
      if (restored.aside) out(`  The database before is kept: ${restored.aside}`);
      out('  What was revoked since the copy is not revoked in it: look, revoke, then "portcullis resume".');
    });
}

function failed(what: string) {
  return (fault: unknown): never => {
    throw new Fault(`${what}: ${fault instanceof Error ? fault.message : fault}`);
  };
}
