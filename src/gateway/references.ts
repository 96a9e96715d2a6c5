/** Which objects a call names: in its path, its query and its body, under whatever name. Pure. */
import { Refusal } from '../refusal.ts';
import type { Fields } from './body.ts';
import { Unread } from './multipart.ts';
import type { Route } from './routes.ts';

/** An id, and where it stood. */
export interface Reference {
  readonly id: string;
  readonly param: string;
}

export interface References {
  /** Ids that the call names as such: each must be the caller's own. */
  readonly named: readonly Reference[];
  /** Texts that look like ids where no id is known to stand: none may be another tester's. */
  readonly suspected: readonly Reference[];
}

/** Whole members that carry the tester's own words, which upstream never takes for ids. */
const FREE = new Set(['metadata', 'attributes', 'parameters', 'schema', 'json_schema', 'logit_bias']);
/** Members whose own names are the tester's words, but what stands in them is not. */
const NAMED_BY_TESTER = new Set(['variables']);
/** Names that end like ids and name no object: they pair calls with their answers inside one request, or are constants. */
const LABELS = new Set(['call_id', 'tool_call_id', 'event_id', 'connector_id']);
const WITH_LABELS = new Set(['tool_calls']);
/** Ids under names that do not say so. */
const ALSO_IDS = new Set([
  'conversation',
  'container',
  'video',
  'character',
  'characters',
  'input_reference',
]);
/** Of those, what a form may also bring itself. */
const MAY_BE_FILES = new Set(['video', 'character', 'characters', 'input_reference']);
const NOT_IN_IDS = /[^A-Za-z0-9_-]+/;
const LOOKS_LIKE_ID = /^[A-Za-z][A-Za-z_]{1,30}[-_][A-Za-z0-9_-]{6,}$/;
const MAX_ID_CHARS = 256;
/** A text with more is prose, or data. */
const MAX_SUSPECT_CHARS = 1_024;
/** Enough that a credential in it is still seen as one, and is not shown. */
const MAX_PARAM_CHARS = 1_024;
/** More than any call needs; each costs a look into the store. */
const MAX_REFERENCES = 2_000;

class Finder {
  readonly named: Reference[] = [];
  readonly suspected: Reference[] = [];
  readonly #seen = new Set<string>();
  /** True when an id stands under this name, in a member of that name. */
  readonly isReference: (key: string, holder: string) => boolean;

  constructor(isNamed: (key: string, holder: string) => boolean) {
    this.isReference = isNamed;
  }

  name(value: string, param: string): void {
    // No id is so long; cut off, it could be another one.
    const id = value.length > MAX_ID_CHARS ? `${value.slice(0, MAX_ID_CHARS)}\u2026` : value;
    if (value !== '') this.named.push({ id, param });
    this.#count();
  }

  /** Readers may trim a text, decode it, or take an id out of an address. */
  suspect(value: string, param: string): void {
    if (value.length < 8 || value.length > MAX_SUSPECT_CHARS) return;
    const text = value.trim();
    if (/\s/.test(text)) return;
    for (const id of percentDecoded(text).split(NOT_IN_IDS)) {
      if (id.length > MAX_ID_CHARS || this.#seen.has(id) || !LOOKS_LIKE_ID.test(id)) continue;
      this.#seen.add(id);
      this.suspected.push({ id, param });
      this.#count();
    }
  }

  #count(): void {
    if (this.named.length + this.suspected.length > MAX_REFERENCES)
      throw new Refusal('body_malformed', 'too many ids', { message: `At most ${MAX_REFERENCES} ids.` });
  }
}

/** Inside an open session most ids are the session's own; these are not. */
const OUTSIDE_SESSION = /(?:^|_)(?:file|store|container|prompt)_ids?$/;

/** What an event of a socket names. @throws Refusal when it names more than anybody needs */
export function referencesInEvent(event: Fields): References {
  const found = new Finder(
    (key, holder) => OUTSIDE_SESSION.test(key) || (key === 'id' && holder === 'prompt'),
  );
  for (const [name, value] of Object.entries(event)) walk(value, name.toLowerCase(), name, found);
  return found;
}

/** @throws Refusal when it names more than anybody needs */
export function referencesOf(
  route: Route,
  params: Readonly<Record<string, string>>,
  query: URLSearchParams,
  fields: Fields,
): References {
  const found = new Finder(isReference);
  let inObject = false;
  for (const [param, id] of Object.entries(params))
    if (param !== 'model') {
      inObject = true;
      found.name(id, param);
    }
  for (const [name, value] of query) {
    const isCursor = name === 'after' || name === 'before';
    // The cursor of a list inside an object of the caller's is good inside that object only.
    if (!isCursor) walkField(name, value, found);
    else if (!inObject && route.lists !== undefined) found.name(value, name);
    else found.suspect(value, name);
  }
  for (const [name, value] of Object.entries(fields)) walkField(name, value, found);
  return found;
}

/** A member of the body; forms spell nested ones `video[id]`, `characters[0][id]`. */
function walkField(name: string, value: unknown, found: Finder): void {
  const segments = name.toLowerCase().match(/[^[\]]+/g) ?? [];
  const key = segments.findLast((segment) => !/^\d+$/.test(segment)) ?? '';
  if (segments.slice(0, -1).some((segment) => FREE.has(segment)) || FREE.has(key)) return;
  walk(value, key, name, found);
}

function walk(value: unknown, key: string, param: string, found: Finder, holder = ''): void {
  if (typeof value === 'string' || typeof value === 'number') {
    if (found.isReference(key, holder)) found.name(String(value), param);
    else if (typeof value === 'string') found.suspect(value, param);
  } else if (Array.isArray(value)) for (const one of value) walk(one, key, param, found, holder);
  else if (value instanceof Unread) {
    if (found.isReference(key, holder) && !(value.file && MAY_BE_FILES.has(key)))
      throw new Refusal('body_malformed', `${param.slice(0, 64)} is no id`);
  } else if (typeof value === 'object' && value !== null) walkMembers(value, key, param, found);
}

function walkMembers(value: object, key: string, param: string, found: Finder): void {
  for (const [name, member] of Object.entries(value)) {
    const lower = name.toLowerCase();
    if (FREE.has(lower)) continue;
    const isLabel = NAMED_BY_TESTER.has(key) || (WITH_LABELS.has(key) && lower === 'id');
    walk(member, isLabel ? '' : lower, `${param}.${name}`.slice(0, MAX_PARAM_CHARS), found, key);
  }
}

function isReference(key: string): boolean {
  if (key === 'id' || key === 'ids' || ALSO_IDS.has(key)) return true;
  return (key.endsWith('_id') || key.endsWith('_ids')) && !LABELS.has(key);
}

function percentDecoded(text: string): string {
  try {
    return text.includes('%') ? decodeURIComponent(text) : text;
  } catch {
    return text;
  }
}
