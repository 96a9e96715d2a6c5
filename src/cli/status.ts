/** `portcullis status`: open or stopped, at a glance; then what happened today. */
import type { Command } from 'commander';

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('open or stopped, since when, by whom and why; and the counts of today')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  portcullis status\n  portcullis status --json | jq .open')
    .action(status);
}

async function status({ json }: { json?: boolean }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson } = await import('./print.ts');
  const { statusLines } = await import('./status-lines.ts');
  const state = await done(connect(process.env).status.$get());
  if (json) return outJson(state);
  for (const line of statusLines(state)) out(line);
}
