/** `portcullis serve`: both listeners, in this process or in several. */
import { type Command, InvalidArgumentError } from 'commander';

const MOST = 64;
const HELP = `
With several processes the parent shares the listeners and replaces a process that ends. They are one gate: switches, limits and
quotas are exact over all of them, and a stop names each.

Examples:
  PORTCULLIS_DATA_DIR=/var/lib/portcullis portcullis serve
  portcullis serve --processes 4`;

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('start the gateway and the control listener (settings from PORTCULLIS_… variables)')
    .option('--processes <n>', 'so many processes, on as many cores', countOf, 1)
    .addHelpText('after', HELP)
    .action(async ({ processes }: { processes: number }) => {
      if (processes > 1) {
        const { serveMany } = await import('../node/parent.node.ts');
        return serveMany(process.env, processes);
      }
      const { serve } = await import('../node.ts');
      await serve(process.env);
    });
}

function countOf(typed: string): number {
  const count = /^\d{1,2}$/.test(typed) ? Number(typed) : 0;
  if (count < 1 || count > MOST) throw new InvalidArgumentError(`use a number from 1 to ${MOST}.`);
  return count;
}
