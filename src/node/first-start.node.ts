/** What the first start makes: the operator's credential and, with the demo upstream, a cohort and a tester. */
import { hashCredential, makeCredential } from '../admin/credential.ts';
import type { Control, IssuedToken } from '../control.ts';
import { insertAct } from '../log/acts.ts';
import { cohorts, operators, testers } from '../store/schema.ts';
import type { DataDir } from './data-dir.node.ts';

const OPERATOR = 'operator';
const DEMO = { cohort: 'artists', tester: 'ada', name: 'Ada' } as const;
const SETUP = { operator: 'setup', address: null } as const;

/** Written to a file, never shown: the CLI on this machine finds it there. */
export async function ensureOperator(control: Control, dir: DataDir): Promise<void> {
  const kept = dir.readSecret('operator-credential')?.trim();
  const credential = kept ?? makeCredential();
  if (kept === undefined) dir.writeSecret('operator-credential', `${credential}\n`);
  const credentialHash = await hashCredential(credential);
  await control.write(() => {
    control.writer
      .insert(operators)
      .values({ name: OPERATOR, role: 'admin', credentialHash })
      .onConflictDoUpdate({ target: operators.name, set: { credentialHash } })
      .run();
  });
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
