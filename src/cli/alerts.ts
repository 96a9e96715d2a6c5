/** `portcullis alerts`: where alerts go, and a test of the way. */
import type { Command } from 'commander';

interface Json {
  readonly json?: boolean;
}

export function addAlerts(program: Command): void {
  const alerts = program
    .command('alerts')
    .description('where alerts go, what waits, and a test of the way')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  portcullis alerts\n  portcullis alerts test')
    .action(list);
  alerts
    .command('test')
    .description('send a test to every target')
    .addHelpText('after', '\nExample:\n  portcullis alerts test')
    .action((_: object, command: Command) => test(command.optsWithGlobals()));
}

async function list({ json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { digits, outJson, paint, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const told = await done(connect(process.env).alerts.$get());
  if (json) return outJson(told);
  outTable(
    ['TARGET', 'AT', 'EVENTS', 'WAITING', 'GIVEN UP', 'LAST DELIVERED', 'FAULT'],
    told.targets.map((one) => [
      plain(one.name),
      plain(one.origin),
      plain(one.events.join(', ')),
      digits(one.waiting),
      one.failed > 0 ? paint('red', digits(one.failed)) : '0',
      one.lastDeliveredAt ? time(one.lastDeliveredAt) : 'never',
      plain(one.lastFault),
    ]),
    'No targets: name them under "alerts" in the configuration (docs/monitoring.md).',
  );
}

async function test({ json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, plural } = await import('./print.ts');
  const { queued } = await done(connect(process.env).alerts.test.$post());
  if (json) return outJson({ queued });
  out(`Queued a test for ${plural(queued, 'target')}; what became of it: portcullis alerts`);
}
