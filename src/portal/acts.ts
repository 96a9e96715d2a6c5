/** What testers do in the portal: a row in the log like an operator's act, in the transaction of the change it tells of. */
import { insertAct } from '../log/acts.ts';
import { Refusal } from '../refusal.ts';
import type { Portal, Visitor } from './portal.ts';
import { hashOf } from './secret.ts';

/** Runs inside a writer's job. @param said what was handed in: the log keeps its hash, so that it cannot be changed unnoticed */
export function recordTestersAct(
  { writer, now, newDigest }: Portal,
  { tester }: Visitor,
  address: string,
  { act, subject, said }: { readonly act: string; readonly subject: string; readonly said: object },
): void {
  const reason = `sha256 ${hashOf(JSON.stringify(said), newDigest)}`;
  insertAct(writer, { operator: `tester:${tester}`, address }, { at: now(), act, subject, reason });
}

/** A job of the writer returns its refusal: what it throws makes everybody's commit begin again. @throws Refusal */
export async function writeUnlessRefused<T>(portal: Portal, job: () => T | Refusal): Promise<T> {
  const done = await portal.write(job);
  if (done instanceof Refusal) throw done;
  return done;
}
