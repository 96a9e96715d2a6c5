/** What testers hand in: forms and JSON, read in one way and held to one shape. */
import type { Context } from 'hono';
import { z } from 'zod';
import { JsonFault, parseObject } from '../json.ts';
import { harmless } from '../printable.ts';
import { Refusal } from '../refusal.ts';
import { CATEGORIES, SEVERITIES } from '../store/states.ts';
import type { PortalEnv } from './portal.ts';

/** A form or a JSON object as it came. */
export interface Given {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly files: readonly File[];
}

/** What was wrong with each field, in words that name the mend. */
export type Faults = Readonly<Record<string, string>>;

const USUAL_BYTES = 64 * 1024;
const MOST_CHARS = 8_000;

const line = z
  .string('use at least 3 characters')
  .trim()
  .min(3, 'use at least 3 characters')
  .max(200, 'use at most 200 characters')
  .transform(harmless);
const words = z
  .string('write a few words')
  .trim()
  .min(1, 'write a few words')
  .max(MOST_CHARS, `use at most ${MOST_CHARS} characters`)
  .transform(harmlessLines);
/** An empty field of a form is one that was not filled in. */
const optional = <T extends z.ZodType>(shape: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), shape.optional());
const call = optional(z.guid('use the id of a call of yours'));
const object = optional(z.string().max(256, 'use the id of an output of yours'));

export const FeedbackInput = z.strictObject({
  rating: z.coerce
    .number('choose 1 to 5')
    .int('choose 1 to 5')
    .min(1, 'choose 1 to 5')
    .max(5, 'choose 1 to 5'),
  text: words,
  call,
  object,
});
export const FindingInput = z.strictObject({
  title: line,
  severity: z.enum(SEVERITIES, 'choose one'),
  category: z.enum(CATEGORIES, 'choose one'),
  reproduction: words,
  call,
  object,
});
export const TermsInput = z.strictObject({
  version: z.coerce.number('name the version').int().positive(),
  sha256: z.string('send the SHA-256 of the text').regex(/^[0-9a-f]{64}$/, 'send the SHA-256 of the text'),
});
export const ReleaseInput = z.strictObject({
  object: z
    .string('name the output')
    .trim()
    .min(1, 'name the output')
    .max(256, 'use the id of an output of yours'),
  purpose: line,
  place: line,
});
export const AppealInput = z.strictObject({ text: words });

const MOST_ROWS = 200;
/** Which page of a list. */
export const PageInput = z.strictObject({
  limit: z.coerce.number('use a number').int('use a whole number').min(1).max(MOST_ROWS).default(50),
  before: z.string().max(300).optional(),
  outcome: z.string().max(64).optional(),
  kind: z.string().max(64).optional(),
});

export type FeedbackInput = z.output<typeof FeedbackInput>;
export type FindingInput = z.output<typeof FindingInput>;
export type TermsInput = z.output<typeof TermsInput>;
export type ReleaseInput = z.output<typeof ReleaseInput>;
export type AppealInput = z.output<typeof AppealInput>;

/** What was handed in does not fit; a page shows its form again, the API names each field. */
export class Unfit extends Error {
  readonly faults: Faults;
  constructor(faults: Faults) {
    super('the input does not fit');
    this.faults = faults;
  }
}

/** @throws Unfit */
export function shaped<T extends z.ZodType>(shape: T, fields: Given['fields']): z.output<T> {
  const read = shape.safeParse(fields);
  if (read.success) return read.data;
  throw new Unfit(
    Object.fromEntries(
      read.error.issues.map(({ path, message }) => [String(path[0] ?? '').slice(0, 40), message]),
    ),
  );
}

/** The body of a request, by its own Content-Type. @throws Refusal */
export async function readInput(c: Context<PortalEnv>, limitBytes = USUAL_BYTES): Promise<Given> {
  const type = c.req.header('content-type') ?? '';
  const kind = /^(application\/json|application\/x-www-form-urlencoded|multipart\/form-data)\s*(?:;|$)/i.exec(
    type,
  );
  const name = kind?.[1]?.toLowerCase();
  if (name === undefined) throw new Refusal('media_type_unsupported', 'portal');
  const bytes = await c.env.visit.body(limitBytes);
  return name === 'application/json' ? { fields: jsonOf(bytes), files: [] } : formOf(bytes, type);
}

function jsonOf(bytes: Uint8Array): Given['fields'] {
  try {
    return parseObject(bytes);
  } catch (fault) {
    if (!(fault instanceof JsonFault)) throw fault;
    throw new Refusal(fault.ambiguous ? 'body_ambiguous' : 'body_malformed', fault.message);
  }
}

async function formOf(bytes: Uint8Array, type: string): Promise<Given> {
  const form = await new Response(Uint8Array.from(bytes), { headers: { 'content-type': type } })
    .formData()
    .catch(() => {
      throw new Refusal('body_malformed', 'form');
    });
  const fields: Record<string, unknown> = Object.create(null);
  const files: File[] = [];
  for (const [name, value] of form) {
    // A browser sends an empty file where none was chosen.
    if (typeof value !== 'string') {
      if (value.size > 0 || value.name !== '') files.push(value);
    } else if (name in fields) throw new Refusal('body_ambiguous', `${name.slice(0, 64)} twice`);
    else fields[name] = value;
  }
  return { fields, files };
}

/** The number of a row in a path. @throws Refusal as if it did not exist */
export function numberIn(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new Refusal('object_unknown', 'no number');
  return Number(text);
}

/** Of several lines; each without what steers a terminal, and without credentials. */
export function harmlessLines(text: string): string {
  return text
    .split(/\r\n|[\r\n]/)
    .map(harmless)
    .join('\n');
}
