/** `portcullis tester limit`: a tester's own bounds, in the place of the cohort's. */
import type { Command } from 'commander';
import { Usage } from './exit.ts';

interface Changed {
  readonly clear?: boolean;
  readonly reason: string;
  readonly json?: boolean;
}

type Bounds = Record<string, number | undefined>;
type Quotas = Record<string, { day?: number | undefined; total?: number | undefined } | undefined>;

const LIMIT_HELP = `
What is not named stays as it is; a bound without a number is that of the cohort again. A unit's quota is replaced as a whole:
name its day and its total together.

Examples:
  portcullis tester limit ada requestsPerMinute=120 --reason "demo on Friday"
  portcullis tester limit ada videoSeconds.day=600 videoSeconds.total=9000 --reason "demo on Friday"
  portcullis tester limit ada requestsPerMinute= videoSeconds= --reason "the demo is over"
  portcullis tester limit ada --clear --reason "the demo is over"`;

export function addTesterLimit(tester: Command): void {
  tester
    .command('limit')
    .description('give a tester bounds of their own, in the place of the cohort’s')
    .argument('<id>', 'the tester')
    .argument('[bounds...]', 'requestsPerMinute=60, concurrent=2, videoSeconds.day=300, …')
    .requiredOption('--reason <text>', 'why; for the record of acts')
    .option('--clear', 'those of the cohort again, all of them')
    .option('--json', 'print JSON')
    .addHelpText('after', LIMIT_HELP)
    .action(change);
}

async function change(id: string, named: readonly string[], options: Changed): Promise<void> {
  const { clear, reason, json } = options;
  if (clear === true ? named.length > 0 : named.length === 0)
    throw new Usage('Name bounds, as in requestsPerMinute=60, or give --clear.');
  const { connect, done } = await import('./connection.ts');
  const { out, outJson } = await import('./print.ts');
  const one = connect(process.env).testers[':id'];
  const param = { id };
  const changes = clear
    ? { limits: null, quotas: null }
    : changed(await done(one.$get({ param })), named.map(boundOf));
  const tester = await done(one.$patch({ param, json: { ...changes, reason } }));
  if (json) return outJson(tester);
  out(clear ? `${id} has the bounds of the cohort.` : `Set for ${id}: ${named.join(', ')}.`);
  out(`See what is left: portcullis limits ${id}`);
}

interface Named {
  readonly name: string;
  readonly span: 'day' | 'total' | undefined;
  readonly value: number | undefined;
}

function boundOf(text: string): Named {
  const [, name, span, value] = /^(\w+)(?:\.(day|total))?=(\d+(?:\.\d+)?)?$/.exec(text) ?? [];
  if (name === undefined) throw new Usage(`"${text}": write NAME=NUMBER, or NAME= for that of the cohort.`);
  return {
    name,
    span: span as Named['span'],
    value: value === undefined ? undefined : Number(value),
  };
}

/** Which names there are the server knows, and says. */
function changed(
  { limits, quotas }: { limits: Bounds | null; quotas: Quotas | null },
  named: readonly Named[],
) {
  const [own, units]: [Bounds, Quotas] = [{ ...limits }, {}];
  for (const { name, span, value } of named) {
    if (span !== undefined) units[name] = { ...units[name], [span]: value };
    else if (value === undefined) {
      delete own[name];
      units[name] = undefined;
    } else own[name] = value;
  }
  const all = Object.fromEntries(
    Object.entries({ ...quotas, ...units }).filter(([, quota]) => quota !== undefined),
  );
  return { limits: orNull(own), quotas: orNull(all) };
}

function orNull<T extends object>(bounds: T): T | null {
  return Object.keys(bounds).length > 0 ? bounds : null;
}
