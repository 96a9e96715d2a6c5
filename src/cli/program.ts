/** The commands, and what their faults mean to the shell: 0 done, 1 refused, 2 usage, 3 fault. */
import { Command, CommanderError } from 'commander';
import { masked } from '../printable.ts';
import { addActs } from './acts.ts';
import { addAlerts } from './alerts.ts';
import { addBackup } from './backup.ts';
import { addBulk } from './bulk.ts';
import { addCohort } from './cohort.ts';
import { addDrill } from './drill.ts';
import { Fault, Faults, Refused, Usage } from './exit.ts';
import { addAppeal, addFeedback } from './feedback.ts';
import { addFinding } from './finding.ts';
import { addKeys } from './keys.ts';
import { addKill } from './kill.ts';
import { addLimits } from './limits.ts';
import { addLog } from './log.ts';
import { addObject } from './object.ts';
import { addOperator } from './operator.ts';
import { addPolicy } from './policy.ts';
import { plainLines } from './print.ts';
import { addRelease } from './release.ts';
import { addResume } from './resume.ts';
import { addReview } from './review.ts';
import { addServe } from './serve.ts';
import { addStatus } from './status.ts';
import { addSwitch } from './switch.ts';
import { addTerms } from './terms.ts';
import { addTester } from './tester.ts';
import { addToken } from './token.ts';
import { addTrace } from './trace.ts';
import { addWho } from './who.ts';

const HELP = `
Exit codes:
  0 done   1 refused by the server   2 usage   3 fault (server unreachable, or it failed)

Environment:
  PORTCULLIS_CONTROL_URL     where the control listener is     http://127.0.0.1:8788
  PORTCULLIS_OPERATOR_TOKEN  the operator credential           else from the data directory
  PORTCULLIS_DATA_DIR        the data directory                ./data

Examples:
  portcullis serve
  portcullis cohort add alpha
  portcullis tester add ada --cohort alpha
  portcullis token issue ada --days 7
  portcullis keys rotate
  portcullis kill                                stop everything, now
  portcullis resume --reason "the token was found"
  portcullis log --since 15m --outcome rate_limited`;

export async function run(argv: readonly string[]): Promise<number> {
  // Whoever reads has read enough (`| head`): no fault, and nothing of what was done is undone.
  process.stdout.on('error', (fault: NodeJS.ErrnoException) => {
    if (fault.code !== 'EPIPE') throw fault;
    process.exit(0);
  });
  try {
    await program().parseAsync(argv);
    return 0;
  } catch (fault) {
    return report(fault);
  }
}

export function program(): Command {
  const portcullis = new Command('portcullis')
    .description('Access control in front of a model API: who may call, and the stop for everybody at once.')
    .addHelpText('after', HELP)
    .showHelpAfterError('(add --help for the arguments and examples)')
    .showSuggestionAfterError()
    .exitOverride();
  for (const add of [
    addServe,
    addStatus,
    addKill,
    addResume,
    addDrill,
    addPolicy,
    addReview,
    addBulk,
    addAlerts,
    addSwitch,
    addWho,
    addLog,
    addActs,
    addCohort,
    addTester,
    addLimits,
    addToken,
    addObject,
    addTerms,
    addRelease,
    addTrace,
    addFeedback,
    addFinding,
    addAppeal,
    addKeys,
    addOperator,
    addBackup,
  ])
    add(portcullis);
  return portcullis;
}

/** One message on stderr, and the code to leave with. Commander has printed its own by then. */
function report(fault: unknown): number {
  if (fault instanceof CommanderError) return fault.exitCode === 0 ? 0 : 2;
  const message = fault instanceof Error ? fault.message : String(fault);
  process.stderr.write(`${fault instanceof Faults ? '' : 'portcullis: '}${plainLines(masked(message))}\n`);
  if (fault instanceof Usage) return 2;
  if (fault instanceof Refused) return 1;
  if (!(fault instanceof Fault) && process.env.PORTCULLIS_DEBUG) console.error(fault);
  return 3;
}
