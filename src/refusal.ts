/**
 * Every refusal: code, HTTP status and the public text; nothing else about a refusal ever reaches a tester.
 * 401 only for the token's faults, 403 for what is not allowed, 429 for limits, 5xx for ours.
 */

import { metadataUrl } from './token/metadata.ts';

interface Entry {
  readonly status: number;
  /** The text that testers read. It names the mend where the tester has one. */
  readonly text: string;
  /** The `error` of the Bearer challenge (RFC 6750 section 3.1); '' is a challenge without an error. */
  readonly challenge?: '' | 'invalid_token' | 'invalid_request' | 'insufficient_scope';
  /** True: trying the same call again can help. OpenAI SDKs obey `x-should-retry`. */
  readonly retry?: boolean;
  /** Further headers, name and value in turn. */
  readonly headers?: readonly string[];
}

export const REFUSALS = {
  // 400 and its kin: the request itself
  invalid_request: { status: 400, text: 'The request is malformed.', challenge: 'invalid_request' },
  path_not_canonical: {
    status: 400,
    text: 'The path is not in canonical form: send it without percent-encoding, empty or dot segments, and ";".',
  },
  body_not_expected: { status: 400, text: 'This call takes no body.' },
  body_malformed: { status: 400, text: 'The body could not be read.' },
  body_ambiguous: { status: 400, text: 'The body can be read in more than one way.' },
  route_unknown: { status: 404, text: 'Unknown request URL. This programme does not offer it.' },
  object_unknown: { status: 404, text: 'No such object.' },
  link_unknown: { status: 404, text: 'This link leads nowhere, or not any more.' },
  method_not_allowed: { status: 405, text: 'This method is not allowed here.' },
  body_timeout: { status: 408, text: 'The body did not arrive in time.' },
  body_too_large: { status: 413, text: 'The body is larger than this programme accepts.' },
  media_type_unsupported: { status: 415, text: 'The Content-Type does not fit this call.' },
  headers_too_large: { status: 431, text: 'The request headers are larger than this programme accepts.' },
  upgrade_required: {
    status: 426,
    text: 'This call is a WebSocket: send it with "Upgrade: websocket".',
    headers: ['upgrade', 'websocket', 'connection', 'upgrade'],
  },
  // 401: the token's faults
  token_missing: {
    status: 401,
    text: 'Send your access token as "Authorization: Bearer …".',
    challenge: '',
  },
  token_invalid: { status: 401, text: 'The access token is not valid.', challenge: 'invalid_token' },
  token_expired: {
    status: 401,
    text: 'The access token has expired; ask the operators for a new one.',
    challenge: 'invalid_token',
  },
  token_revoked: { status: 401, text: 'The access token has been revoked.', challenge: 'invalid_token' },
  // 403: what is not allowed
  insufficient_scope: {
    status: 403,
    text: 'The access token does not carry the scope that this programme asks for.',
    challenge: 'insufficient_scope',
  },
  tester_unknown: { status: 403, text: 'You are not a tester of this programme.' },
  cohort_unknown: { status: 403, text: 'Your cohort has no rules in this programme, so nothing is allowed.' },
  programme_stopped: { status: 403, text: 'The programme is stopped.' },
  access_ended: { status: 403, text: 'Your access to this programme has ended.' },
  access_suspended: { status: 403, text: 'Your access is suspended.' },
  terms_required: { status: 403, text: "The programme's terms have to be accepted first." },
  output_held: { status: 403, text: 'This output is held until its release is approved.' },
  output_unmarked: { status: 403, text: 'This programme gives outputs as marked clips only.' },
  link_invalid: {
    status: 403,
    text: 'This link was used already, or its time is over; ask the operators for a new one.',
  },
  form_expired: { status: 403, text: 'This form is not valid any more: open its page again.' },
  operation_not_allowed: { status: 403, text: 'This programme does not allow this operation.' },
  model_not_allowed: { status: 403, text: 'This programme does not allow this model.' },
  seconds_over_cap: { status: 403, text: 'The clip is longer than this programme allows.' },
  size_over_cap: { status: 403, text: 'The frame is larger than this programme allows.' },
  not_at_this_time: { status: 403, text: 'This programme does not allow this now.' },
  rule_broken: { status: 403, text: 'The rules of this programme do not allow this call.' },
  moderation_flagged: { status: 403, text: 'The words of this call are not acceptable in this programme.' },
  parameter_unreadable: {
    status: 403,
    text: 'A parameter that this programme limits could not be read from the request.',
  },
  storage_full: {
    status: 403,
    text: 'Your attachments have used up their room; ask the operators.',
  },
  // 429: limits
  address_limited: { status: 429, text: 'Too many refused calls from this address.', retry: true },
  rate_limited: { status: 429, text: 'Rate limit reached.', retry: true },
  quota_exceeded: { status: 429, text: 'Quota used up.' },
  concurrency_limited: { status: 429, text: 'Too many calls at the same time.', retry: true },
  // ours
  issuer_unavailable: { status: 503, text: "The token issuer's keys cannot be fetched.", retry: true },
  store_unavailable: {
    status: 503,
    text: 'The gateway cannot write its log, so it lets nothing through.',
    retry: true,
  },
  authority_unreachable: {
    status: 503,
    text: 'The gateway cannot make sure that nothing is stopped, so it lets nothing through.',
    retry: true,
  },
  policy_unavailable: {
    status: 503,
    text: 'The rules of this programme cannot be read, so nothing is let through.',
    retry: true,
  },
  moderation_unavailable: {
    status: 503,
    text: 'The words of this call could not be looked at, so it was not let through.',
    retry: true,
  },
  marking_failed: { status: 503, text: 'The clip could not be marked, so it was not given.' },
  gateway_busy: { status: 503, text: 'The gateway is at its capacity.', retry: true },
  gateway_fault: { status: 503, text: 'The gateway failed on this call; it was not let through.' },
  upstream_unreachable: { status: 502, text: 'The model API cannot be reached.', retry: true },
  upstream_error: { status: 502, text: 'The model API broke off its answer.', retry: true },
  upstream_refused_us: { status: 502, text: 'The model API refused the gateway.' },
  upstream_answer_refused: { status: 502, text: 'The answer of the model API cannot be passed on.' },
  upstream_timeout: { status: 504, text: 'The model API did not answer in time.', retry: true },
} as const satisfies Record<string, Entry>;

export type RefusalCode = keyof typeof REFUSALS;

/** A call answered by us and not forwarded. Thrown once, on the way of a call, and answered in one place. */
export class Refusal {
  readonly code: RefusalCode;
  /** The true reason, for the request log only. Never a token, key or secret. */
  readonly detail: string;
  readonly public: Public;
  /** True when its row is committed already. */
  recorded = false;

  constructor(code: RefusalCode, detail = '', told: Public = {}) {
    this.code = code;
    this.detail = detail;
    this.public = told;
  }

  get status(): number {
    return this.public.status ?? REFUSALS[this.code].status;
  }

  /** The public text, with the operator's public reason or the rule's message where there is one. */
  get text(): string {
    const { text } = REFUSALS[this.code];
    return this.public.message ? `${text} ${this.public.message}` : text;
  }
}

/** What a refusal may tell the tester beyond its fixed text. */
export interface Public {
  readonly message?: string;
  /** The parameter at fault, as in OpenAI's error shape. */
  readonly param?: string;
  /** What decided, for the log: `switch:7`, `caps.seconds`, `limit:minute`. */
  readonly rule?: string;
  /** Every rule that the call breaks, by name and message. */
  readonly rules?: readonly { readonly name: string; readonly message: string }[];
  readonly retryAfterSeconds?: number;
  /** Upstream's own status, where that is passed on. */
  readonly status?: number;
  /** Further headers, name and value in turn. */
  readonly headers?: readonly string[];
}

const OPENAI_TYPE: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
};

/** The body of a refusal: OpenAI's error object and the members of RFC 9457 in one. */
export function refusalBody(refusal: Refusal, requestId: string): string {
  const { code, status, text } = refusal;
  const { param = null, rules = [] } = refusal.public;
  const broken = rules.length > 0 ? { rules } : {};
  const type = OPENAI_TYPE[status] ?? (status >= 500 ? 'server_error' : 'invalid_request_error');
  return JSON.stringify({
    // Clients of the OpenAI kind show what stands in `error`, and nothing beside it.
    error: { message: text, type, code, param, ...broken },
    type: `urn:portcullis:refusal:${code}`,
    title: REFUSALS[code].text,
    status,
    detail: text,
    instance: `urn:uuid:${requestId}`,
    ...broken,
  });
}

/** The headers of a refusal, name and value in turn. */
export function refusalHeaders(refusal: Refusal, requestId: string, realm: string): string[] {
  const entry: Entry = REFUSALS[refusal.code];
  const headers = [
    'content-type',
    'application/problem+json',
    'x-request-id',
    requestId,
    'cache-control',
    'no-store',
    'x-should-retry',
    entry.retry ? 'true' : 'false',
  ];
  if (entry.challenge !== undefined)
    headers.push('www-authenticate', challenge(entry.challenge, entry.text, realm));
  const wait = refusal.public.retryAfterSeconds ?? (entry.retry && refusal.status === 503 ? 1 : undefined);
  if (wait !== undefined) headers.push('retry-after', String(wait));
  if (entry.headers) headers.push(...entry.headers);
  if (refusal.public.headers) headers.push(...refusal.public.headers);
  return headers;
}

/** The challenge of RFC 6750 section 3: an error only where credentials were sent; where to read more (RFC 9728). */
function challenge(error: string, text: string, realm: string): string {
  const more = URL.canParse(realm) ? `, resource_metadata="${metadataUrl(realm)}"` : '';
  const base = `Bearer realm="${realm}"${more}`;
  return error ? `${base}, error="${error}", error_description="${text.replaceAll(/["\\]/g, "'")}"` : base;
}
