/** `portcullis kill`: one line, no question asked, back when nothing in the scope passes any more. */
import type { Command } from 'commander';
import { Usage } from './exit.ts';
import { parseScope, SCOPE_HELP } from './scope-argument.ts';

interface Options {
  readonly reason?: string;
  readonly note?: string;
  readonly until?: string;
  readonly revoke?: boolean;
  readonly revokeTokens?: boolean;
  readonly cancelUpstream?: boolean;
  readonly dryRun?: boolean;
  readonly offline?: boolean;
  readonly json?: boolean;
}

const HELP = `
It returns when the stop is on disk and calls in the scope have been cut, and says how many. No question is asked.

Examples:
  portcullis kill                                       stop everything
  portcullis kill cohort:alpha --reason "Back at 14:00" stop one cohort; testers read the reason
  portcullis kill tester:ada --revoke                   end every token that ada has now, for good
  portcullis kill --cancel-upstream --revoke-tokens     and end jobs at upstream and every token
  portcullis kill cohort:alpha --until 2h               it releases itself
  portcullis kill cohort:alpha --dry-run                whom would it stop?
  portcullis kill --offline                             the server does not answer: write to its database`;

export function addKill(program: Command): void {
  program
    .command('kill')
    .description('stop everything, or one scope, now')
    .argument('[scope]', SCOPE_HELP)
    .option('--reason <text>', 'why; shown to testers')
    .option('--note <text>', 'why; for operators only')
    .option('--until <time>', 'it releases itself then: 30m, 2h, or 2026-01-31T18:00:00Z')
    .option('--revoke', 'revoke the tokens in the scope instead; never released')
    .option('--revoke-tokens', 'and revoke the tokens in the scope, for good')
    .option('--cancel-upstream', 'and delete running video jobs of the scope at upstream')
    .option('--dry-run', 'change nothing: whom and what would it hit?')
    .option(
      '--offline',
      'write to the database in the data directory; a running server obeys within a moment',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(kill);
}

async function kill(typed: string | undefined, options: Options): Promise<void> {
  const { reason, note, revoke, offline, json = false, dryRun } = options;
  if (typed === undefined && revoke)
    throw new Usage('--revoke needs a scope, for it cannot be undone: portcullis kill global --revoke');
  const scope = parseScope(typed ?? 'global');
  const effect = revoke ? 'revoke' : 'stop';
  if (dryRun) {
    const { printReach } = await import('./kill-online.ts');
    return printReach(scope, json);
  }
  if (offline) {
    const { killOffline } = await import('./offline.ts');
    checkOffline(options);
    return killOffline({ scope, effect, reason: reason ?? null, note: note ?? null }, json);
  }
  const { killOnline } = await import('./kill-online.ts');
  const { revokeTokens, cancelUpstream, until } = options;
  const why = { reason, note: reason === undefined && note === undefined ? NOT_SAID : note };
  const more = { until: until && untilOf(until), revokeTokens, cancelUpstream };
  await killOnline({ scope, effect, ...why, ...more }, json, offlineCommand(typed, options));
}

/** Whoever is in a hurry is not asked why; the record says so. */
const NOT_SAID = 'no reason was given at the command line';

function checkOffline({ revokeTokens, cancelUpstream, until }: Options): void {
  if (revokeTokens || cancelUpstream || until !== undefined)
    throw new Usage(
      '--offline only stops or revokes: leave out --revoke-tokens, --cancel-upstream and --until.',
    );
}

/** @throws Usage */
function untilOf(typed: string): string {
  const [, amount, unit = ''] = /^(\d{1,5})([mhd])$/.exec(typed) ?? [];
  const unixMs = amount ? Date.now() + Number(amount) * (UNIT_MS[unit] ?? Number.NaN) : Date.parse(typed);
  if (Number.isNaN(unixMs))
    throw new Usage(`--until: "${typed}" is no time; use 30m, 2h, 1d or 2026-01-31T18:00:00Z`);
  return new Date(unixMs).toISOString();
}

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What to type when the server does not answer: what works without it. */
function offlineCommand(typed: string | undefined, { revoke, reason }: Options): string {
  const words = ['portcullis kill', typed, revoke && '--revoke', reason && `--reason ${quoted(reason)}`];
  return [...words.filter(Boolean), '--offline'].join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
