/** What the first start makes: the operator's credential and, with the demo upstream, a cohort and a tester. */
import { eq } from 'drizzle-orm';
import { hashSecret } from '../admin/credential.ts';
import { MACHINE_TOKEN } from '../admin/operator-rows.ts';
import { makeLink } from '../admin/operators.ts';
import type { Control, IssuedToken } from '../control.ts';
import { insertAct } from '../log/acts.ts';
import { makeSecret } from '../secret.ts';
import { cohorts, operators, operatorTokens, testers } from '../store/schema.ts';
import type { DataDir } from './data-dir.node.ts';

const OPERATOR = 'operator';
const DEMO = { cohort: 'artists', tester: 'ada', name: 'Ada' } as const;
const LINK_MS = 3_600_000;
const SETUP = { operator: 'setup', address: null } as const;

/**
 * Written to a file, never shown: the CLI on this machine finds it there. One that an operator has ended is replaced.
 * @returns true when there was no operator before
 */
export async function ensureOperator(control: Control, dir: DataDir): Promise<boolean> {
  const kept = dir.readSecret('operator-credential')?.trim();
  const ended = kept === undefined ? false : await isEnded(control, kept);
  const credential = kept === undefined || ended ? makeSecret('pco_') : kept;
  if (credential !== kept) dir.writeSecret('operator-credential', `${credential}\n`);
  const hash = await hashSecret(credential);
  return control.write(() => {
    const { writer } = control;
    const isFirst = writer.select().from(operators).limit(1).get() === undefined;
    // Whoever was removed or given another role stays so.
    writer.insert(operators).values({ name: OPERATOR, role: 'admin' }).onConflictDoNothing().run();
    writer
      .insert(operatorTokens)
      .values({ id: MACHINE_TOKEN, operator: OPERATOR, label: 'the data directory', hash })
      .onConflictDoUpdate({ target: operatorTokens.id, set: { hash, endedAt: null } })
      .run();
    return isFirst;
  });
}

/** For whoever sees the terminal of the first start. */
export function firstLink(control: Control): Promise<string> {
  return makeLink(control, OPERATOR, control.now() + LINK_MS, SETUP);
}

async function isEnded({ reader }: Control, credential: string): Promise<boolean> {
  const hash = await hashSecret(credential);
  const row = reader.select().from(operatorTokens).where(eq(operatorTokens.hash, hash)).get();
  return row !== undefined && row.endedAt !== null;
}

/** Null when the demo's tester was made by an earlier start: a token is shown once. */
export async function ensureDemoTester(control: Control): Promise<IssuedToken | null> {
  const made = await control.write(() => {
    const { writer } = control;
    writer.insert(cohorts).values({ name: DEMO.cohort }).onConflictDoNothing().run();
    const { changes } = writer
      .insert(testers)
      .values({ id: DEMO.tester, cohort: DEMO.cohort, name: DEMO.name })
      .onConflictDoNothing()
      .run();
    if (changes > 0)
      insertAct(writer, SETUP, { at: control.now(), act: 'tester.create', subject: `tester:${DEMO.tester}` });
    return changes > 0;
  });
  return made ? control.issueToken(DEMO.tester, null, SETUP) : null;
}
