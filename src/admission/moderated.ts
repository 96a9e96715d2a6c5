/** What the moderation service said of a call's words, and what follows: whatever is not a plain "no objection" refuses. Pure. */
import { concerns } from '../policy/judge.ts';
import type { CohortPolicy } from '../policy/policy.ts';
import { Refusal } from '../refusal.ts';

export type ModerationSaid =
  | {
      readonly is: 'verdict';
      readonly flagged: boolean;
      readonly categories: Readonly<Record<string, boolean>>;
    }
  /** It did not answer in time, or not as it should. */
  | { readonly is: 'fault'; readonly detail: string }
  /** The call has no words that it could have been asked about. */
  | { readonly is: 'wordless' };

export function isModerated({ moderation }: CohortPolicy, operation: string): boolean {
  return moderation !== null && concerns(moderation.on, operation);
}

/** @param said null: it was not asked */
export function moderationRefusal(granted: CohortPolicy, said: ModerationSaid | null): Refusal | null {
  if (said === null) return unavailable('it was not asked');
  if (said.is === 'wordless') return null;
  if (said.is === 'fault') return unavailable(said.detail);
  const { categories: wanted } = granted.moderation ?? { categories: null };
  const { categories } = said;
  const missing = wanted?.find((name) => !Object.hasOwn(categories, name));
  if (missing !== undefined) return unavailable(`it does not know the category ${missing}`);
  const found = (wanted ?? Object.keys(categories)).filter((name) => categories[name]);
  if (wanted === null ? !said.flagged && found.length === 0 : found.length === 0) return null;
  return new Refusal('moderation_flagged', found.join(', ') || 'flagged', { rule: 'moderation' });
}

function unavailable(detail: string): Refusal {
  return new Refusal('moderation_unavailable', detail, { rule: 'moderation' });
}
