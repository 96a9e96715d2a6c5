/** `portcullis policy`: check, test, show, load and replay the usage policy. */
import type { Command } from 'commander';

const CHECK_HELP = `
Needs no server. Each fault is told as FILE:LINE:COLUMN: what and the mend; exit code 2.

Example:
  portcullis policy check policy.yaml`;
const TEST_HELP = `
Needs no server. The cases stand beside the policy, policy.cases.yaml for policy.yaml, unless --cases names them. Exit code 1
when one of them comes out otherwise.

Example:
  portcullis policy test examples/artists.yaml`;
const LOAD_HELP = `
All calls are judged by it from now on, in every process on the same database; a policy with a fault changes nothing.
It stays in force over restarts, until another one is loaded or the file that the configuration names is changed.

Examples:
  portcullis policy load policy.yaml --dry-run     the difference, and nothing more
  portcullis policy load policy.yaml --reason "Clips of 10 seconds from Monday on."`;
const REPLAY_HELP = `
Runs a proposed policy over the calls in the log: which of them, and of which testers, would be decided otherwise. It
touches nothing. What the log does not hold is not guessed: such calls are counted as not judged, with the reason. Limits,
quotas, terms and the frames of WebSockets are not replayed.

Examples:
  portcullis policy replay policy.yaml --since 7d
  portcullis policy replay policy.yaml --since 30d --json > changes.jsonl     every call that would change`;

export function addPolicy(program: Command): void {
  const policy = program.command('policy').description('check, test, load and replay the usage policy');
  policy
    .command('check')
    .description('find the faults of a policy')
    .argument('<file>', 'the policy, in YAML')
    .option('--json', 'print JSON')
    .addHelpText('after', CHECK_HELP)
    .action(async (file, options) => (await import('./policy-offline.ts')).check(file, options));
  policy
    .command('test')
    .description('run example calls against a policy')
    .argument('<file>', 'the policy, in YAML')
    .option('--cases <file>', 'the example calls')
    .option('--json', 'print JSON')
    .addHelpText('after', TEST_HELP)
    .action(async (file, options) => (await import('./policy-offline.ts')).test(file, options));
  policy
    .command('show')
    .description('print the policy in force, or an earlier one')
    .option('--version <n>', 'this version')
    .option('--versions', 'list the newest versions')
    .option('--diff', 'what it changed')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  portcullis policy show > policy.yaml\n  portcullis policy show --versions',
    )
    .action(async (options) => (await import('./policy-online.ts')).show(options));
  policy
    .command('load')
    .description('put a policy in force')
    .argument('<file>', 'the policy, in YAML')
    .option('--dry-run', 'show the difference only')
    .option('--reason <text>', 'why, for the acts')
    .option('--json', 'print JSON')
    .addHelpText('after', LOAD_HELP)
    .action(async (file, options) => (await import('./policy-online.ts')).load(file, options));
  policy
    .command('replay')
    .description('what a policy would have decided of the calls in the log')
    .argument('<file>', 'the policy, in YAML')
    .option('--since <when>', '7d, 12h, 2026-05-04', '7d')
    .option('--until <when>', '1d, 2026-05-04')
    .option('--calls <n>', 'show so many of the calls', '20')
    .option('--json', 'print JSON lines: every call, at the end the counts')
    .addHelpText('after', REPLAY_HELP)
    .action(async (file, options) => (await import('./policy-replay.ts')).replay(file, options));
}
