/** `portcullis policy check` and `test`: a policy file, and nothing but it. */
import { readFileSync } from 'node:fs';
import { OPERATIONS, ROUTES } from '../gateway/routes.ts';
import { readCases, runCase } from '../policy/cases.ts';
import { type Policy, PolicyError, readPolicy } from '../policy/policy.ts';
import { Faults, Refused, Usage } from './exit.ts';
import { out, outJson, paint, plain, plural } from './print.ts';

interface Options {
  readonly json?: true;
  readonly cases?: string;
}

export function check(file: string, { json }: Options): void {
  const text = readText(file);
  if (json) outJson({ file, faults: faultsIn(text) });
  const { cohorts } = readChecked(file, text);
  if (!json) out(`${paint('green', 'No fault')} in ${plain(file)}: ${plural(cohorts.length, 'cohort')}.`);
}

export function test(
  file: string,
  { cases = file.replace(/(?:\.ya?ml)?$/, '.cases.yaml'), json }: Options,
): void {
  const policy = readChecked(file, readText(file));
  const examples = named(cases, () => readCases(readText(cases)));
  const outcomes = examples.map((one) => runCase(policy, one, takesModel));
  const wrong = outcomes.filter((one) => one.wrong !== null);
  if (json) outJson(outcomes);
  else
    for (const one of outcomes)
      out(
        one.wrong === null
          ? `${paint('green', 'ok    ')}  ${plain(one.name)}`
          : `${paint('red', 'FAILED')}  ${plain(one.name)}: ${plain(one.wrong)}`,
      );
  if (wrong.length > 0) throw new Refused(`${wrong.length} of ${outcomes.length} cases came out otherwise.`);
}

export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (fault) {
    throw new Usage(
      `cannot read ${file} (${fault instanceof Error && 'code' in fault ? fault.code : fault})`,
    );
  }
}

/** @throws Faults */
export function readChecked(file: string, text: string): Policy {
  return named(file, () => readPolicy(text, OPERATIONS));
}

function takesModel(operation: string): boolean {
  return ROUTES.some(
    (route) => route.operation === operation && (route.model ?? route.derives) !== undefined,
  );
}

function faultsIn(text: string) {
  try {
    readPolicy(text, OPERATIONS);
    return [];
  } catch (fault) {
    if (fault instanceof PolicyError) return fault.faults;
    throw fault;
  }
}

function named<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (fault) {
    if (!(fault instanceof PolicyError)) throw fault;
    const lines = fault.faults.map(({ line, col, message }) => `${file}:${line}:${col}: ${message}`);
    throw new Faults(lines.join('\n'));
  }
}
