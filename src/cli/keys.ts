/** `portcullis keys`: the keys that sign our access tokens. */
import { type Command, InvalidArgumentError } from 'commander';

interface Json {
  readonly json?: boolean;
}

interface Keys {
  readonly keys: readonly {
    readonly kid: string;
    readonly state: 'signing' | 'verifying';
    readonly createdAt: string | null;
    readonly verifiesUntil: string | null;
  }[];
}

const UNIT_SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

const ROTATE_HELP = `
Without --overlap the older keys verify until the last token issued so far has expired: nobody notices.
With --overlap 0 they are withdrawn at once, and every token issued so far is dead.
Calls that are open already are not cut; "portcullis kill" does that.

Examples:
  portcullis keys rotate
  portcullis keys rotate --overlap 7d    testers have a week to get a new token
  portcullis keys rotate --overlap 0     the key has leaked`;

export function addKeys(program: Command): void {
  const keys = program.command('keys').description('list, rotate and withdraw the keys that sign tokens');
  keys
    .command('list')
    .description('list the keys in force')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis keys list')
    .action(list);
  keys
    .command('rotate')
    .description('make a new key, which signs from now on')
    .option('--overlap <time>', 'how long the older keys still verify: 30d, 12h, or 0', parseOverlap)
    .option('--json', 'print JSON')
    .addHelpText('after', ROTATE_HELP)
    .action(rotate);
  keys
    .command('withdraw')
    .description('end a key that no longer signs, and with it every token that it signed')
    .argument('<kid>', 'the id of the key')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  portcullis keys withdraw 3q2-7w…')
    .action(withdraw);
}

function parseOverlap(text: string): number {
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (text === '0') return 0;
  if (!amount) throw new InvalidArgumentError('Use 30d, 12h, 90m, 45s, or 0.');
  return Number(amount) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS];
}

async function list({ json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { outJson } = await import('./print.ts');
  const { keys } = await done(connect(process.env).keys.$get());
  if (json) return outJson(keys);
  await print({ keys });
}

async function rotate({ json, overlap }: Json & { overlap?: number }): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, paint } = await import('./print.ts');
  const call = connect(process.env).keys.rotate.$post({ json: { overlapSeconds: overlap } });
  const { keys } = await done(call);
  if (json) return outJson(keys);
  out(`${paint('bold', 'ROTATED')}  the key ${keys[0]?.kid} signs from now on.`);
  if (keys.length === 1) out('No older key verifies any more.');
  out('');
  await print({ keys });
}

async function withdraw(kid: string, { json }: Json): Promise<void> {
  const { connect, done } = await import('./connection.ts');
  const { out, outJson, paint } = await import('./print.ts');
  const { keys } = await done(connect(process.env).keys[':kid'].withdraw.$post({ param: { kid } }));
  if (json) return outJson(keys);
  out(`${paint(['bold', 'red'], 'WITHDRAWN')}  no token that the key ${kid} signed is taken any more.`);
}

async function print({ keys }: Keys): Promise<void> {
  const { outTable } = await import('./table.ts');
  const { paint, plain, time } = await import('./print.ts');
  outTable(
    ['KEY', 'STATE', 'MADE', 'VERIFIES'],
    keys.map(({ kid, state, createdAt, verifiesUntil }) => [
      plain(kid),
      paint(state === 'signing' ? 'green' : 'dim', state),
      createdAt ? time(createdAt) : plain(null),
      verifiesUntil ? `until ${time(verifiesUntil)}` : 'while it signs',
    ]),
    'No keys.',
  );
}
