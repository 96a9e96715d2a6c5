/** The body of a request: read once, kept as it came, and its members as the judge sees them. */
import type { Inbound } from '../deps.ts';
import { JsonFault, parseObject } from '../json.ts';
import { Refusal } from '../refusal.ts';
import { readMultipart } from './multipart.ts';
import type { Route } from './routes.ts';

/** The parameters that policy and log look at, as text or number, wherever they stood. */
export type Fields = Readonly<Record<string, unknown>>;

export interface BodyLimits {
  readonly jsonBytes: number;
  readonly multipartBytes: number;
}

/** The judged bytes; they are the ones that are sent. */
export interface Body {
  readonly bytes: Uint8Array;
  readonly fields: Fields;
}

/** Null for a call without one. @throws Refusal */
export async function readBody(
  route: Route,
  contentType: string | null,
  inbound: Inbound,
  limits: BodyLimits,
): Promise<Body | null> {
  if (!inbound.hasBody) return null;
  const kind = kindOf(contentType ?? '');
  if (route.body === 'none') throw new Refusal('body_not_expected', route.operation);
  if (kind === null || (route.body !== 'either' && route.body !== kind))
    throw new Refusal('media_type_unsupported', `${route.operation} takes ${route.body}`);
  const bytes = await inbound.body(kind === 'multipart' ? limits.multipartBytes : limits.jsonBytes);
  const fields = kind === 'json' ? readJson(bytes) : readMultipart(bytes, contentType ?? '');
  checkSpelling(fields);
  return { bytes, fields };
}

/** JSON is UTF-8 (RFC 8259 section 8.1); a charset that says otherwise would be obeyed by some readers. */
function kindOf(contentType: string): 'json' | 'multipart' | null {
  if (/^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(contentType)) return 'json';
  return /^multipart\/form-data\s*;/i.test(contentType) ? 'multipart' : null;
}

function readJson(bytes: Uint8Array): Fields {
  try {
    return parseObject(bytes);
  } catch (fault) {
    if (!(fault instanceof JsonFault)) throw fault;
    throw new Refusal(fault.ambiguous ? 'body_ambiguous' : 'body_malformed', fault.message);
  }
}

/** What is judged by its name. */
const JUDGED = new Set(['model', 'seconds', 'size', 'n', 'prompt', 'stream', 'store', 'background']);

/** Some readers take `Model` for `model`; then what was judged would not be what is done. */
function checkSpelling(fields: Fields): void {
  for (const name of Object.keys(fields)) {
    const lower = name.toLowerCase();
    if (lower !== name && (JUDGED.has(lower) || lower in fields))
      throw new Refusal('body_ambiguous', `"${name.slice(0, 64)}" for "${lower.slice(0, 64)}"`);
  }
}

const MAX_NAME_CHARS = 200;

/** A name of something; null when it is absent. @throws Refusal when it cannot be one */
export function text(fields: Fields, name: string): string | null {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && value.length <= MAX_NAME_CHARS && /^[\x21-\x7e]+$/.test(value))
    return value;
  throw unreadable(name);
}

/** A count or a duration; OpenAI's API takes both as numbers and as strings of digits. @throws Refusal */
export function amount(fields: Fields, name: string): number | null {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  if (typeof value === 'string' && /^\d{1,9}(?:\.\d{1,6})?$/.test(value)) return Number(value);
  throw unreadable(name);
}

function unreadable(param: string): Refusal {
  return new Refusal('parameter_unreadable', param, { message: `It is "${param}".`, param });
}
