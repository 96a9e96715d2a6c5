/** `portcullis kill`: one line, no question asked, back when nothing in the scope passes any more. */
import type { Command } from 'commander';
import { Usage } from './exit.ts';
import { parseScope, SCOPE_HELP } from './scope-argument.ts';

interface Options {
  readonly reason?: string;
  readonly revoke?: boolean;
  readonly offline?: boolean;
  readonly json?: boolean;
}

const HELP = `
It returns when the stop is on disk and calls in the scope have been cut, and says how many.

Examples:
  portcullis kill                                       stop everything
  portcullis kill cohort:alpha --reason "Back at 14:00" stop one cohort; testers read the reason
  portcullis kill tester:ada --revoke                   end every token that ada has now, for good
  portcullis kill --offline                             the server does not answer: write to its database`;

export function addKill(program: Command): void {
  program
    .command('kill')
    .description('stop everything, or one scope, now')
    .argument('[scope]', SCOPE_HELP)
    .option('--reason <text>', 'why; shown to testers')
    .option('--revoke', 'revoke the tokens in the scope instead; never released')
    .option(
      '--offline',
      'write to the database in the data directory; a running server obeys within a moment',
    )
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(kill);
}

async function kill(typed: string | undefined, options: Options): Promise<void> {
  if (typed === undefined && options.revoke)
    throw new Usage('--revoke needs a scope, for it cannot be undone: portcullis kill global --revoke');
  const scope = parseScope(typed ?? 'global');
  const order = { scope, effect: options.revoke ? 'revoke' : 'stop', reason: options.reason } as const;
  if (options.offline) {
    const { killOffline } = await import('./offline.ts');
    return killOffline({ ...order, reason: options.reason ?? null }, options.json ?? false);
  }
  const { killOnline } = await import('./kill-online.ts');
  await killOnline(order, options.json ?? false, offlineCommand(typed, options));
}

/** What to type when the server does not answer. */
function offlineCommand(typed: string | undefined, { revoke, reason }: Options): string {
  const words = ['portcullis kill', typed, revoke && '--revoke', reason && `--reason ${quoted(reason)}`];
  return [...words.filter(Boolean), '--offline'].join(' ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
