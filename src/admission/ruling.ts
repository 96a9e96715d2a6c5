/** What the judge says, as a refusal. Pure. */
import type { Asked } from '../policy/environment.ts';
import { judge, type Verdict } from '../policy/judge.ts';
import { Refusal } from '../refusal.ts';
import { grantOf, type InForce } from './policies.ts';

/** True when the operation itself is not allowed, whatever it is asked for. */
export function isAboutOperation(verdict: Verdict): boolean {
  return !verdict.allow && verdict.code === 'operation_not_allowed';
}

/** The refusal of what an open socket asks for further. */
export function furtherRefusal(inForce: InForce | null, cohort: string, asked: Asked): Refusal | null {
  if (!inForce) return new Refusal('policy_unavailable', 'for a frame');
  const granted = grantOf(inForce, cohort);
  return granted ? refusalBy(judge(granted, asked)) : new Refusal('cohort_unknown', cohort);
}

/** Names every rule that the call breaks. */
export function refusalBy(verdict: Verdict): Refusal | null {
  if (verdict.allow) return null;
  const { code, message, param, by, rules, detail } = verdict;
  const names = rules.length > 1 ? `${rules.map(({ name }) => name).join(', ')}: ` : '';
  return new Refusal(code, names + (detail ?? message), { message, param, rule: by, rules });
}
