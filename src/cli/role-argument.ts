/** Roles, as they are typed. */
import { ROLES, type Role } from '../store/states.ts';
import { Usage } from './exit.ts';

export const ROLE_HELP = ROLES.join(', ');

/** @throws Usage */
export function roleOf(typed: string): Role {
  const role = ROLES.find((one) => one === typed);
  if (!role) throw new Usage(`"${typed}" is no role: use ${ROLE_HELP}`);
  return role;
}
