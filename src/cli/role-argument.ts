/** Roles, as they are typed. */
import { ROLES } from '../store/states.ts';
import { Usage } from './exit.ts';

export const ROLE_HELP = ROLES.join(', ');

/** @throws Usage */
export function roleOf(typed: string): (typeof ROLES)[number] {
  const role = ROLES.find((one) => one === typed);
  if (!role) throw new Usage(`"${typed}" is no role: use ${ROLE_HELP}`);
  return role;
}
