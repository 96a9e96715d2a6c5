/** `portcullis resume`: releases the stop of exactly one scope, or lets some back in while it holds for the rest. */
import type { Command } from 'commander';
import { Usage } from './exit.ts';
import { parseScope, SCOPE_HELP } from './scope-argument.ts';

interface Options {
  readonly reason?: string;
  readonly within?: string;
  readonly list?: string;
  readonly offline?: boolean;
  readonly json?: boolean;
}

const HELP = `
Only stops of exactly this scope are released: a stopped cohort stays stopped when "global" is resumed.
With --within the stop stays, and lets through only whom you name. Revocations are never released.

Examples:
  portcullis resume --reason "the token was found"
  portcullis resume cohort:alpha --reason "fixed in build 212"
  portcullis resume --within global cohort:alpha tester:bob --reason "looked at"
  portcullis resume --within global --list cleared.txt --reason "review of 24 November"`;

export function addResume(program: Command): void {
  program
    .command('resume')
    .description('release the stop of one scope, or let some through it')
    .argument('[scope...]', SCOPE_HELP)
    .requiredOption('--reason <text>', 'why; for the record of acts')
    .option('--within <scope>', 'the stop stays, and lets these cohorts and testers through')
    .option('--list <file>', 'with --within: a file with a tester or scope a line')
    .option('--offline', 'write to the database in the data directory')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(resume);
}

async function resume(typed: readonly string[], options: Options): Promise<void> {
  const { reason = '', within, list, offline, json = false } = options;
  if (within !== undefined) return readmit(within, [...typed, ...linesOf(await textOf(list))], options);
  if (list !== undefined) throw new Usage('--list needs --within: say through which stop they are let.');
  if (typed.length > 1)
    throw new Usage('Give one scope to release; to let some through a wider stop, add --within global.');
  const scope = parseScope(typed[0] ?? 'global');
  if (offline) {
    const { resumeOffline } = await import('./offline.ts');
    return resumeOffline(scope, reason, json);
  }
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, paint, time } = await import('./print.ts');
  const released = await done(connect(process.env).switches.release.$post({ json: { scope, reason } }));
  if (json) return outJson(released);
  out(`${paint(['bold', 'green'], 'RELEASED')}  ${released.scope}  ${time(released.releasedAt)}`);
  out(`  switches  ${released.ids.join(', ')}`);
}

async function readmit(within: string, names: readonly string[], options: Options): Promise<void> {
  const { reason = '', offline, json } = options;
  if (offline) throw new Usage('--within needs the server; offline a stop is released as a whole.');
  if (names.length === 0)
    throw new Usage('Name whom to let through: cohort:NAME, tester:ID, or --list FILE.');
  const wider = parseScope(within);
  const scopes = names.map((name) => (/^(?:cohort|tester):/.test(name) ? name : `tester:${name}`));
  const { connect, done } = await import('./connection.ts');
  const { Refused } = await import('./exit.ts');
  const { out, outJson, paint } = await import('./print.ts');
  const admin = connect(process.env);
  const query = { engaged: 'true', scope: wider, limit: '1000' } as const;
  const { switches } = await done(admin.switches.$get({ query }));
  const stops = switches.filter(({ effect }) => effect === 'stop');
  if (stops.length === 0) throw new Refused(`No stop of "${wider}" is engaged.`);
  const now = [];
  // Two stops of one scope both hold: whoever is let through has to pass each of them.
  for (const { id } of stops)
    now.push(
      await done(
        admin.switches[':id'].readmissions.$post({ param: { id: `${id}` }, json: { scopes, reason } }),
      ),
    );
  if (json) return outJson(now);
  out(`${paint(['bold', 'green'], 'LET THROUGH')}  ${scopes.join(', ')}`);
  out(`  ${wider} stays stopped for everybody else (switch ${stops.map(({ id }) => id).join(', ')})`);
  out('  who may call now    portcullis who');
}

async function textOf(file: string | undefined): Promise<string> {
  if (file === undefined) return '';
  const { readFileSync } = await import('node:fs');
  try {
    return readFileSync(file, 'utf8');
  } catch (fault) {
    throw new Usage(`--list: cannot read ${file} (${(fault as NodeJS.ErrnoException).code})`);
  }
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
