/** `portcullis tester link`: the way into the portal for a tester who has no token at hand. */
import type { Command } from 'commander';
import { Usage } from './exit.ts';

const LINK_HELP = `
The link works once, and is shown here only. Its secret stands behind the #, so no server and no log on the way sees it; opening
the page does not use it up, sending its form does.

Example:
  portcullis tester link ada --hours 2`;

export function addTesterLink(tester: Command): void {
  tester
    .command('link')
    .description('make a one-time link to the portal for a tester')
    .argument('<id>', 'the tester')
    .option('--hours <n>', 'how long it may wait', '24')
    .option('--json', 'print JSON')
    .addHelpText('after', LINK_HELP)
    .action(link);
}

async function link(id: string, { json, hours }: { json?: boolean; hours: string }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, time } = await import('./print.ts');
  const wanted = Number(hours);
  if (!Number.isFinite(wanted) || wanted <= 0) throw new Usage('--hours: use a number, for example 24');
  const asked = { param: { id }, json: { hours: wanted } };
  const made = await done(connect(process.env).testers[':id']['portal-link'].$post(asked));
  if (json) return outJson(made);
  out(made.link);
  out(`Good once, until ${time(made.expiresAt)}. Send it to ${made.tester} and to nobody else.`);
  if (made.link.startsWith('/')) out('Put the address of the gateway before it, or set "publicUrl".');
}
