/** `portcullis drill`: shows that a stop works, on streams that are nobody's. */
import type { Command } from 'commander';
import { Refused } from './exit.ts';

const HELP = `
Eight streams of a tester that is nobody go through the gate, a real stop ends them, and a new call is refused; then it is
released. Nothing reaches the upstream, and no tester is touched. The gate drills by itself too (drills.everyHours).

Examples:
  portcullis drill
  portcullis drill list`;

interface Json {
  readonly json?: boolean;
}

export function addDrill(program: Command): void {
  const drill = program
    .command('drill')
    .description('show that a stop works, and how fast')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(run);
  drill
    .command('list')
    .description('the drills so far, newest first')
    .addHelpText('after', '\nExample:\n  portcullis drill list')
    .action((_: object, command: Command) => list(command.optsWithGlobals()));
}

async function run({ json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { digits, out, outJson, paint, plain } = await import('./print.ts');
  const drill = await done(connect(process.env).drills.$post());
  if (json) outJson(drill);
  if (drill.outcome !== 'ok')
    throw new Refused(`drill ${drill.outcome}: ${drill.fault ?? 'no reason known'}`);
  if (json) return;
  out(
    `${paint(['bold', 'green'], 'ARMED')}  the stop works: ${drill.streams} streams, node ${plain(drill.node)}`,
  );
  out(`  commit     ${digits(drill.commitMs ?? 0)} ms after the order`);
  out(`  last byte  ${digits(drill.lastByteMs ?? 0)} ms after the order, on any stream`);
  out(`  refused    ${digits(drill.firstRefusalMs ?? 0)} ms after the order, the first new call`);
}

async function list({ json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outJson, paint, plain, time } = await import('./print.ts');
  const { outTable } = await import('./table.ts');
  const { drills } = await done(connect(process.env).drills.$get({ query: {} }));
  if (json) return outJson(drills);
  outTable(
    ['AT', 'BY', 'OUTCOME', 'LAST BYTE', 'REFUSED', 'FAULT'],
    drills.map((one) => [
      time(one.at),
      plain(one.by),
      paint(one.outcome === 'ok' ? 'green' : 'red', one.outcome),
      one.lastByteMs === null ? '–' : `${one.lastByteMs} ms`,
      one.firstRefusalMs === null ? '–' : `${one.firstRefusalMs} ms`,
      plain(one.fault),
    ]),
    'No drill so far: portcullis drill',
  );
}
