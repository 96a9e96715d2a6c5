/** `portcullis log`: the request log, one line per call. */
import { type Command, InvalidArgumentError } from 'commander';
import { addLogProof } from './log-proof.ts';
import { addLogQuestions } from './log-questions.ts';

const HELP = `
Columns: time, tester, operation, model, status, outcome, milliseconds, bytes out, id.
With --follow a call is printed when it has ended.

Examples:
  portcullis log --since 15m
  portcullis log --tester ada --decision refused
  portcullis log --follow --json | jq .outcome
  portcullis log --output $(sha256sum leaked.mp4 | cut -d' ' -f1)
  portcullis log top tester --since 24h
  portcullis log verify`;

export function addLog(program: Command): void {
  const log = filters(program.command('log').description('the request log, oldest first'))
    .option('--limit <n>', 'at most so many, the newest', parseLimit, 100)
    .option('--follow', 'go on with what comes')
    .option('--json', 'print JSON, one line per call')
    .addHelpText('after', HELP)
    .action(async ({ follow, json, ...filters }) => {
      const { printLog } = await import('./log-lines.ts');
      await printLog(filters, { follow: follow === true, json: json === true });
    });
  addLogQuestions(log, filters);
  addLogProof(log);
}

/** What every question may be narrowed to. */
function filters(command: Command): Command {
  return command
    .option('--tester <id>', 'calls of this tester')
    .option('--cohort <name>', 'calls of this cohort')
    .option('--token <jti>', 'calls with this access token')
    .option('--operation <name>', 'calls of this operation')
    .option('--model <name>', 'calls of this model')
    .option('--outcome <word>', 'complete, cut, client-gone, …, a refusal code, or open')
    .option('--decision <word>', 'allowed or refused')
    .option('--status <code>', 'the HTTP status that the tester got')
    .option('--rule <name>', 'what decided: switch:7, limit:minute, …')
    .option('--address <address>', "the client's address")
    .option('--shadow <rule>', 'calls that this rule in shadow would have refused')
    .option('--object <id>', 'calls that named or made this video, file, …')
    .option('--output <sha256>', 'calls that gave out exactly this file')
    .option('--since <time>', '15m, 2h, 7d, or ISO 8601')
    .option('--until <time>', 'the same');
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError('Use a whole number from 1 up.');
  return limit;
}
