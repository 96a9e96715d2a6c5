/** Operators whom an OpenID provider vouches for: known by issuer and subject, and in the role that it says. */
import { eq } from 'drizzle-orm';
import type { Control } from '../control.ts';
import { harmless } from '../printable.ts';
import { operators } from '../store/schema.ts';
import type { Role } from '../store/states.ts';
import { recordAct } from './acts.ts';
import { isReservedName } from './operator-rows.ts';

interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly auth_time?: number;
  readonly [claim: string]: unknown;
}

interface Mapping {
  readonly nameClaim: string;
  readonly roleClaim: string;
  readonly roles: Readonly<Record<string, Role>>;
}

/** The widest first: who has several gets the first of them. */
const BY_WIDTH: readonly Role[] = ['admin', 'operator', 'auditor', 'reviewer'];
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}$/;

export interface Vouched {
  readonly operator: string;
  /** When the provider saw them, Unix milliseconds. */
  readonly authenticatedAt: number;
}

/**
 * Makes the operator at the first sign-in; takes over the role at each.
 * @throws Error when the claims name nobody who may sign in; its message is for the server's log
 */
export async function admitOutside(
  control: Control,
  claims: Claims,
  { nameClaim, roleClaim, roles }: Mapping,
  address: string | null,
): Promise<Vouched> {
  const role = roleIn(claims[roleClaim], roles);
  if (!role) throw new Error(`no value of the claim "${roleClaim}" is a role here`);
  if (claims.auth_time === undefined) throw new Error('the provider does not say when it saw them');
  const subject = `${claims.iss} ${claims.sub}`;
  const name = claims[nameClaim];
  const outcome = await control.write(() => {
    const { writer } = control;
    const known = writer.select().from(operators).where(eq(operators.subject, subject)).get();
    if (known) return known.removedAt === null ? takeOver(control, known, role, address) : null;
    if (typeof name !== 'string' || !NAME.test(name) || isReservedName(name)) return null;
    // A name that is somebody else's is never taken over: the provider vouches for the subject, not for the name.
    const { changes } = writer.insert(operators).values({ name, role, subject }).onConflictDoNothing().run();
    if (changes === 0) return null;
    recordAct(control, { operator: name, address }, 'operator.add', `operator:${name}`, `${role}, by OpenID`);
    return name;
  });
  if (outcome === null)
    throw new Error(
      `"${harmless(String(name)).slice(0, 64)}" is removed, is no name, or is somebody else's name`,
    );
  return { operator: outcome, authenticatedAt: claims.auth_time * 1000 };
}

/** Runs inside a writer's job. */
function takeOver(
  control: Control,
  { name, role: before }: typeof operators.$inferSelect,
  role: Role,
  address: string | null,
): string {
  if (role === before) return name;
  control.writer.update(operators).set({ role }).where(eq(operators.name, name)).run();
  recordAct(control, { operator: name, address }, 'operator.role', `operator:${name} ${role}`, 'by OpenID');
  return name;
}

function roleIn(claim: unknown, roles: Readonly<Record<string, Role>>): Role | undefined {
  const values = Array.isArray(claim) ? claim : [claim];
  const given = values.flatMap((one) =>
    typeof one === 'string' && Object.hasOwn(roles, one) ? [roles[one]] : [],
  );
  return BY_WIDTH.find((role) => given.includes(role));
}
