/** Step 3: what is asked for. Reads the body once, keeps its bytes, and says operation, model and units. */
import type { Inbound } from '../deps.ts';
import { Refusal } from '../refusal.ts';
import type { Frame } from './guard.ts';
import { readMultipart } from './multipart.ts';
import type { Route } from './routes.ts';

/** The call as policy, limits and log see it. */
export interface Call {
  readonly operation: string;
  /** True when the route takes a model, so that the policy has to allow one. */
  readonly takesModel: boolean;
  readonly model: string | null;
  /** Seconds of video asked for. */
  readonly seconds: number | null;
  /** Frame or picture, `WIDTHxHEIGHT` or what upstream calls it (`auto`). */
  readonly size: string | null;
  /** How many answers are asked for. */
  readonly n: number | null;
  /** The judged bytes; they are the ones that are sent. */
  readonly body: Uint8Array | null;
}

/** The parameters that policy and log look at, as text or number, wherever they stood. */
export type Fields = Readonly<Record<string, unknown>>;

export interface BodyLimits {
  readonly jsonBytes: number;
  readonly multipartBytes: number;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws Refusal */
export async function describe(
  frame: Frame,
  inbound: Inbound,
  route: Route | null,
  params: Readonly<Record<string, string>>,
  limits: BodyLimits,
): Promise<Call> {
  if (route === null) throw new Refusal('route_unknown', `${frame.method} ${frame.path}`);
  const kind = bodyKind(frame.contentType);
  const body = inbound.hasBody ? await readBody(route, kind, inbound, limits) : null;
  const fields = body === null ? {} : readFields(body, kind, frame.contentType ?? '');
  return {
    operation: route.operation,
    takesModel: route.model !== undefined,
    model: route.model === 'path' ? (params.model ?? null) : text(fields, 'model'),
    seconds: amount(fields, 'seconds'),
    size: text(fields, 'size'),
    n: amount(fields, 'n'),
    body,
  };
}

type Kind = 'json' | 'multipart' | null;

function bodyKind(contentType: string | null): Kind {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  return type === 'application/json' ? 'json' : type === 'multipart/form-data' ? 'multipart' : null;
}

function readBody(route: Route, kind: Kind, inbound: Inbound, limits: BodyLimits): Promise<Uint8Array> {
  if (route.body === 'none') throw new Refusal('body_not_expected', route.operation);
  if (kind === null || (route.body !== 'either' && route.body !== kind))
    throw new Refusal('media_type_unsupported', `${route.operation} takes ${route.body}`);
  return inbound.body(kind === 'multipart' ? limits.multipartBytes : limits.jsonBytes);
}

function readFields(body: Uint8Array, kind: Kind, contentType: string): Fields {
  return kind === 'json' ? readJson(body) : readMultipart(body, contentType);
}

function readJson(body: Uint8Array): Fields {
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(body));
  } catch (fault) {
    throw new Refusal('body_malformed', fault instanceof Error ? fault.message.slice(0, 120) : 'JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Refusal('body_malformed', 'not a JSON object');
  return value as Fields;
}

const MAX_NAME_CHARS = 200;

function text(fields: Fields, name: string): string | null {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' && value.length <= MAX_NAME_CHARS && /^[\x21-\x7e]+$/.test(value))
    return value;
  throw unreadable(name);
}

/** A count or a duration; OpenAI's API takes both as numbers and as strings of digits. */
function amount(fields: Fields, name: string): number | null {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  if (typeof value === 'string' && /^\d{1,6}(?:\.\d{1,6})?$/.test(value)) return Number(value);
  throw unreadable(name);
}

function unreadable(param: string): Refusal {
  return new Refusal('parameter_unreadable', param, { message: `It is "${param}".`, param });
}
