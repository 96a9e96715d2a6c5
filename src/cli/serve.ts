/** `portcullis serve`: both listeners, in this process. */
import type { Command } from 'commander';

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('start the gateway and the control listener (settings from PORTCULLIS_… variables)')
    .addHelpText('after', '\nExample:\n  PORTCULLIS_DATA_DIR=/var/lib/portcullis portcullis serve')
    .action(async () => {
      const { serve } = await import('../node.ts');
      await serve(process.env);
    });
}
