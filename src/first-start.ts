/** What the first start makes: an operator with a credential for machines and, with the demo upstream, a cohort and a tester. */
import { eq, ne } from 'drizzle-orm';
import { hashSecret } from './admin/credential.ts';
import { MACHINE_TOKEN } from './admin/operator-rows.ts';
import { makeLink } from './admin/operators.ts';
import type { Control, IssuedToken } from './control.ts';
import { insertAct } from './log/acts.ts';
import { cohorts, operators, operatorTokens, testers } from './store/schema.ts';

const OPERATOR = 'operator';
const DEMO = { cohort: 'artists', tester: 'ada', name: 'Ada' } as const;
const LINK_MS = 3_600_000;
const SETUP = { operator: 'setup', address: null } as const;

/**
 * The credential is the first operator's from now on, and any that was before it is not. One that an operator has ended stays so.
 * @param label where it is kept @returns true when there was no operator before
 */
export async function ensureOperator(control: Control, credential: string, label: string): Promise<boolean> {
  const hash = await hashSecret(credential);
  return control.write(() => {
    const { writer } = control;
    const isFirst = writer.select().from(operators).limit(1).get() === undefined;
    // Whoever was removed or given another role stays so.
    writer.insert(operators).values({ name: OPERATOR, role: 'admin' }).onConflictDoNothing().run();
    writer
      .insert(operatorTokens)
      .values({ id: MACHINE_TOKEN, operator: OPERATOR, label, hash })
      .onConflictDoUpdate({
        ...{ target: operatorTokens.id, set: { hash, endedAt: null } },
        setWhere: ne(operatorTokens.hash, hash),
      })
      .run();
    return isFirst;
  });
}

export async function isEnded({ reader }: Control, credential: string): Promise<boolean> {
  const hash = await hashSecret(credential);
  const row = reader.select().from(operatorTokens).where(eq(operatorTokens.hash, hash)).get();
  return row !== undefined && row.endedAt !== null;
}

/** For whoever sees the terminal of the first start. */
export function firstLink(control: Control): Promise<string> {
  return makeLink(control, OPERATOR, control.now() + LINK_MS, SETUP);
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
