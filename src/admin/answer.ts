/** What the routes' descriptions have in common: answers, faults of the request, times. */
import { type Hook, z } from '@hono/zod-openapi';
import type { ZodType } from 'zod';
import { masked } from '../printable.ts';
import type { AdminEnv } from './access.ts';
import { Problem } from './problem.ts';

/** For `refine`: operators paste what leaked, and a name that holds a credential would stand in the log and its exports. */
export const noCredential = (text: string): boolean => masked(text) === text;
export const WITHOUT_CREDENTIAL = 'it holds a credential; use a name without one';

export const Time = z.iso.datetime().openapi({ description: 'ISO 8601, UTC, milliseconds' });

export const ProblemBody = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem');

/** Scope of a bearer credential in the description; what it allows is decided in access.ts. */
export const SECURED = [{ operator: [] }];

/** A 200 of this shape; every other status is a problem. Clients' types see the 200 only. */
export function answers<T extends ZodType>(schema: T, description: string) {
  const ok = { 200: { description, content: { 'application/json': { schema } } } };
  const problem = {
    description: 'Refused or failed',
    content: { 'application/problem+json': { schema: ProblemBody } },
  };
  const both: typeof ok = Object.assign({ default: problem }, ok);
  return both;
}

/** A JSON body that must be there. */
export function body<T extends ZodType>(schema: T) {
  return { required: true, content: { 'application/json': { schema } } };
}

/** Names each field at fault and its mend. */
export const nameFaults: Hook<unknown, AdminEnv, string, undefined> = (result) => {
  if (result.success) return undefined;
  const errors = result.error.issues.map((issue) => ({
    field: issue.path.join('.'),
    message: issue.message,
  }));
  const detail = errors.map((e) => (e.field ? `${e.field}: ${e.message}` : e.message)).join('; ');
  throw new Problem('request_invalid', `${detail}.`, errors);
};
