/** `portcullis policy replay`: what a proposed policy would have decided of the calls in the log. */
import type { ReplayLine } from '../admin/client.ts';
import { postLines } from './connection.ts';
import { Fault } from './exit.ts';
import { readChecked, readText } from './policy-offline.ts';
import { digits, out, outJson, paint, plain, plural, second } from './print.ts';

interface Options {
  readonly since: string;
  readonly until?: string;
  readonly calls: string;
  readonly json?: true;
}

type Done = Extract<ReplayLine, { done: unknown }>['done'];
type Call = Extract<ReplayLine, { call: unknown }>['call'];
type Side = Done['newlyRefused'];

const MOST_LISTED = 10;

export async function replay(file: string, { since, until, calls, json }: Options): Promise<void> {
  const text = readText(file);
  readChecked(file, text);
  let summary: Done | null = null;
  const shown: Call[] = [];
  const most = Number(calls) || 0;
  for await (const line of postLines(process.env, '/admin/policy/replay', { text, since, until })) {
    const told = line as ReplayLine;
    if ('progress' in told)
      progress(`${plural(told.progress.calls, 'call')}, up to ${second(told.progress.at)}`);
    else if ('done' in told) summary = told.done;
    else if (!json && shown.length < most) shown.push(told.call);
    if (json && !('progress' in told)) outJson(told);
  }
  progress('');
  if (!summary) throw new Fault('the server broke off before it was done; nothing is known');
  if (!json) print(summary, shown);
}

/** On a terminal only, over itself. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function print(told: Done, shown: readonly Call[]): void {
  const { newlyRefused, newlyAllowed, notJudged } = told;
  out(
    `${plural(told.calls, 'call')} since ${second(told.since)}${told.until ? ` until ${second(told.until)}` : ''}`,
  );
  out(`  unchanged          ${digits(told.unchanged)}`);
  out(
    `  refused otherwise  ${digits(told.otherwiseRefused)}  (stops, limits, tokens, …: whatever the policy says)`,
  );
  printSide(paint('red', 'newly refused'), newlyRefused);
  printSide(paint('green', 'newly allowed'), newlyAllowed);
  printSide(paint('yellow', 'not judged'), notJudged);
  for (const { rule, calls } of told.shadow)
    out(`  in shadow          ${plain(rule)}  ${plural(calls, 'call')}`);
  if (shown.length > 0) out('');
  for (const { id, at, tester, operation, becomes, rules } of shown)
    out(
      `${second(at)}  ${id}  ${plain(tester)}  ${plain(operation)}  → ${becomes}  ${plain(rules.join(', '))}`,
    );
  out('');
  out(
    'Not replayed: limits, quotas, terms, and what went over WebSockets after their handshake. What a call was allowed for',
  );
  out('is judged by what the log holds; where it does not hold what a rule needs, the call is not judged.');
}

function printSide(title: string, { calls, testers, rules }: Side): void {
  out('');
  out(`${title}  ${plural(calls, 'call')} of ${plural(testers.length, 'tester')}`);
  for (const [what, counts] of [
    ['by', rules.map((one) => [one.rule, one.calls] as const)],
    ['of', testers.map((one) => [one.tester, one.calls] as const)],
  ] as const) {
    for (const [name, n] of counts.slice(0, MOST_LISTED))
      out(`  ${what}  ${digits(n).padStart(9)}  ${plain(name)}`);
    if (counts.length > MOST_LISTED)
      out(`  ${what}  ${digits(counts.length - MOST_LISTED).padStart(9)}  more (--json)`);
  }
}
