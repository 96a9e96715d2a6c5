/** Every error of the admin API: one shape, RFC 9457. Nothing of a request is echoed but names the operator typed. */
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { StopFileThere } from '../admission/stops.ts';
import { SwitchUnknown } from '../admission/switches.ts';
import { FormatNotMade } from '../log/export.ts';
import { ReleaseFault } from '../outputs/releases.ts';
import { masked } from '../printable.ts';
import { StoreUnavailable } from '../store/writer.ts';
import { KeySigns, KeyUnknown, LifetimeTooLong, TesterUnknown } from '../token/faults.ts';

const PROBLEMS = {
  request_invalid: [400, 'The request is not valid'],
  credential_missing: [401, 'Operator credential missing'],
  credential_invalid: [401, 'Operator credential not valid'],
  session_ended: [401, 'Session ended'],
  sign_in_refused: [401, 'Sign-in refused'],
  role_forbidden: [403, 'Your role does not allow this'],
  csrf_invalid: [403, 'CSRF token missing or not valid'],
  reauthentication_required: [403, 'A fresh sign-in is wanted'],
  cross_site: [403, 'Cross-site request refused'],
  host_unknown: [403, 'Host name not accepted'],
  route_unknown: [404, 'No such route'],
  method_not_allowed: [405, 'The route does not take this method'],
  cohort_unknown: [404, 'No such cohort'],
  tester_unknown: [404, 'No such tester'],
  token_unknown: [404, 'No such access token'],
  tile_unknown: [404, 'No such tile'],
  checkpoint_missing: [404, 'No checkpoint yet'],
  object_unknown: [404, 'No such object'],
  operator_unknown: [404, 'No such operator'],
  session_unknown: [404, 'No such session'],
  passkey_unknown: [404, 'No such passkey'],
  content_missing: [404, 'No such content'],
  key_unknown: [404, 'No such key'],
  finding_unknown: [404, 'No such finding'],
  request_unknown: [404, 'No such request'],
  policy_unknown: [404, 'No such version of the policy'],
  policy_faulty: [400, 'The policy has faults, and was refused as a whole'],
  terms_unknown: [404, 'No such terms'],
  release_unknown: [404, 'No such release'],
  link_unknown: [404, 'No such link'],
  switch_unknown: [404, 'No such switch'],
  switch_not_engaged: [404, 'No such switch is engaged'],
  cohort_exists: [409, 'The cohort exists already'],
  tester_exists: [409, 'The tester exists already'],
  operator_exists: [409, 'The name is taken'],
  last_admin: [409, 'It is the last admin'],
  passkeys_need_name: [409, 'Passkeys want a host name'],
  release_decided: [409, 'The release is not open to this'],
  already_approved: [409, 'You have approved already'],
  tester_removed: [409, 'The tester was removed'],
  token_ended: [409, 'The access token cannot be renewed'],
  stop_file_present: [409, 'The file STOP is still there'],
  selection_changed: [409, 'Other testers are touched now'],
  in_flight: [409, 'The first request goes on'],
  outcome_unknown: [409, 'The outcome is not known'],
  already_done: [409, 'It was done already'],
  drill_running: [409, 'A drill is running'],
  key_signs: [409, 'The key signs'],
  body_too_large: [413, 'Body too large'],
  media_type_unsupported: [415, 'Body is not JSON'],
  idempotency_key_reused: [422, 'Idempotency-Key used for another request'],
  too_many_attempts: [429, 'Too many attempts'],
  fault: [500, 'The server failed on this request'],
  provider_unavailable: [502, 'The OpenID provider does not answer'],
  upstream_failed: [502, 'The model API did not answer as it should'],
  store_unavailable: [503, 'The store is not available'],
} as const satisfies Record<string, readonly [ContentfulStatusCode, string]>;

export type ProblemCode = keyof typeof PROBLEMS;

export interface FieldError {
  /** Dotted path of the field, or the whole request when empty. */
  readonly field: string;
  /** Names the mend. */
  readonly message: string;
}

/** Thrown on the way of a request, and answered in one place. Jobs of the writer return, and never throw it. */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly errors: readonly FieldError[];

  constructor(code: ProblemCode, detail: string, errors: readonly FieldError[] = []) {
    // What was asked for is quoted, and people paste credentials.
    super(masked(detail));
    this.code = code;
    this.errors = errors.map(({ field, message }) => ({ field: masked(field), message: masked(message) }));
  }
}

export function cohortUnknown(name: string): Problem {
  return new Problem('cohort_unknown', `There is no cohort "${name}"; make it with POST /admin/cohorts.`);
}

export function testerUnknown(id: string): Problem {
  return new Problem('tester_unknown', `There is no tester "${id}"; add it with POST /admin/testers.`);
}

/** The answer for whatever was thrown; `onFault` hears of what nobody foresaw. */
export function answerFault(fault: unknown, c: Context, onFault: (fault: unknown) => void): Response {
  const problem = problemOf(fault);
  if (problem.code === 'fault' || problem.code === 'store_unavailable') onFault(fault);
  return answerProblem(c, problem);
}

export function answerProblem(c: Context, { code, message, errors }: Problem): Response {
  const [status, title] = PROBLEMS[code];
  if (status === 401) c.header('WWW-Authenticate', 'Bearer realm="portcullis control"');
  if (status === 429) c.header('Retry-After', '60');
  const body = { type: `urn:portcullis:problem:${code}`, title, status, detail: message };
  return c.body(JSON.stringify(errors.length > 0 ? { ...body, errors } : body), status, {
    'Content-Type': 'application/problem+json',
  });
}

function problemOf(fault: unknown): Problem {
  if (fault instanceof Problem) return fault;
  if (fault instanceof HTTPException && fault.status < 500)
    return new Problem('request_invalid', fault.message || 'The body could not be read as JSON.');
  if (fault instanceof TesterUnknown) return new Problem('tester_unknown', fault.message);
  if (fault instanceof SwitchUnknown) return new Problem('switch_not_engaged', fault.message);
  if (fault instanceof StopFileThere) return new Problem('stop_file_present', fault.message);
  if (fault instanceof KeyUnknown) return new Problem('key_unknown', fault.message);
  if (fault instanceof KeySigns) return new Problem('key_signs', fault.message);
  if (fault instanceof ReleaseFault) return new Problem(OF_RELEASES[fault.code], fault.message);
  if (fault instanceof LifetimeTooLong || fault instanceof FormatNotMade)
    return new Problem('request_invalid', fault.message);
  if (fault instanceof StoreUnavailable || isSqliteFault(fault))
    return new Problem('store_unavailable', 'Nothing was changed; the server log has the cause.');
  return new Problem('fault', 'The server log has the cause.');
}

const OF_RELEASES: Readonly<Record<ReleaseFault['code'], ProblemCode>> = {
  object_unknown: 'object_unknown',
  object_deleted: 'content_missing',
  unfinished: 'content_missing',
  in_force: 'release_decided',
  release_unknown: 'release_unknown',
  not_asked: 'release_decided',
  not_approved: 'release_decided',
  voted: 'already_approved',
};

/** By its code, so that no driver is imported here. */
function isSqliteFault(fault: unknown): boolean {
  return (
    fault instanceof Error &&
    'code' in fault &&
    typeof fault.code === 'string' &&
    fault.code.startsWith('SQLITE')
  );
}
