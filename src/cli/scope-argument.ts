/** The scope as an operator types it; a wrong one is answered with the right ones it may have meant. */
import { isScope, type Scope } from '../admission/scope.ts';
import { Usage } from './exit.ts';

const KINDS = ['cohort', 'tester', 'token', 'model'] as const;

export const SCOPE_HELP = 'global (default), cohort:NAME, tester:ID, token:JTI or model:NAME';

/** @throws Usage */
export function parseScope(typed: string): Scope {
  if (isScope(typed)) return typed;
  const meant = suggestions(typed).filter(isScope);
  const mend = meant.length > 0 ? `did you mean ${meant.join(' or ')}?` : `use ${SCOPE_HELP}.`;
  throw new Usage(`"${typed}" is not a scope: ${mend}`);
}

function suggestions(typed: string): string[] {
  const [kind = '', ...rest] = typed.split(/[:=/]/);
  const id = rest.join(':');
  if (id === '') return /^(?:all|everything|any|global|\*)$/i.test(kind) ? ['global'] : bare(kind);
  const near = KINDS.filter((one) => one[0] === kind[0]?.toLowerCase());
  return (near.length > 0 ? near : KINDS).map((one) => `${one}:${id}`);
}

function bare(id: string): string[] {
  return KINDS.some((one) => one === id) ? [] : KINDS.map((one) => `${one}:${id}`);
}
