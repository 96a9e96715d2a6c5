/** The first operator's credential on Node: in a file, never shown; the CLI on this machine finds it there. */
import type { Control } from '../control.ts';
import { ensureOperator, isEnded } from '../first-start.ts';
import { makeSecret } from '../secret.ts';
import type { DataDir } from './data-dir.node.ts';

const FILE = 'operator-credential';

/** One that an operator has ended is replaced. @returns true when there was no operator before */
export async function ensureMachineOperator(control: Control, dir: DataDir): Promise<boolean> {
  const kept = dir.readSecret(FILE)?.trim();
  const ended = kept === undefined ? false : await isEnded(control, kept);
  const credential = kept === undefined || ended ? makeSecret('pco_') : kept;
  if (credential !== kept) dir.writeSecret(FILE, `${credential}\n`);
  return ensureOperator(control, credential, 'the data directory');
}
