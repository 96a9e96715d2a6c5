/** `portcullis resume`: releases the stop of exactly one scope. */
import type { Command } from 'commander';
import { parseScope, SCOPE_HELP } from './scope-argument.ts';

interface Options {
  readonly reason?: string;
  readonly offline?: boolean;
  readonly json?: boolean;
}

const HELP = `
Only stops of exactly this scope are released: a stopped cohort stays stopped when "global" is resumed.
Revocations are never released.

Examples:
  portcullis resume
  portcullis resume cohort:alpha --reason "fixed in build 212"`;

export function addResume(program: Command): void {
  program
    .command('resume')
    .description('release the stop of one scope')
    .argument('[scope]', SCOPE_HELP)
    .option('--reason <text>', 'why; for the record of acts')
    .option('--offline', 'write to the database in the data directory')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(resume);
}

async function resume(typed: string | undefined, { reason, offline, json }: Options): Promise<void> {
  const scope = parseScope(typed ?? 'global');
  if (offline) {
    const { resumeOffline } = await import('./offline.ts');
    return resumeOffline(scope, reason ?? null, json ?? false);
  }
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, paint, time } = await import('./print.ts');
  const released = await done(connect(process.env).switches.release.$post({ json: { scope, reason } }));
  if (json) return outJson(released);
  out(`${paint(['bold', 'green'], 'RELEASED')}  ${released.scope}  ${time(released.releasedAt)}`);
  out(`  switches  ${released.ids.join(', ')}`);
}
